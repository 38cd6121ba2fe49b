import type { ConflictError } from '../../conflicts/conflicts'
import type { ResourceState } from '../../contracts/adapter'
import type { Action } from '../../rules/change'
import { isGone } from '../../rules/lifecycle'
import type { Attempt, GuardedRequest, Stage } from './guarded-request'

/** Compares the request with a state: after a lost race, with the state that won. */
export function newAttempt<T>(
  guarded: GuardedRequest<T>,
  stored: ResourceState<T> | undefined,
  afterLostRace: boolean,
): Attempt<T> {
  const current = stored && !wasRemoved(guarded, stored) ? stored : undefined
  return {
    stored,
    change: { action: actionOf(guarded, current), current, proposed: undefined },
    afterLostRace,
    tags: undefined,
    verdict: undefined,
  }
}

/** Runs the checks of the stages in their order on a state: once by the chain, and again after a lost race. */
export function firstConflict<T>(
  guarded: GuardedRequest<T>,
  attempt: Attempt<T>,
  stages: readonly Stage[],
  from = 0,
): ConflictError | undefined | Promise<ConflictError | undefined> {
  for (let index = from; index < stages.length; index++) {
    const conflict = stages[index]?.check?.(guarded, attempt)
    // Most checks are done at once, and to await them all the same costs more than some of them do.
    if (conflict instanceof Promise)
      return conflict.then((found) => found ?? firstConflict(guarded, attempt, stages, index + 1))
    if (conflict) return conflict
  }
  return undefined
}

/** A tombstone, or a value whose lifecycle says that it is gone. */
export function wasRemoved<T>({ settings }: GuardedRequest<T>, stored: ResourceState<T>): boolean {
  return stored.gone === true || (settings.lifecycle !== undefined && isGone(settings.lifecycle, stored.value))
}

/** Whether the request may create the resource, by its method and the `create` option. */
export function mayCreate<T>({ method, settings, isNew, isAbove }: GuardedRequest<T>): boolean {
  return !isAbove && settings.create.has(method as 'PUT' | 'POST') && (method === 'PUT' || isNew)
}

function actionOf<T>({ method, isSafe, isNew }: GuardedRequest<T>, current: ResourceState<T> | undefined): Action {
  if (isSafe) return 'read'
  switch (method) {
    case 'PUT':
      return current ? 'replace' : 'create'
    case 'PATCH':
      return 'patch'
    case 'DELETE':
      return 'remove'
    default:
      return isNew ? 'create' : 'act'
  }
}
