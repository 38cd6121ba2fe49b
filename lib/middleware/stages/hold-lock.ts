import { ConflictError } from '../../conflicts/conflicts'
import { type ConflictEvents, publish, warn } from '../../conflicts/events'
import type { Lease, LockManager } from '../../contracts/lock'
import { show } from '../../options'
import { type LockQueue, lockQueue } from '../../timing/line'
import { chainOf } from '../chain/chain'
import { definitionOf, type ResourceOrOptions } from '../options/definition'
import type { LockSettings } from '../options/lock-options'
import type { ConflictMiddleware } from '../request/conflict-middleware'
import type { GuardedRequest, Stage } from '../request/guarded-request'
import { settledOf } from '../request/settled'

/**
 * Stage 2: holds the lock of the resource from before the state is read until the answer has ended.
 *
 * A lock only avoids requests that would lose a race. It can end while the handler is at work, and then the commit is
 * refused with `lock_lost`. The data is protected by the version that every write carries.
 */
export function holdLock<T>(resource: ResourceOrOptions<T>): ConflictMiddleware<T> {
  const definition = definitionOf('holdLock', resource)
  if (definition.lock === undefined) throw new TypeError('holdLock(): give lock: { manager }, such as memoryLocks().')
  return chainOf('holdLock', definition, [lockStage])
}

export const lockStage: Stage = {
  name: 'holdLock',
  role: 'enters',
  async enter(guarded) {
    const { lock, safeMethods } = guarded.settings
    const { method } = guarded
    if (lock === undefined || !(lock.methods?.has(method) ?? !safeMethods.has(method))) return undefined
    return holdAll(guarded, lock, keysOf(guarded, lock))
  },
}

/** Sorted, so that two requests for the same two locks cannot deadlock. */
function keysOf<T>({ req, key, settings }: GuardedRequest<T>, lock: LockSettings): string[] {
  const named = lock.key ? lock.key(req) : key === undefined ? [] : `${settings.name}:${key}`
  const keys = [named].flat()
  if (keys.every((each) => typeof each === 'string' && each !== '')) return [...new Set(keys)].sort()
  throw new TypeError(`lock.key of the ${settings.name} has to give non-empty strings; got ${show(named)}.`)
}

/** Takes all of the locks or none. A lock that this request already holds for another chain is used again. */
async function holdAll<T>(
  guarded: GuardedRequest<T>,
  lock: LockSettings,
  keys: readonly string[],
): Promise<ConflictError | undefined> {
  const { left, onSettled } = settledOf(guarded.res)
  const held = heldOn(guarded.req, lock.manager)
  const until = performance.now() + lock.waitMs
  const gained: string[] = []
  const release = async () => {
    for (const key of gained.splice(0))
      await held
        .get(key)
        ?.release()
        .catch(warn)
        .finally(() => held.delete(key))
  }
  for (const key of keys) {
    const lease = held.get(key) ?? (await holdObserved(guarded, lock, key, until, left))
    if (lease instanceof ConflictError) {
      await release()
      return lease
    }
    if (!held.has(key)) gained.push(key)
    held.set(key, lease)
    guarded.leases.push(lease)
  }
  onSettled(lock.maxHoldMs, () => void release())
  return undefined
}

const HELD = Symbol.for('express-conflict.held')

function heldOn(req: object, manager: LockManager): Map<string, Lease> {
  const carrier = req as { [HELD]?: Map<LockManager, Map<string, Lease>> }
  carrier[HELD] ??= new Map()
  const held = carrier[HELD].get(manager) ?? new Map<string, Lease>()
  carrier[HELD].set(manager, held)
  return held
}

const queues = new WeakMap<LockManager, LockQueue>()

/** Chains that share a manager share its queue: order is kept over all of them. */
function queueOf(manager: LockManager): LockQueue {
  const queue = queues.get(manager) ?? lockQueue()
  queues.set(manager, queue)
  return queue
}

interface Load {
  waiting: number
  held: number
}

/**
 * The locks that this process waits for and holds, by the name of the resource. Always counted, so that the figures are
 * right for subscribers that come later.
 */
const loads = new Map<string, Load>()

function loadOf(name: string): Load {
  const load = loads.get(name) ?? { waiting: 0, held: 0 }
  loads.set(name, load)
  return load
}

/** Publishes the beginning and the end of the wait for a lock, and the end of the lock. */
async function holdObserved<T>(
  { req, settings: { name } }: GuardedRequest<T>,
  lock: LockSettings,
  key: string,
  until: number,
  signal: AbortSignal,
): Promise<Lease | ConflictError> {
  const load = loadOf(name)
  const since = performance.now()
  let waitedMs = 0
  const publishEvent = (event: ConflictEvents['lock']['event']) =>
    publish('lock', () => ({ name, key, event, waitedMs, ...load, request: req }))
  load.waiting += 1
  publishEvent('waiting')
  const lease = await hold(lock, key, until, signal).finally(() => {
    load.waiting -= 1
    waitedMs = performance.now() - since
  })
  if (lease instanceof ConflictError) {
    publishEvent('refused')
    return lease
  }
  load.held += 1
  publishEvent('granted')
  let isOver = false
  const end = (event: 'released' | 'lost') => {
    if (isOver) return
    isOver = true
    load.held -= 1
    publishEvent(event)
  }
  if (lease.signal.aborted) end('lost')
  lease.signal.addEventListener('abort', () => end('lost'), { once: true })
  return {
    fence: lease.fence,
    signal: lease.signal,
    release: () => {
      end('released')
      return lease.release()
    },
  }
}

/** Waits for a turn in this process, then for the manager. */
async function hold(
  lock: LockSettings,
  key: string,
  until: number,
  signal: AbortSignal,
): Promise<Lease | ConflictError> {
  const { manager, leaseMs, maxHoldMs, maxWaiting } = lock
  const queue = queueOf(manager)
  const refused = (code: 'queue_full' | 'resource_busy') =>
    new ConflictError(code, { retryAfterS: queue.retryAfterS(key) })
  const waited = await queue.wait(key, { waitMs: until - performance.now(), maxWaiting, signal })
  if (waited.outcome !== 'turn') return refused(waited.outcome === 'full' ? 'queue_full' : 'resource_busy')
  const { done } = waited
  try {
    const waitMs = Math.max(0, until - performance.now())
    const lease = await manager.acquire(key, { waitMs, leaseMs, maxHoldMs, signal })
    if (lease) return withTurn(lease, done)
  } catch (cause) {
    done()
    return new ConflictError('backend_unavailable', { cause, retryAfterS: queue.retryAfterS(key) })
  }
  done()
  return refused('resource_busy')
}

/** The turn ends with the lease, however that ends. */
function withTurn(lease: Lease, done: () => void): Lease {
  if (lease.signal.aborted) done()
  lease.signal.addEventListener('abort', done, { once: true })
  return {
    fence: lease.fence,
    signal: lease.signal,
    release: () => lease.release().finally(done),
  }
}
