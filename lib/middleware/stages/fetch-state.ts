import { answerOf, ConflictError } from '../../conflicts/conflicts'
import type { ResourceState } from '../../contracts/adapter'
import { frozenConflict } from '../../rules/lifecycle'
import { chainOf } from '../chain/chain'
import { beginTransaction } from '../commit/transaction'
import { editLockConflict } from '../edit-locks/edit-lock-conflict'
import { type Definition, definitionOf, type ResourceOrOptions } from '../options/definition'
import type { EditLocks } from '../options/edit-locks'
import { conditionsOf, truncatedHeaders } from '../preconditions/conditions'
import { mayCreate } from '../request/attempt'
import type { ConflictMiddleware } from '../request/conflict-middleware'
import type { Attempt, GuardedRequest, Stage } from '../request/guarded-request'
import { type Allow, denial } from '../state/store-call'

/**
 * Stage 3: reads the state once, and refuses what the state and the caller alone decide: missing, gone, denied, frozen.
 *
 * By itself, with `create: []`, it is for the parent of a nested resource, because conditions and body belong to the
 * child. Mounted with `use`, it also guards everything below its mount.
 */
export function fetchState<T>(resource: ResourceOrOptions<T>): ConflictMiddleware<T> {
  const definition = definitionOf('fetchState', resource)
  const guardsBelow = definition.options.path === undefined
  return chainOf('fetchState', definition, [stateStageOf(definition)], { guardsBelow })
}

/**
 * With `isolation: 'transaction'` it first opens the transaction. In the whole chain it does so only if conditions do
 * not refuse the request.
 */
export function stateStageOf<T>({ options }: Definition<T>, enter: Stage['enter'] = beginTransaction): Stage {
  return options.isolation === 'transaction' ? { ...stateStage, enter } : stateStage
}

export const stateStage: Stage = {
  name: 'fetchState',
  role: 'reads',
  prepare: ({ req }) => truncatedHeaders(req),
  check(guarded, attempt) {
    const { stored, change } = attempt
    // RFC 9110 §13.2.1: conditions are not evaluated if the answer without them is not 2xx. So 404 comes first, unless
    // the method may create.
    if (stored === undefined && !mayCreate(guarded)) return answerOf('not_found')
    const { options, editLocks } = guarded.settings
    const { allow } = options
    const isRemoved = change.current === undefined
    if (stored && isRemoved && !isRepeatedRemoval(guarded) && !isRestored(guarded, stored))
      return allow ? goneOrHidden(guarded, stored, allow) : answerOf('gone')
    const conflict = allow ? deniedOrFrozen(guarded, attempt, allow) : frozen(guarded, attempt)
    return editLocks && !guarded.isSafe ? orLocked(guarded, attempt, editLocks, conflict) : conflict
  },
}

async function orLocked<T>(
  guarded: GuardedRequest<T>,
  attempt: Attempt<T>,
  locks: EditLocks,
  conflict: ConflictError | undefined | Promise<ConflictError | undefined>,
): Promise<ConflictError | undefined> {
  return (await conflict) ?? editLockConflict(guarded, attempt, locks)
}

async function deniedOrFrozen<T>(
  guarded: GuardedRequest<T>,
  attempt: Attempt<T>,
  allow: Allow<T>,
): Promise<ConflictError | undefined> {
  const { req, settings } = guarded
  return denial(settings.name, await allow(req, attempt.stored)) ?? frozen(guarded, attempt)
}

/**
 * 410 reveals that the resource existed. A caller that may not know that gets 404, as for a resource that never
 * existed.
 */
async function goneOrHidden<T>(
  { req, settings }: GuardedRequest<T>,
  stored: ResourceState<T>,
  allow: Allow<T>,
): Promise<ConflictError> {
  const conflict = denial(settings.name, await allow(req, stored))
  return conflict?.code === 'not_found' ? conflict : answerOf('gone')
}

/** For a PUT with `If-None-Match: *`, a tombstone counts as nothing: the PUT restores the resource. */
function isRestored<T>(guarded: GuardedRequest<T>, { gone }: ResourceState<T>): boolean {
  if (!gone || guarded.method !== 'PUT' || !mayCreate(guarded)) return false
  const conditions = conditionsOf(guarded)
  return !(conditions instanceof ConflictError) && conditions.ifNoneMatch === '*'
}

function frozen<T>({ isSafe, settings }: GuardedRequest<T>, { change }: Attempt<T>): ConflictError | undefined {
  const { lifecycle } = settings
  return isSafe || !lifecycle || !change.current ? undefined : frozenConflict(lifecycle, change.current.value)
}

/**
 * A DELETE with a condition on a removed resource may be the repetition of the DELETE that removed it. If `fetchState`
 * stands by itself, the DELETE may be about a child of the resource.
 */
function isRepeatedRemoval<T>(guarded: GuardedRequest<T>): boolean {
  const { method, settings, stages } = guarded
  if (method !== 'DELETE' || !settings.alreadyApplied.has('DELETE')) return false
  if (!stages.some(({ name }) => name === 'checkPreconditions')) return false
  const conditions = conditionsOf(guarded)
  return !(conditions instanceof ConflictError) && conditions.ifMatch !== undefined
}
