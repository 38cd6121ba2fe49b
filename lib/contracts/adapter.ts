/**
 * An opaque string, never empty. It changes with every write and is never used twice for a key, not even after removal.
 *
 * It is compared as a string: `'01'` is not `'1'`, and what was never given matches nothing, whatever it looks like.
 */
export type Version = string

/**
 * What is stored under a key, from one atomic read.
 *
 * Value and version belong together: a version that was read a moment after the value lets a lost update through.
 */
export interface ResourceState<T> {
  readonly value: T
  readonly version: Version
  /** When the value was last written. Without it no `Last-Modified` is sent and date conditions are ignored (RFC 9110 §13.1.4). */
  readonly lastModified?: Date | undefined
  /** A complete entity tag of the store's own, quotes included. Without it the tag is made from `version`. */
  readonly etag?: string | undefined
  /** A tombstone: something was here and was removed. Clients get 410. It has the last value, and a version of its own. */
  readonly gone?: boolean | undefined
}

/**
 * `state` is what `read` gives from now on, `current` what stood in the way: the state that is stored now, `undefined`
 * when nothing is.
 */
export type WriteResult<T> =
  | { readonly ok: true; readonly state: ResourceState<T> }
  | { readonly ok: false; readonly current: ResourceState<T> | undefined }

/** As `WriteResult`, but after a removal there is no state to give. */
export type RemoveResult<T> =
  | { readonly ok: true }
  | { readonly ok: false; readonly current: ResourceState<T> | undefined }

/** What either of them came to: after a removal there is no state. */
export type ChangeResult<T> = WriteResult<T> | (RemoveResult<T> & { readonly state?: undefined })

/**
 * Gives access to the app's resources of one kind. `adapterKit` of `express-conflict/testing` checks the rules.
 *
 * There is no unconditional write. `write` and `remove` compare and change in one atomic step of the back end: one
 * statement, one script, one critical section. An adapter that reads, compares and then writes loses updates.
 *
 * Of several writes and removals that expect the same, exactly one succeeds, through whichever instance or process they
 * come; the others are refused. A refusal needs a cause: while nobody else writes, what `read` gave is good.
 *
 * Keys come from clients: any non-empty string must be taken as it is, and two different strings are two resources.
 * Values are JSON and come back as they were written, but for the order of members; `undefined` rejects. A state that
 * any method gives belongs to the caller, who may change it without touching what is stored, and so may the caller
 * change a value afterwards that was passed to a method. No method changes what it is given.
 *
 * Any method may reject. A plain error from `read` means that the back end did not answer; from `write`, `remove` and
 * `create` it means that nobody knows whether the change was carried out, unless it is a `storeFault` that says more.
 */
export interface ResourceAdapter<T, Handle = unknown> {
  /** Resolves to `undefined` when nothing is stored. A failure rejects; it is never taken for "nothing stored". */
  read(key: string): Promise<ResourceState<T> | undefined>

  /**
   * The state that is stored now, where `read` may give an older one: from a cache, or from a replica that is behind.
   *
   * Where it is there, `read` serves GET and HEAD alone. Whatever refuses a request or changes something looks here.
   */
  readCurrent?(key: string): Promise<ResourceState<T> | undefined>

  /**
   * Stores `value` if the version that is stored is `expected`; with `null`, if nothing is stored.
   *
   * A tombstone counts as stored: `null` does not match it, its version does (and brings the resource back). Any
   * version where nothing is stored: `{ ok: false, current: undefined }`. The version changes even when the value does
   * not. `lastModified` is in a later second than that of the state before, even within one second and when the clock is
   * set back or another process has another one: HTTP shows seconds, and a client's date must not fit two states. A date
   * that would run too far ahead of the clock may stay in its second with 999 milliseconds, which no other date has: such
   * a date is never shown.
   */
  write?(key: string, value: T, expected: Version | null): Promise<WriteResult<T>>

  /**
   * Removes what is stored if its version is `expected`. Nothing stored: `{ ok: false, current: undefined }`.
   *
   * An adapter leaves a tombstone after every removal or after none. One that does matches the version of a tombstone
   * too: it resolves to `{ ok: true }`, and what is gone stays gone.
   */
  remove?(key: string, expected: Version): Promise<RemoveResult<T>>

  /** Stores a new resource under a key that the store gives (serial, identity): a string that is free, never empty. */
  create?(value: T): Promise<{ readonly key: string; readonly state: ResourceState<T> }>

  /**
   * Runs `run` in one transaction: committed when it resolves, rolled back when it rejects, and then rejected with the
   * same error.
   *
   * A refused write inside does not end it. Of several at once some may be rejected (serialization failure, deadlock),
   * never all. What was done inside is seen by nobody else before it is committed. When the commit itself fails,
   * `storeFault` says whether it may have been carried out.
   */
  transaction?<R>(run: (tx: TransactionalAdapter<T, Handle>) => Promise<R>): Promise<R>

  /**
   * The state as it was at `version`, tombstones included; `undefined` when that is not kept. The version that is stored
   * now always is. What is removed without a tombstone takes its versions along: what is made later under its key is
   * another resource.
   */
  readVersion?(key: string, version: Version): Promise<ResourceState<T> | undefined>

  /**
   * Every state from `version` on, tombstones included, oldest first: the last one is the state that is stored now.
   * `undefined` when `version` is unknown or when one of the states since is not kept.
   *
   * `merge` needs it: only the states in between show what was changed and changed back.
   */
  readSince?(key: string, version: Version): Promise<readonly ResourceState<T>[] | undefined>
}

/**
 * The adapter inside a transaction. `read` locks what it reads until the transaction ends; when it is over, every method
 * rejects.
 */
export interface TransactionalAdapter<T, Handle = unknown> extends Omit<ResourceAdapter<T>, 'transaction'> {
  /** What the app's own statements have to run on to be part of the transaction. */
  readonly transactionHandle: Handle

  /**
   * Gives the transaction up from outside of `run`: no statement on it is carried out any more, those under way reject,
   * and its connection is ended instead of being used again. `transaction` rejects once `run` has settled.
   */
  abandon?(): void
}
