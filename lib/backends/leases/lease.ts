import type { Lease } from '../../contracts/lock'
import { storeFault } from '../../contracts/store-fault'
import { pollingMs } from '../../timing/pause'

/** The state of a lease. */
export interface LeaseState {
  readonly fence: string | number | undefined
  lostBy: Error | undefined
  /** Made only if somebody listens: most locks are released before that. */
  listened: AbortController | undefined
}

const STATE = Symbol('state')

interface LeaseWithState extends Lease {
  readonly [STATE]: LeaseState
}

/**
 * What all leases share. An object with getters of its own takes thirty times as long to make: half of a lock in
 * memory.
 */
const SHARED: Pick<LeaseWithState, 'fence' | 'signal'> & ThisType<LeaseWithState> = {
  get fence() {
    const { fence } = this[STATE]
    return fence === undefined ? undefined : String(fence)
  },

  get signal() {
    const state = this[STATE]
    if (state.listened) return state.listened.signal
    state.listened = new AbortController()
    if (state.lostBy) state.listened.abort(state.lostBy)
    return state.listened.signal
  },
}

/** A lease that reflects the latest renewal or loss. */
export function leaseHandle(state: LeaseState, release: () => Promise<void>): Lease {
  const lease = Object.create(SHARED)
  lease[STATE] = state
  lease.release = release
  return lease
}

/** Marks the lease as lost and tells its listeners. */
export function markLost(state: LeaseState, reason: Error): void {
  state.lostBy = reason
  state.listened?.abort(reason)
}

/** What a service granted. */
export interface Grant {
  readonly fence?: string | undefined
  /**
   * When the lock was asked for, by `performance.now()`: the lease counts from then, so it never ends after the
   * service's.
   */
  readonly askedAt: number
  /** Gives the lock back, and knows by itself whether it is still ours. Called once at the most. */
  free(): Promise<void>
  /**
   * Makes the lease `leaseMs` long again; `false`: the lock is gone. Without it the lock is ours until it is given
   * back.
   */
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
export function holdLease(grant: Grant, terms: { leaseMs: number; maxHoldMs: number }, onEnd?: () => void): HeldLease {
  const { leaseMs, maxHoldMs } = terms
  const { renew } = grant
  const heldSince = performance.now()
  const endsAt = heldSince + maxHoldMs
  let validUntil = renew ? grant.askedAt + leaseMs : Number.POSITIVE_INFINITY
  let renewAt = renew ? heldSince + leaseMs / RENEWALS_PER_LEASE : Number.POSITIVE_INFINITY
  let timer: NodeJS.Timeout | undefined
  let renewing: Promise<void> | undefined
  let freed: Promise<void> | undefined
  const state: LeaseState = { fence: grant.fence, lostBy: undefined, listened: undefined }

  function free(): Promise<void> {
    if (freed) return freed
    clearTimeout(timer)
    // A renewal that is under way must not come after the end: it would take the lock again.
    freed = renewing === undefined ? grant.free() : renewing.then(grant.free)
    if (onEnd) freed = freed.finally(onEnd)
    return freed
  }

  function release(): Promise<void> {
    // After a loss there is nothing left to give back.
    if (state.lostBy) return Promise.resolve()
    return free().catch((cause) => Promise.reject(storeFault(cause, { applied: 'no' })))
  }

  function lose(reason: Error): void {
    if (freed || state.lostBy) return
    markLost(state, reason)
    // What cannot be given back runs out in the service too, so nobody needs to hear of it.
    free().catch(() => {})
  }

  function isOver(): boolean {
    const now = performance.now()
    if (now >= validUntil) lose(new Error('the lease ran out before it was renewed'))
    if (now >= endsAt) lose(new Error(`the lock was held for maxHoldMs (${maxHoldMs})`))
    return freed !== undefined || state.lostBy !== undefined
  }

  async function renewOnce(send: () => Promise<boolean>): Promise<void> {
    const sentAt = performance.now()
    // The error may be temporary, so the lease goes on until it runs out.
    const renewed = await send().catch(() => undefined)
    // An answer that arrives after the lease has run out proves nothing: another process may have taken the lock in
    // between.
    if (isOver()) return
    if (renewed) validUntil = sentAt + leaseMs
    if (renewed === false) lose(new Error('the lock is gone from the service'))
  }

  function wake(): void {
    if (isOver()) return
    const now = performance.now()
    if (renew && now >= renewAt) {
      renewAt = now + leaseMs / RENEWALS_PER_LEASE
      renewing ??= renewOnce(renew).finally(() => {
        renewing = undefined
      })
    }
    sleep(now)
  }

  /** Until the next of the three moments that matter. A lease alone keeps no process alive. */
  function sleep(now: number): void {
    timer = setTimeout(wake, Math.min(Math.min(validUntil, renewAt, endsAt) - now, LONGEST_TIMER_MS)).unref()
  }

  if (!isOver()) sleep(heldSince)
  return { lease: leaseHandle(state, release), lose }
}

/** How long somebody waits for a lock. */
export interface Patience {
  readonly waitMs: number
  readonly signal?: AbortSignal | undefined
}

/** A look at the lock: what was granted, if it was free. */
export interface Polling<R> {
  look(): Promise<R | undefined>
  /** Gives back what was granted to somebody who had given up by then. */
  giveBack(granted: R): Promise<void>
}

/** The first wait between two looks at a lock, and the longest one. */
const POLL_MS = { first: 4, longest: 50 }

/** Node fires a longer timer at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Looks until something is granted, or until `waitMs` has passed or `signal` was aborted. */
export async function pollFor<R>(polling: Polling<R>, { waitMs, signal }: Patience): Promise<R | undefined> {
  const until = performance.now() + waitMs
  for (let pollMs = POLL_MS.first; !signal?.aborted; pollMs = Math.min(2 * pollMs, POLL_MS.longest)) {
    const granted = await lookOnce(polling, signal)
    const leftMs = until - performance.now()
    if (granted !== undefined || leftMs <= 0) return granted
    // Jitter keeps waiters of several processes from asking in step. The last look is at the very end.
    await sleeper(Math.min(leftMs, pollingMs(pollMs)), signal).woken
  }
  return undefined
}

function lookOnce<R>({ look, giveBack }: Polling<R>, signal: AbortSignal | undefined): Promise<R | undefined> {
  const looked = look()
  if (!signal) return looked
  return new Promise((resolve, reject) => {
    const giveUp = () => {
      resolve(undefined)
      // If this fails, nobody is waiting for it any more.
      looked.then((granted) => (granted === undefined ? undefined : giveBack(granted))).catch(() => {})
    }
    signal.addEventListener('abort', giveUp)
    looked.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp))
  })
}

/** Resolves `woken` after `ms`, when `signal` is aborted, or by `wake`. */
export function sleeper(ms: number, signal?: AbortSignal): { readonly woken: Promise<void>; wake(): void } {
  let wake = () => {}
  const woken = new Promise<void>((resolve) => {
    const timer = setTimeout(() => wake(), Math.min(ms, LONGEST_TIMER_MS))
    wake = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', wake)
      resolve()
    }
    signal?.addEventListener('abort', wake)
    if (signal?.aborted) wake()
  })
  return { woken, wake }
}
