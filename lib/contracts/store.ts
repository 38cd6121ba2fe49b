/**
 * Keeps short-lived records: Idempotency-Keys and edit locks.
 *
 * Each method is one atomic step. A record whose time has run out does not exist, whether or not it was swept; its time is
 * the store's, not the caller's. Any text is a key and a value, and is told apart from every other. `ttlMs` is a positive
 * integer. A back end that fails makes a method reject: it never answers for it.
 */
export interface ExpiringStore {
  read(key: string): Promise<string | undefined>
  /** Resolves to `false` when a record is there, which stays as it is. */
  create(key: string, value: string, ttlMs: number): Promise<boolean>
  /** Resolves to `false` when what is there is not `expected`. The time starts anew. */
  replace(key: string, expected: string, value: string, ttlMs: number): Promise<boolean>
  /** Resolves to `false` when what is there is not `expected`. */
  remove(key: string, expected: string): Promise<boolean>
  /**
   * The same store, as part of a transaction of the same database: what it did counts when that is committed. It never
   * tries again by itself, for an error may have ended the transaction.
   */
  within?(transaction: unknown): ExpiringStore
}
