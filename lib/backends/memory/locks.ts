import type { Lease, LockManager } from '../../contracts/lock'
import { type Line, line } from '../../timing/line'
import { LONGEST_TIMER_MS } from '../../timing/pause'
import { type LeaseState, leaseHandle, markLost } from '../leases/lease'
import { expiryQueue } from './expiry-queue'

/** Locks of this process. */
export interface MemoryLocks extends LockManager {
  /** How many keys are held now. */
  readonly size: number
}

type Terms = Parameters<LockManager['acquire']>[1]

interface Held extends LeaseState {
  readonly key: string
  readonly maxHoldMs: number
  /** The callers that wait for the lock, if any. They are passed on with the key. */
  waiters: Line<() => void> | undefined
  isOver: boolean
}

const DONE = Promise.resolve()
/** How many entries of released locks may stay in memory. */
const FEW = 64

/** Locks within this process only, granted in the order of the requests. Another process has locks of its own. */
export function memoryLocks(): MemoryLocks {
  const held = new Map<string, Held>()
  const ends = expiryQueue<Held>()
  const wakeBy = alarm(endThoseThatAreOver)
  let grants = 0

  function grant(key: string, { maxHoldMs }: Terms, waiters?: Line<() => void>): Lease {
    const endsAt = performance.now() + maxHoldMs
    const it: Held = {
      key,
      maxHoldMs,
      waiters,
      isOver: false,
      fence: ++grants,
      lostBy: undefined,
      listened: undefined,
    }
    held.set(key, it)
    ends.push(it, endsAt)
    if (ends.size > 2 * held.size + FEW) ends.prune(({ record }) => !record.isOver)
    wakeBy(endsAt)
    return leaseHandle(it, () => {
      end(it)
      return DONE
    })
  }

  function end(it: Held, lostBy?: Error): void {
    if (it.isOver) return
    it.isOver = true
    if (lostBy) markLost(it, lostBy)
    const next = it.waiters?.next()
    // The key stays in the map while it is passed on, so nobody else can take it in between.
    if (next) next()
    else held.delete(it.key)
  }

  function endThoseThatAreOver(): void {
    for (let { first } = ends; first !== undefined && performance.now() >= first.until; { first } = ends) {
      ends.shift()
      end(first.record, new Error(`the lock was held for maxHoldMs (${first.record.maxHoldMs})`))
    }
    if (ends.first) wakeBy(ends.first.until)
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
      before.waiters ??= line()
      const { waiters } = before
      return (await turn(waiters, terms)) ? grant(key, terms, waiters) : undefined
    },
  }
}

function turn(waiters: Line<() => void>, { waitMs, signal }: Terms): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (granted: boolean) => {
      leave()
      clearTimeout(timer)
      signal?.removeEventListener('abort', giveUp)
      resolve(granted)
    }
    const giveUp = () => end(false)
    const timer = setTimeout(giveUp, Math.min(waitMs, LONGEST_TIMER_MS))
    signal?.addEventListener('abort', giveUp)
    const leave = waiters.join(() => end(true))
  })
}

/**
 * Calls `ring` at the earliest of the given times. All locks share one timer, because a timer costs more than a lock.
 */
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
    // A lock alone does not keep the process alive.
    timer = setTimeout(onTime, Math.min(at - performance.now(), LONGEST_TIMER_MS)).unref()
  }
}
