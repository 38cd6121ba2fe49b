import type { Lease } from '../../contracts/lock'

/** What is known of a lease. */
export interface Told {
  readonly fence: string | number | undefined
  lostBy: Error | undefined
  /** Made when somebody listens: most locks are given back before anybody does. */
  listened: AbortController | undefined
}

const TOLD = Symbol('told')

interface ToldLease extends Lease {
  readonly [TOLD]: Told
}

/** What all leases share. An object with getters of its own takes thirty times as long to make: half of a lock in memory. */
const SHARED: Pick<ToldLease, 'fence' | 'signal'> & ThisType<ToldLease> = {
  get fence() {
    const { fence } = this[TOLD]
    return fence === undefined ? undefined : String(fence)
  },

  get signal() {
    const told = this[TOLD]
    if (told.listened) return told.listened.signal
    told.listened = new AbortController()
    if (told.lostBy) told.listened.abort(told.lostBy)
    return told.listened.signal
  },
}

/** A lease that shows what is told of it. */
export function toldLease(told: Told, release: () => Promise<void>): Lease {
  const lease = Object.create(SHARED)
  lease[TOLD] = told
  lease.release = release
  return lease
}

/** Tells whoever listens, now or later, that the lock is gone. */
export function tellLoss(told: Told, reason: Error): void {
  told.lostBy = reason
  told.listened?.abort(reason)
}
