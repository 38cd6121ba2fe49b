import type { IncomingMessage } from 'node:http'
import type { Request } from 'express'
import { type ConflictError, conflictOf } from '../../conflicts/conflicts'
import type { ResourceState } from '../../contracts/adapter'
import type { Lease } from '../../contracts/lock'
import type { Action } from '../../rules/change'
import { type Definition, isDefinition, type ResourceDefinition } from '../options/definition'
import { lostRace } from '../preconditions/refusals'
import type { ConflictMiddleware } from '../request/conflict-middleware'
import { find, type GuardedRequest, leasesOn } from '../request/guarded-request'
import { announced, refusal } from '../request/refuse'
import { settledOf } from '../request/settled'
import { representationOf } from '../request/validators'
import type { Committed } from './after-change'
import { commit } from './commit'
import type { Intent } from './swap'
import { changeWritten, type WriteOutcome } from './written'

/** What the chain found on a request. */
export interface Resource<T, Handle = unknown> {
  readonly name: string
  /** `undefined` for a resource that is being created and has no key yet. */
  readonly key: string | undefined
  readonly action: Action
  /** The state that the checks used. They compare with this very value, so make a copy before you change it. */
  readonly current: ResourceState<T> | undefined
  /** The value that the request would store: the PUT body, the patched value, or the new resource. */
  readonly proposed: T | undefined
  /** The current value as clients see it, without hidden members and with the version field. */
  readonly representation: unknown
  /**
   * The database handle of the open transaction, with `isolation: 'transaction'`. Statements that run on it are
   * committed by `commit`. Throws on a request that has no transaction, such as a GET.
   */
  readonly transaction: Handle
  /** The lock that is held for this request. Use its `fence` in the app's own statements. */
  readonly lease: Lease | undefined
  /** Aborted when the client disconnects, or when a lock or the transaction of this request is lost. */
  readonly signal: AbortSignal
  /**
   * Stores the proposed value, or removes the resource on DELETE, if nothing has changed since the checks.
   *
   * Give a value to store something else, or a function that makes it from the current value. The function may be
   * called again after a lost race, so it must have no side effects. Rejects with a ConflictError: pass it on to
   * `respondToConflicts`.
   */
  commit(next?: T | ((current: T | undefined) => T | Promise<T>)): Promise<Committed<T>>
  /**
   * For handlers that write by themselves: records what their statement has stored, and puts the new validators on the
   * answer. Call it with nothing, `false` or 0 if no row matched: it then throws what `lostRace()` returns.
   */
  written(outcome: WriteOutcome<T>): Committed<T>
  /** For handlers that write by themselves: the error to throw if their `WHERE … AND version = …` matched no row. */
  lostRace(): ConflictError
}

/**
 * What the chain found on the request, for a definition or for the chain that `detectConflicts` returned. If several
 * chains of the definition ran, it is the result of the last one. Throws if none did.
 */
export function resourceOf<T, Handle = unknown>(
  req: IncomingMessage,
  resource: ResourceDefinition<T, Handle> | ConflictMiddleware<T, Handle>,
): Resource<T, Handle> {
  return resourceFor<T, Handle>(guardedBy<T>(req, resource))
}

export function resourceFor<T, Handle = unknown>(guarded: GuardedRequest<T>): Resource<T, Handle> {
  const found = Object.create(SHARED)
  found[FOUND] = guarded
  found.name = guarded.settings.name
  // Own members, because a handler may destructure them.
  found.commit = (next?: Parameters<Resource<T>['commit']>[0]) => {
    const committing = commitAndTell(guarded, intentOf(next))
    // If the handler does not await it, a rejection must not end the process. A warning comes with the answer.
    committing.catch(() => undefined)
    return committing
  }
  found.written = (outcome: WriteOutcome<T>) => changeWritten(guarded, outcome)
  found.lostRace = () => announced(guarded, lostRace(guarded))
  return found
}

const FOUND = Symbol('found')

interface FoundResource extends Resource<unknown> {
  readonly [FOUND]: GuardedRequest<unknown>
}

type Shared = Omit<Resource<unknown>, 'name' | 'commit' | 'written' | 'lostRace'>

/** The getters that all of them share. Each handler asks for one, and an object with its own getters takes 3 µs to make. */
const SHARED: Shared & ThisType<FoundResource> = {
  get key() {
    return this[FOUND].key
  },
  get action() {
    return changeOf(this[FOUND]).action
  },
  get current() {
    return changeOf(this[FOUND]).current
  },
  get proposed() {
    return changeOf(this[FOUND]).proposed
  },
  get representation() {
    return representationOfCurrent(this[FOUND])
  },
  get transaction() {
    return handleOf(this[FOUND])
  },
  get lease() {
    return this[FOUND].leases[0]
  },
  get signal() {
    const { req, res, transaction } = this[FOUND]
    const lost = leasesOn(req).map((lease) => lease.signal)
    return AbortSignal.any([settledOf(res).left, ...lost, ...(transaction ? [transaction.lost] : [])])
  },
}

/** `resourceOf(req, definition).representation`, without the rest. */
export function currentRepresentation<T>(req: IncomingMessage, definition: Definition<T>): unknown {
  return representationOfCurrent(guardedBy<T>(req, definition))
}

export async function commitAndTell<T>(guarded: GuardedRequest<T>, intent: Intent<T>): Promise<Committed<T>> {
  try {
    return await commit(guarded, intent)
  } catch (error) {
    const conflict = conflictOf(error)
    throw conflict ? await refusal(guarded, conflict) : error
  }
}

function guardedBy<T>(req: IncomingMessage, resource: object): GuardedRequest<T> {
  const definition = (typeof resource === 'function' ? (resource as ConflictMiddleware).resource : resource) as
    | Definition<T>
    | undefined
  const guarded = definition && find(req as Request, definition)
  if (guarded && !('passed' in guarded)) return guarded
  if (!isDefinition<T>(definition))
    throw new TypeError(
      'resourceOf(): no chain for this ran on the request, for it is no definition. Give what defineResource() gave, or the chain that detectConflicts() gave, in place of an adapter or options.',
    )
  throw new Error(missing(definition.name, guarded !== undefined))
}

function representationOfCurrent<T>(guarded: GuardedRequest<T>): unknown {
  const { current } = changeOf(guarded)
  return current && representationOf(guarded, current)
}

function changeOf<T>({ attempt }: GuardedRequest<T>) {
  if (attempt) return attempt.change
  throw new Error('resourceOf(): the chain has not read the state yet.')
}

function handleOf<T, Handle>({ transaction, settings, method }: GuardedRequest<T>): Handle {
  // Its type is known: this definition's adapter has made it.
  if (transaction) return transaction.adapter.transactionHandle as Handle
  throw new Error(
    `resourceOf(): ${method} on the ${settings.name} has no transaction. Only requests that may change something have one, and only with isolation: 'transaction'.`,
  )
}

function intentOf<T>(next: T | ((current: T | undefined) => T | Promise<T>) | undefined): Intent<T> {
  if (next === undefined) return { from: 'proposal' }
  return typeof next === 'function'
    ? { from: 'function', next: next as (current: T | undefined) => T | Promise<T> }
    : { from: 'value', value: next }
}

function missing(name: string, wasPassed: boolean): string {
  return wasPassed
    ? `resourceOf(): the chain of the ${name} let the request pass (skip, another path, or a method that it does not guard). Above the resource, as in app.use('/${name}s', chain), it needs path: '/:id'.`
    : `resourceOf(): no chain of this ${name} ran on the request. Mount detectConflicts() in front of the handler, and give it this very definition.`
}
