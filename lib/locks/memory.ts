import { holdLease } from '../leases/lease'
import { LONGEST_TIMER_MS } from '../leases/wait'
import type { Lease, LockManager } from '../lock'

/** Locks of this process. */
export interface MemoryLocks extends LockManager {
  /** How many keys are held right now. */
  readonly size: number
}

type Terms = Parameters<LockManager['acquire']>[1]

/** Locks within this process alone, in the order in which they were asked for. Another process has locks of its own. */
export function memoryLocks(): MemoryLocks {
  /** Who waits for a key that is held. A key that is not held has no entry. */
  const waiters = new Map<string, Set<() => void>>()
  let fence = 0

  function grant(key: string, terms: Terms): Lease {
    if (!waiters.has(key)) waiters.set(key, new Set())
    fence += 1
    const free = async () => handOn(key)
    return holdLease({ fence: String(fence), askedAt: performance.now(), free }, terms).lease
  }

  function handOn(key: string): void {
    const [next] = waiters.get(key) ?? []
    if (!next) waiters.delete(key)
    else next()
  }

  function turn(queue: Set<() => void>, { waitMs, signal }: Terms): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (granted: boolean) => {
        queue.delete(take)
        clearTimeout(timer)
        signal?.removeEventListener('abort', giveUp)
        resolve(granted)
      }
      const take = () => end(true)
      const giveUp = () => end(false)
      const timer = setTimeout(giveUp, Math.min(waitMs, LONGEST_TIMER_MS))
      signal?.addEventListener('abort', giveUp)
      queue.add(take)
    })
  }

  return {
    get size() {
      return waiters.size
    },

    async acquire(key, terms) {
      if (terms.signal?.aborted) return undefined
      const queue = waiters.get(key)
      if (!queue) return grant(key, terms)
      if (terms.waitMs <= 0) return undefined
      // The key keeps its entry while it is handed on, so nobody comes in between.
      return (await turn(queue, terms)) ? grant(key, terms) : undefined
    },
  }
}
