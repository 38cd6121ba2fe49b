import { ConflictError } from '../../conflicts/conflicts'
import type { Intent } from '../change/intended-change'
import { type LockQueue, lockQueue } from '../lock/lock-queue'
import { conditionsOf, versionNamedBy } from '../preconditions/conditions'
import type { GuardedRequest } from '../request/guarded-request'
import { settledOf } from '../request/settled'

/** The turn of a request that collided with others of this process. */
export interface Turn {
  /** Whether others had their turn first, and have probably changed the state. */
  readonly hasWaited: boolean
  end(): void
}

/** How many requests of this process wait to change one resource. */
const MOST_WAITING = 1000

const lines = new WeakMap<object, LockQueue>()

/** Whether requests of this process are colliding on the resource: then a first try would only add to it. */
export function isContended<T>({ settings, key }: GuardedRequest<T>): boolean {
  return key !== undefined && lines.get(settings.adapter)?.isBusy(key) === true
}

/**
 * Waits for the turn to change the resource. Requests that collide would lose most of their races against each other;
 * in turn, each writes about once. A resource on which nothing collides has no line.
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
 * Whether a lost race can still be won. A value of the handler's own was made from the state that lost, and a version or
 * date that the client named has passed: waiting would only make them older.
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
