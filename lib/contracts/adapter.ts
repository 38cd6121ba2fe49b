/**
 * An opaque string, never empty. It changes with every write and is never used twice for a key, not even after removal.
 *
 * It is compared as a string: `'01'` is not `'1'`. A version that the adapter never returned matches nothing.
 */
export type Version = string

/**
 * What is stored under a key, from one atomic read.
 *
 * Value and version must come from the same read: if the version is read a moment later, an update can be lost.
 */
export interface ResourceState<T> {
  readonly value: T
  readonly version: Version
  /**
   * When the value was last written. If undefined, no `Last-Modified` is sent, and date conditions are ignored (RFC
   * 9110 §13.1.3, §13.1.4).
   */
  readonly lastModified?: Date | undefined
  /** The store's own entity tag, complete with quotes. If undefined, the tag is made from `version`. */
  readonly etag?: string | undefined
  /** A tombstone: the resource was removed, and clients get 410. It keeps the last value and has a new version. */
  readonly gone?: boolean | undefined
}

/**
 * `state` is what `read` returns from now on. `current` is the state that prevented the write, or `undefined` if
 * nothing is stored.
 */
export type WriteResult<T> =
  | { readonly ok: true; readonly state: ResourceState<T> }
  | { readonly ok: false; readonly current: ResourceState<T> | undefined }

/** Like `WriteResult`, but after a removal there is no state. */
export type RemoveResult<T> =
  | { readonly ok: true }
  | { readonly ok: false; readonly current: ResourceState<T> | undefined }

/** The result of a write or a removal. */
export type ChangeResult<T> = WriteResult<T> | (RemoveResult<T> & { readonly state?: undefined })

/**
 * Gives access to the app's resources of one kind. `adapterKit` of `express-conflict/testing` checks the rules.
 *
 * There is no unconditional write. `write` and `remove` compare and change in one atomic step of the back end: one
 * statement, one script, one critical section. An adapter that reads, compares and then writes loses updates.
 *
 * Of several writes and removals that expect the same version, exactly one succeeds, whichever instance or process they
 * come through. The others are refused. Nothing is refused without a reason: while nobody else writes, the version that
 * `read` returned is accepted.
 *
 * Keys come from clients: every non-empty string is a valid key and is used unchanged, and two different strings are
 * two resources. Values are JSON and come back as they were written, except for the order of members; `undefined`
 * rejects. The caller owns every state that a method returns and every value that it passes in: it may change either
 * later without affecting what is stored. No method changes its arguments.
 *
 * Any method may reject. A plain error from `read` means that the back end did not answer. From `write`, `remove` and
 * `create` it means that the change may or may not have been carried out, unless it is a `storeFault` that says more.
 */
export interface ResourceAdapter<T, Handle = unknown> {
  /** Resolves to `undefined` if nothing is stored. A failure rejects; it never looks like "nothing stored". */
  read(key: string): Promise<ResourceState<T> | undefined>

  /**
   * The state that is stored now, for adapters whose `read` may return an older one from a cache or a lagging replica.
   *
   * If it exists, `read` only serves GET and HEAD. Everything that refuses or changes something uses this method.
   */
  readCurrent?(key: string): Promise<ResourceState<T> | undefined>

  /**
   * Stores `value` if the stored version is `expected`; with `null`, if nothing is stored.
   *
   * A tombstone counts as stored: `null` does not match it, but its version does, and that brings the resource back. If
   * a version is expected and nothing is stored, the result is `{ ok: false, current: undefined }`. The version changes
   * even if the value does not. `lastModified` always falls in a later second than before, even if two writes fall into
   * one second, the clock is set back, or the clocks of two processes differ: HTTP dates have no fractions of a second,
   * and no date may stand for two states. A date that would run too far ahead of the clock may stay in its second, with
   * 999 milliseconds. No other date has these, and such a date is never shown.
   */
  write?(key: string, value: T, expected: Version | null): Promise<WriteResult<T>>

  /**
   * Removes the resource if the stored version is `expected`. If nothing is stored, the result is
   * `{ ok: false, current: undefined }`.
   *
   * An adapter leaves a tombstone after every removal, or never. If it does, removing a tombstone by its version also
   * resolves to `{ ok: true }`, and the resource stays removed.
   */
  remove?(key: string, expected: Version): Promise<RemoveResult<T>>

  /**
   * Stores a new resource under a key that the store generates (serial, identity). The key is a non-empty string that
   * was free.
   */
  create?(value: T): Promise<{ readonly key: string; readonly state: ResourceState<T> }>

  /**
   * Calls `run` in a transaction, which is committed when `run` resolves. If `run` rejects, the transaction is rolled
   * back and this method rejects with the same error.
   *
   * A refused write does not end the transaction. Of several transactions at once some may fail (serialization failure,
   * deadlock), but never all. Nobody else sees the changes before the commit. If the commit itself fails, a
   * `storeFault` says whether it may have been carried out.
   */
  transaction?<R>(run: (tx: TransactionalAdapter<T, Handle>) => Promise<R>): Promise<R>

  /**
   * The state at `version`, which may be a tombstone; `undefined` if it is not kept. The current version always is. A
   * removal without a tombstone also removes the history: what is created later under the same key is another resource.
   */
  readVersion?(key: string, version: Version): Promise<ResourceState<T> | undefined>

  /**
   * All states since `version`, oldest first, from that version itself to the current one, tombstones included.
   * `undefined` if `version` is unknown or any of these states is not kept.
   *
   * `merge` needs it: only the states in between show a member that was changed and changed back.
   */
  readSince?(key: string, version: Version): Promise<readonly ResourceState<T>[] | undefined>
}

/**
 * The adapter inside a transaction. `read` locks the resource until the transaction ends. After that, every method
 * rejects.
 */
export interface TransactionalAdapter<T, Handle = unknown> extends Omit<ResourceAdapter<T>, 'transaction'> {
  /** The object on which the app runs its own statements, so that they are part of the transaction. */
  readonly transactionHandle: Handle

  /**
   * Aborts the transaction from outside `run`: no further statement is carried out, running ones reject, and the
   * connection is closed and not reused. `transaction` rejects once `run` has settled.
   */
  abandon?(): void
}
