import type { Request } from 'express'
import type { ExpiringStore } from '../../contracts/store'

/** How Idempotency-Keys are honoured: one key, one execution, one answer. */
export interface IdempotencyOptions {
  /** Keeps what is known of each key. Processes that serve one API share it; `memoryStore()` is for one process. */
  readonly store: ExpiringStore
  /**
   * Whose key it is, from what authentication found: the user, or tenant and user. No caller ever gets the answer of
   * another scope.
   */
  readonly scope: (req: Request) => string | readonly string[]
  /** A request without a key is refused. Default: `false`. */
  readonly required?: boolean
  /** Methods whose keys count. Default: all that are not safe. */
  readonly methods?: readonly string[]
  /** How long a key is known, in milliseconds. Default: 24 hours. */
  readonly ttlMs?: number
  /** After how long a process that says nothing is taken for dead, in milliseconds. Default: 30000. */
  readonly leaseMs?: number
  /** After how long a handler that has not answered is given up, in milliseconds. Default: 60000. */
  readonly maxRunMs?: number
  /** What a repetition gets while the first request is carried out: 409 (default), or it waits for the answer. */
  readonly onInProgress?: 'refuse' | 'wait'
  /** How long it waits, in milliseconds; then 409. Default: 10000. */
  readonly waitMs?: number
  /**
   * What a repetition gets when nobody knows what came of the first request: 503 `outcome_unknown` (default), or it
   * runs again. That is for handlers that can run twice, and for changes that are committed with their record.
   */
  readonly onUnknown?: 'refuse' | 'run-again'
  /** A text that stands for query and body, such as a digest of what is not parsed. Method and path count always. */
  readonly fingerprint?: (req: Request) => string
  /** JSON Pointers to members of the body that may differ in a repetition; `*` stands for each member or item. */
  readonly ignoreFields?: readonly string[]
  /** Header fields that are given again, beside those that describe the content and say where it is. */
  readonly replayHeaders?: readonly string[]
  /** A larger answer is sent, but not kept: repetitions are refused. Default: 262144. */
  readonly maxAnswerBytes?: number
  /**
   * Identical requests of one scope that come at the same time without a key: `'run'` (default) all of them, `'refuse'`
   * (409) or `'share'` the first one's answer.
   */
  readonly withoutKey?: 'run' | 'refuse' | 'share'
  /** Where the API explains its keys: linked from refusals. Default: the draft of the standard. */
  readonly docsUrl?: string
}
