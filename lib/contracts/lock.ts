/**
 * Grants leases. Nothing here makes a write safe: a lease can end while the work goes on, so every write still carries
 * the version it expects.
 */
export interface LockManager {
  /**
   * Waits at most `waitMs` and resolves to `undefined` when the lock was not to be had in that time, or when `signal`
   * was aborted. A service that does not answer rejects; it never grants.
   *
   * The lease is renewed while it is held, `leaseMs` at a time, for `maxHoldMs` at the most.
   */
  acquire(
    key: string,
    options: { waitMs: number; leaseMs: number; maxHoldMs: number; signal?: AbortSignal },
  ): Promise<Lease | undefined>
}

/** A lock that is held until it is released or runs out. */
export interface Lease {
  /** A decimal number that grows with every grant of this lock, where the service can give one. */
  readonly fence?: string | undefined
  /** Aborted when the lease is lost before it was released. */
  readonly signal: AbortSignal
  /** Safe to call twice; never releases a lease that somebody else holds by now. */
  release(): Promise<void>
}
