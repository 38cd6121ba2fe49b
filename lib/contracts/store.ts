/**
 * Keeps short-lived records: Idempotency-Keys and edit locks.
 *
 * Each method is one atomic step. An expired record does not exist, even if it has not been deleted yet. The clock of
 * the store decides, not that of the caller. Every text is a valid key and a valid value, and different texts stay
 * different. `ttlMs` is a positive integer. A method rejects if the back end fails; it never makes up an answer.
 */
export interface ExpiringStore {
  read(key: string): Promise<string | undefined>
  /** Resolves to `false` if a record exists, which is left unchanged. */
  create(key: string, value: string, ttlMs: number): Promise<boolean>
  /** Resolves to `false` if the stored value is not `expected`. The time to live starts again. */
  replace(key: string, expected: string, value: string, ttlMs: number): Promise<boolean>
  /** Resolves to `false` if the stored value is not `expected`. */
  remove(key: string, expected: string): Promise<boolean>
  /**
   * The same store inside a transaction of the same database: its changes take effect with the commit. It never retries
   * on its own, because an error may have ended the transaction.
   */
  within?(transaction: unknown): ExpiringStore
}
