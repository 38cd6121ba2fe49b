import type { Lease } from '../../contracts/lock'
import { storeFault } from '../../contracts/store-fault'
import { LONGEST_TIMER_MS, pollingMs, sleeper } from '../../timing/pause'

/** The state of a lease. */
export interface LeaseState {
  readonly fence: string | number | undefined
  lostBy: Error | undefined
  /** Created only if somebody listens. Most locks are released before that. */
  listened: AbortController | undefined
}

const STATE = Symbol('state')

interface LeaseWithState extends Lease {
  readonly [STATE]: LeaseState
}

/**
 * The getters of all leases. To create an object with getters of its own takes thirty times as long, which is half the
 * time of a lock in memory.
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

/** A lock that a service granted. */
export interface Grant {
  readonly fence?: string | undefined
  /**
   * When the lock was requested, by `performance.now()`. The lease counts from then, so it never ends later than the
   * service's.
   */
  readonly askedAt: number
  /** Gives the lock back, if it is still ours. Called at most once. */
  free(): Promise<void>
  /**
   * Extends the lease to `leaseMs` from now; `false` if the lock is gone. Without this method, the lock is held until
   * it is given back.
   */
  renew?(): Promise<boolean>
}

export interface HeldLease {
  readonly lease: Lease
  /** Tells the holder that the lock is gone. */
  lose(reason: Error): void
}

/** How many renewals fit into a lease before it runs out. */
const RENEWALS_PER_LEASE = 3

/**
 * Holds a granted lock: renews it, reports its loss, and gives it back.
 *
 * It uses the monotonic clock. A process that was suspended notices that its lease ran out before it trusts any answer.
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
    // A renewal in progress must not arrive after the lock was given back: it would take the lock again.
    freed = renewing === undefined ? grant.free() : renewing.then(grant.free)
    if (onEnd) freed = freed.finally(onEnd)
    return freed
  }

  function release(): Promise<void> {
    // After a loss there is nothing to give back.
    if (state.lostBy) return Promise.resolve()
    return free().catch((cause) => Promise.reject(storeFault(cause, { applied: 'no' })))
  }

  function lose(reason: Error): void {
    if (freed || state.lostBy) return
    markLost(state, reason)
    // If the lock cannot be given back, it runs out in the service anyway, so the error is ignored.
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
    // The error may be temporary, so the lease stays valid until it runs out.
    const renewed = await send().catch(() => undefined)
    // An answer that arrives after the lease ran out proves nothing: another process may have had the lock in between.
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

  /** Sleeps until the next of the three times. A lease alone does not keep the process alive. */
  function sleep(now: number): void {
    timer = setTimeout(wake, Math.min(Math.min(validUntil, renewAt, endsAt) - now, LONGEST_TIMER_MS)).unref()
  }

  if (!isOver()) sleep(heldSince)
  return { lease: leaseHandle(state, release), lose }
}

/** How long to wait for a lock. */
export interface Patience {
  readonly waitMs: number
  readonly signal?: AbortSignal | undefined
}

/** How to try for a lock. */
export interface Polling<R> {
  look(): Promise<R | undefined>
  /** Gives back a lock that was granted after the caller had given up. */
  giveBack(granted: R): Promise<void>
}

/** The first and the longest wait between two tries. */
const POLL_MS = { first: 4, longest: 50 }

/** Tries until the lock is granted, `waitMs` has passed, or `signal` is aborted. */
export async function pollFor<R>(polling: Polling<R>, { waitMs, signal }: Patience): Promise<R | undefined> {
  const until = performance.now() + waitMs
  for (let pollMs = POLL_MS.first; !signal?.aborted; pollMs = Math.min(2 * pollMs, POLL_MS.longest)) {
    const granted = await lookOnce(polling, signal)
    const leftMs = until - performance.now()
    if (granted !== undefined || leftMs <= 0) return granted
    // Jitter keeps the processes from asking at the same time. The last try is at the very end.
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
      // Nobody is waiting for the result, so an error is ignored.
      looked.then((granted) => (granted === undefined ? undefined : giveBack(granted))).catch(() => {})
    }
    signal.addEventListener('abort', giveUp)
    looked.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp))
  })
}
