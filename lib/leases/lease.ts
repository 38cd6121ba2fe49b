import type { Lease } from '../lock'
import { storeFault } from '../store-fault'
import { LONGEST_TIMER_MS } from './wait'

/** What a service granted. */
export interface Grant {
  readonly fence?: string | undefined
  /** When the lock was asked for, by `performance.now()`: the lease counts from then, so it never ends after the service's. */
  readonly askedAt: number
  /** Gives the lock back, and knows by itself whether it is still ours. Called once at the most. */
  free(): Promise<void>
  /** Makes the lease `leaseMs` long again; `false`: the lock is gone. Without it the lock is ours until it is given back. */
  renew?(): Promise<boolean>
}

export interface HeldLease {
  readonly lease: Lease
  /** Tells the holder that the lock is gone. */
  lose(reason: Error): void
}

/** Renewals that a lease has time for before it runs out. */
const RENEWALS_PER_LEASE = 3

/**
 * Holds what was granted: renews it, tells its loss, and gives it back.
 *
 * The clock is the monotonic one. A process that was stopped finds its lease run out before it believes any answer.
 */
export function holdLease(grant: Grant, terms: { leaseMs: number; maxHoldMs: number }, onEnd = () => {}): HeldLease {
  const { leaseMs, maxHoldMs } = terms
  const lost = new AbortController()
  const timers = new Set<NodeJS.Timeout>()
  let validUntil = grant.renew ? grant.askedAt + leaseMs : Number.POSITIVE_INFINITY
  let renewing: Promise<void> | undefined
  let freed: Promise<void> | undefined

  function free(): Promise<void> {
    for (const timer of timers) clearTimeout(timer)
    // A renewal that is under way must not come after the end: it would take the lock again.
    freed ??= (renewing === undefined ? grant.free() : renewing.then(grant.free)).finally(onEnd)
    return freed
  }

  function lose(reason: Error): void {
    if (freed || lost.signal.aborted) return
    lost.abort(reason)
    // What cannot be given back runs out in the service too, so nobody needs to hear of it.
    free().catch(() => {})
  }

  function after(ms: number, act: () => void): void {
    const timer = setTimeout(
      () => {
        timers.delete(timer)
        act()
      },
      Math.min(ms, LONGEST_TIMER_MS),
    )
    // A lease alone keeps no process alive.
    timers.add(timer.unref())
  }

  function isOver(): boolean {
    if (performance.now() >= validUntil) lose(new Error('the lease ran out before it was renewed'))
    return freed !== undefined || lost.signal.aborted
  }

  async function renewOnce(renew: () => Promise<boolean>): Promise<void> {
    const sentAt = performance.now()
    // An error may pass by; the lease goes on until it has run out.
    const renewed = await renew().catch(() => undefined)
    // An answer that comes after the lease has run out says nothing: somebody may have looked at the lock in between.
    if (isOver()) return
    if (renewed) validUntil = sentAt + leaseMs
    if (renewed === false) lose(new Error('the lock is gone from the service'))
  }

  function keepRenewing(renew: () => Promise<boolean>): void {
    after(leaseMs / RENEWALS_PER_LEASE, () => {
      if (isOver()) return
      renewing ??= renewOnce(renew).finally(() => {
        renewing = undefined
      })
      keepRenewing(renew)
    })
  }

  function watch(): void {
    if (isOver()) return
    after(validUntil - performance.now(), watch)
  }

  if (grant.renew) {
    keepRenewing(grant.renew)
    watch()
  }
  after(maxHoldMs, () => lose(new Error(`the lock was held for maxHoldMs (${maxHoldMs})`)))

  return {
    lose,
    lease: {
      fence: grant.fence,
      signal: lost.signal,
      async release() {
        // After a loss there is nothing left to give back.
        if (lost.signal.aborted) return
        await free().catch((cause) => Promise.reject(storeFault(cause, { applied: 'no' })))
      },
    },
  }
}
