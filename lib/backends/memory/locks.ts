import type { Lease, LockManager } from '../../contracts/lock'
import { type Told, tellLoss, toldLease } from '../leases/lease-handle'
import { LONGEST_TIMER_MS } from '../leases/wait'

/** Locks of this process. */
export interface MemoryLocks extends LockManager {
  /** How many keys are held right now. */
  readonly size: number
}

type Terms = Parameters<LockManager['acquire']>[1]

interface Held extends Told {
  readonly key: string
  readonly maxHoldMs: number
  readonly endsAt: number
  /** Who waits for it, if anybody does; handed on with the key. */
  waiters: Set<() => void> | undefined
  isOver: boolean
}

const DONE = Promise.resolve()

/** Locks within this process alone, in the order in which they were asked for. Another process has locks of its own. */
export function memoryLocks(): MemoryLocks {
  const held = new Map<string, Held>()
  const wakeBy = alarm(endThoseThatAreOver)
  let grants = 0

  function grant(key: string, { maxHoldMs }: Terms, waiters?: Set<() => void>): Lease {
    const endsAt = performance.now() + maxHoldMs
    const it: Held = {
      key,
      maxHoldMs,
      endsAt,
      waiters,
      isOver: false,
      fence: ++grants,
      lostBy: undefined,
      listened: undefined,
    }
    held.set(key, it)
    wakeBy(endsAt)
    return toldLease(it, () => {
      end(it)
      return DONE
    })
  }

  function end(it: Held, lostBy?: Error): void {
    if (it.isOver) return
    it.isOver = true
    if (lostBy) tellLoss(it, lostBy)
    const next = it.waiters?.values().next().value
    // The key keeps its entry while it is handed on, so nobody comes in between.
    if (next) next()
    else held.delete(it.key)
  }

  function endThoseThatAreOver(): void {
    for (const it of held.values()) {
      if (performance.now() < it.endsAt) wakeBy(it.endsAt)
      else end(it, new Error(`the lock was held for maxHoldMs (${it.maxHoldMs})`))
    }
  }

  return {
    get size() {
      return held.size
    },

    async acquire(key, terms) {
      if (terms.signal?.aborted) return undefined
      const before = held.get(key)
      if (!before) return grant(key, terms)
      if (terms.waitMs <= 0) return undefined
      before.waiters ??= new Set()
      const { waiters } = before
      return (await turn(waiters, terms)) ? grant(key, terms, waiters) : undefined
    },
  }
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

/** Rings at the earliest of the times that it was given. One timer for all locks: each costs more than a lock does. */
function alarm(ring: () => void): (at: number) => void {
  let ringsAt = Number.POSITIVE_INFINITY
  let timer: NodeJS.Timeout | undefined
  return (at) => {
    if (at >= ringsAt) return
    ringsAt = at
    clearTimeout(timer)
    const onTime = () => {
      ringsAt = Number.POSITIVE_INFINITY
      ring()
    }
    // A lock alone keeps no process alive.
    timer = setTimeout(onTime, Math.min(at - performance.now(), LONGEST_TIMER_MS)).unref()
  }
}
