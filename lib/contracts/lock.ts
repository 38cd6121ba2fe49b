/**
 * Grants leases. A lease alone does not make a write safe, because it can end while the work goes on: every write still
 * carries the version that it expects.
 */
export interface LockManager {
  /**
   * Waits for at most `waitMs`. Resolves to `undefined` if the lock could not be acquired in that time, or if `signal`
   * was aborted. Rejects if the service does not answer.
   *
   * The lease is renewed while it is held, by `leaseMs` each time and for at most `maxHoldMs`.
   */
  acquire(
    key: string,
    options: { waitMs: number; leaseMs: number; maxHoldMs: number; signal?: AbortSignal },
  ): Promise<Lease | undefined>
}

/** A lock that is held until it is released or expires. */
export interface Lease {
  /** A decimal number that grows with every grant of this lock, if the service can provide one. */
  readonly fence?: string | undefined
  /** Aborted if the lease is lost before it is released. */
  readonly signal: AbortSignal
  /** Safe to call twice. Never releases a lease that somebody else holds by then. */
  release(): Promise<void>
}
