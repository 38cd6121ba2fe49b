import type { IncomingMessage } from 'node:http'
import type { Request } from 'express'
import type { ConflictError } from '../../conflicts/conflicts'
import { conflictOf } from '../../conflicts/conflicts'
import type { ResourceAdapter, ResourceState } from '../../contracts/adapter'
import type { Lease } from '../../contracts/lock'
import type { Action } from '../../rules/change'
import type { Intent } from '../change/intended-change'
import { lostRace } from '../preconditions/lost-race'
import { find, type GuardedRequest } from '../request/guarded-request'
import { refusal, told } from '../request/refuse'
import { settledOf } from '../request/settled'
import { representationOf } from '../request/validators'
import type { Committed } from './after-change'
import { commit } from './commit'
import { changeWritten, type WriteOutcome } from './written'

/** What the chain found on a request. */
export interface Resource<T, Handle = unknown> {
  readonly name: string
  /** `undefined` for a resource that is being created and has no key yet. */
  readonly key: string | undefined
  readonly action: Action
  /** The state that the checks were made against. Its value is what they compare with: make a copy to change it. */
  readonly current: ResourceState<T> | undefined
  /** The value that the request would make of it: the PUT body, the patched value, the new resource. */
  readonly proposed: T | undefined
  /** The current value as clients see it: hidden members out, the version field in. */
  readonly representation: unknown
  /**
   * With `isolation: 'transaction'`: what the handler's own statements have to run on to be part of the transaction that
   * `commit` commits. Throws on a request that has none, such as a GET.
   */
  readonly transaction: Handle
  /** Of the lock that is held for this request; its `fence` is for the app's own statements. */
  readonly lease: Lease | undefined
  /** Aborted when the client has left, or the lock was lost. */
  readonly signal: AbortSignal
  /**
   * Stores what was proposed if nothing has changed since it was checked; removes on DELETE.
   *
   * Give a value to store something else, or a function of the current value, which may be called again after a lost
   * race and must have no side effects. Rejects with a ConflictError: let it through to `respondToConflicts`.
   */
  commit(next?: T | ((current: T | undefined) => T | Promise<T>)): Promise<Committed<T>>
  /**
   * For handlers that write by themselves: records what their statement has stored, and puts the new validators on the
   * answer. Throws what `lostRace()` gives when it is called with nothing, `false` or 0, because no row matched.
   */
  written(outcome: WriteOutcome<T>): Committed<T>
  /** For handlers that write by themselves: what to throw when their `WHERE … AND version = …` matched nothing. */
  lostRace(): ConflictError
}

/** What the chain with this adapter left on the request; of several, the last one. Throws when none ran. */
export function resourceOf<T, Handle = unknown>(
  req: IncomingMessage,
  adapter: ResourceAdapter<T, Handle>,
): Resource<T, Handle> {
  return resourceFor(guardedBy(req, adapter))
}

export function resourceFor<T, Handle = unknown>(guarded: GuardedRequest<T>): Resource<T, Handle> {
  const resource = Object.create(SHARED)
  resource[FOUND] = guarded
  resource.name = guarded.settings.name
  // Of its own, as a handler may take them out of it.
  resource.commit = (next?: Parameters<Resource<T>['commit']>[0]) => commitAndTell(guarded, intentOf(next))
  resource.written = (outcome: WriteOutcome<T>) => changeWritten(guarded, outcome)
  resource.lostRace = () => told(guarded, lostRace(guarded))
  return resource
}

const FOUND = Symbol('found')

interface FoundResource extends Resource<unknown> {
  readonly [FOUND]: GuardedRequest<unknown>
}

type Shared = Omit<Resource<unknown>, 'name' | 'commit' | 'written' | 'lostRace'>

/** What all of them share. An object with getters of its own takes 3 µs to make, and each handler asks for one. */
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
    const { res, leases } = this[FOUND]
    return AbortSignal.any([settledOf(res).left, ...leases.map((lease) => lease.signal)])
  },
}

/** `resourceOf(req, adapter).representation`, without the rest. */
export function currentRepresentation<T>(req: IncomingMessage, adapter: ResourceAdapter<T>): unknown {
  return representationOfCurrent(guardedBy(req, adapter))
}

export async function commitAndTell<T>(guarded: GuardedRequest<T>, intent: Intent<T>): Promise<Committed<T>> {
  try {
    return await commit(guarded, intent)
  } catch (error) {
    const conflict = conflictOf(error)
    throw conflict ? await refusal(guarded, conflict) : error
  }
}

function guardedBy<T>(req: IncomingMessage, adapter: ResourceAdapter<T>): GuardedRequest<T> {
  const guarded = find(req as Request, adapter)
  if (guarded === undefined || guarded === 'passed') throw new Error(missing(guarded))
  return guarded
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
  // The adapter that `resourceOf` was given is the one that made it.
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

function missing(passed: 'passed' | undefined): string {
  return passed
    ? 'resourceOf(): the chain with this adapter let the request pass (skip, another path, or a method that it does not guard). Above the resource, as in app.use("/articles", chain), it needs path: "/:id".'
    : 'resourceOf(): no chain with this adapter ran on the request. Mount detectConflicts({ adapter, … }) in front of the handler, with the same adapter object.'
}
