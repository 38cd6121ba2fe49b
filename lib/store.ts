/**
 * Keeps short-lived records: Idempotency-Keys and edit locks.
 *
 * Each method is one atomic step. A record whose time has run out does not exist, whether or not it was swept.
 */
export interface ExpiringStore {
  read(key: string): Promise<string | undefined>
  /** Resolves to `false` when a record is there. */
  create(key: string, value: string, ttlMs: number): Promise<boolean>
  /** Resolves to `false` when what is there is not `expected`. The time starts anew. */
  replace(key: string, expected: string, value: string, ttlMs: number): Promise<boolean>
  /** Resolves to `false` when what is there is not `expected`. */
  remove(key: string, expected: string): Promise<boolean>
  /** The same store, as part of a transaction of the same database. */
  within?(transaction: unknown): ExpiringStore
}
