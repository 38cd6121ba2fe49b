import { ConflictError } from '../../conflicts/conflicts'
import type { ResourceState } from '../../contracts/adapter'
import { type LockQueue, lockQueue } from '../../timing/line'
import { pause } from '../../timing/pause'
import { retryAfterS } from '../../timing/retry-after'
import { conditionsOf, versionNamedBy } from '../preconditions/conditions'
import { firstConflict, newAttempt } from '../request/attempt'
import type { Attempt, GuardedRequest } from '../request/guarded-request'
import { settledOf } from '../request/settled'
import { readState } from '../state/store-call'
import type { Intent } from './swap'

/**
 * Judges a request again after a lost race: runs the checks on the state that won, and throws the conflict that they
 * find.
 */
export async function judgedAgain<T>(
  guarded: GuardedRequest<T>,
  stored: ResourceState<T> | undefined,
): Promise<Attempt<T>> {
  const attempt = newAttempt(guarded, stored, true)
  guarded.attempt = attempt
  const conflict = await firstConflict(guarded, attempt, guarded.stages)
  if (conflict === undefined) return attempt
  guarded.progress = { at: 'ended', error: conflict }
  throw conflict
}

/** Reads the state again after other requests had their turn. */
export async function readAgain<T>(guarded: GuardedRequest<T>, before: Attempt<T>): Promise<Attempt<T>> {
  const stored = await readState(guarded)
  return stored?.version === before.stored?.version ? before : judgedAgain(guarded, stored)
}

/** The most keys that are tried for one new resource. */
const MOST_KEYS = 5

/**
 * Makes another key for a new resource if the first one was taken: the client did not choose the key, so it cannot
 * choose another. `undefined` if that cannot help: the handler's own value may contain the old key, and a key that is
 * derived from the value is always the same. Rejects with the conflict that the checks find for the value with its new
 * key.
 */
export async function withAnotherKey<T>(
  guarded: GuardedRequest<T>,
  intent: Intent<T>,
  tries: number,
): Promise<Attempt<T> | undefined> {
  const { key: taken, settings, headers, stages } = guarded
  if (intent.from === 'value' || tries >= MOST_KEYS || settings.adapter.create) return undefined
  // A client that sends If-None-Match: * means one particular resource.
  if (headers['if-none-match'] !== undefined && !settings.reportsOnly) return undefined
  for (let made = tries; made < MOST_KEYS; made++) {
    guarded.key = undefined
    const attempt = newAttempt(guarded, undefined, false)
    guarded.attempt = attempt
    const conflict = await firstConflict(guarded, attempt, stages)
    if (conflict) throw conflict
    // The same key again would also be taken.
    if (guarded.key !== taken) return attempt
  }
  guarded.key = taken
  return undefined
}

/** The turn of a request that collided with others of this process. */
export interface Turn {
  /** Whether others went first, and have probably changed the state. */
  readonly hasWaited: boolean
  end(): void
}

/** How many requests of this process may wait to change one resource. */
const MOST_WAITING = 1000

const lines = new WeakMap<object, LockQueue>()

/** Whether requests of this process are already colliding on the resource. A first try would only add to that. */
export function isContended<T>({ settings, key }: GuardedRequest<T>): boolean {
  return key !== undefined && lines.get(settings.adapter)?.isBusy(key) === true
}

/**
 * Waits in line to change the resource. Colliding requests would lose most races against each other; in line, each of
 * them writes about once. A resource without collisions has no line.
 */
export async function lineUp<T>(guarded: GuardedRequest<T>, untilMs: number): Promise<Turn> {
  const { settings, key = '', res } = guarded
  const queue = lines.get(settings.adapter) ?? lockQueue()
  lines.set(settings.adapter, queue)
  const hasWaited = queue.isBusy(key)
  const { left } = settledOf(res)
  const waitMs = untilMs - Date.now()
  const waited = await queue.wait(key, { waitMs, maxWaiting: MOST_WAITING, signal: left })
  if (waited.outcome === 'turn') return { hasWaited, end: waited.done }
  throw new ConflictError('concurrent_update', { retryAfterS: queue.retryAfterS(key) })
}

/**
 * Whether the request can still succeed after a lost race. It cannot if the handler made its own value from the state
 * that lost, or if the client named a version or date: these are out of date now.
 */
export function outlastsOthers<T>(guarded: GuardedRequest<T>, intent: Intent<T>): boolean {
  if (guarded.isNew) return false
  if (guarded.settings.reportsOnly) return true
  if (intent.from === 'value') return false
  const conditions = conditionsOf(guarded)
  if (conditions instanceof ConflictError) return false
  if (Array.isArray(conditions.ifMatch) || conditions.ifUnmodifiedSince !== undefined) return false
  return versionNamedBy(guarded) === undefined
}

const PAUSES = { firstMs: 10, longestMs: 100 }

export async function pauseInTurn<T>({ res }: GuardedRequest<T>, tries: number, untilMs: number): Promise<void> {
  const isInTime = await pause(tries - 1, { ...PAUSES, untilMs })
  // If the client has left, stop early and let the others go ahead.
  if (!isInTime || res.destroyed) throw tooMany()
}

export function tooMany(): ConflictError {
  return new ConflictError('concurrent_update', { retryAfterS: retryAfterS() })
}
