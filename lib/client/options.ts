import { aBoolean, aFunction, anObject, anything, aText, type Expectation } from '../options'
import type { ProblemError } from './problem-error'

/** What a resolver decides on: three values of one resource, and the members that both sides changed. */
export interface Conflict<T> {
  readonly url: string
  /** What the change was made from. */
  readonly base: T
  /** What is stored now. */
  readonly theirs: T
  /** What was to be stored. */
  readonly mine: T
  /** Pointers to the members that both changed, and differently. */
  readonly conflicts: readonly string[]
  /** What the server refused the change with. */
  readonly problem: ProblemError['problem']
  readonly signal: AbortSignal | undefined
}

/** Returns the value to store on top of theirs; with `undefined` the refusal is thrown. */
export type Resolver<T> = (conflict: Conflict<T>) => T | undefined | Promise<T | undefined>

/** Options of all requests of a client. */
export interface ClientOptions {
  /** What relative URLs are relative to, with or without a slash at its end. Default: the page. */
  readonly baseUrl?: string | undefined
  /** Header fields of every request. For those that change, such as a token, give a `fetch` of your own. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** For requests without a resolver of their own. Without any, a refusal is thrown. */
  readonly resolve?: (<T>(conflict: Conflict<T>) => T | undefined | Promise<T | undefined>) | undefined
  /** How the items of arrays are told apart in `conflicts`: `{ '/items': '/id' }`. */
  readonly arrayKeys?: Readonly<Record<string, string>> | undefined
  /** For one request with its retries, without the time that a resolver takes. Default: 30,000. */
  readonly deadlineMs?: number | undefined
  /** How often a request is sent, and how often a conflict is resolved, at most. Default: 5. */
  readonly tries?: number | undefined
  /** How many states are remembered. The least recently used one is dropped first. Default: 500. */
  readonly maxRemembered?: number | undefined
  /** `false` for a server that ignores Idempotency-Keys: a POST is then not repeated after a lost answer. */
  readonly idempotencyKeys?: boolean | undefined
  /** In place of the global `fetch`. */
  readonly fetch?: typeof fetch | undefined
}

/** Options of one request. */
export interface RequestOptions {
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly signal?: AbortSignal | undefined
  readonly deadlineMs?: number | undefined
}

/** Options of one change. */
export interface ChangeOptions extends RequestOptions {
  /** An `If-Match` in place of what is remembered: an entity tag, or `*` for whatever is stored. */
  readonly condition?: string | undefined
  /**
   * The answer that the change was made from, in place of what is remembered. A form needs it whose resource may be read
   * again while it is open, as data libraries do in the background: otherwise the change passes for one of the newer state.
   */
  readonly from?: Answer<unknown> | undefined
}

/** Options of a change that can be made on top of another one. */
export interface ResolvingOptions<T> extends ChangeOptions {
  readonly resolve?: Resolver<T> | undefined
}

/** Options of one POST. */
export interface PostOptions extends RequestOptions {
  /** In place of a random one, so that the page can send the same request again after it was reloaded. */
  readonly idempotencyKey?: string | undefined
}

/** Options of watching one resource. */
export interface WatchOptions extends RequestOptions {
  /** Where its events are. Default: `changes` below the resource. */
  readonly at?: string | undefined
  /** The answer that a form was filled from, in place of what is remembered: nothing older is news to it. */
  readonly from?: Answer<unknown> | undefined
  /** Called when the server refuses to let this client watch, for good. */
  readonly onRefused?: ((refusal: ProblemError) => void) | undefined
}

/** What happened to a watched resource. `locked` and `released` are about edit locks. */
export interface WatchEvent<T> {
  readonly event: 'changed' | 'removed' | 'locked' | 'released'
  /** Of the state that is stored now; `null` for all but `changed`. */
  readonly etag: string | null
  /** As it was sent: `lastModified`, and `state` as far as it is exposed; of a lock `mine`, `holder` and `lockedUntil`. */
  readonly data: Readonly<Record<string, unknown>>
  /** Reads what is stored now, and does not remember it: a change of the older state that is sent later is still refused. */
  read(): Promise<Answer<T>>
  /**
   * Puts a change of the older state on top of what is stored now, and sends nothing. `value` is `undefined` where both
   * changed the same members, differently: `conflicts` has pointers to them. Store `value` with `from: theirs`.
   */
  merge(mine: T): Promise<{
    readonly value: T | undefined
    readonly conflicts: readonly string[]
    readonly theirs: Answer<T>
  }>
}

/** A 2xx answer. */
export interface Answer<T> {
  readonly status: number
  /** The JSON of the body. After a PUT that was stored as it was sent, what was sent. */
  readonly value: T
  readonly etag: string | null
  /** Where a new resource is. */
  readonly location: string | null
  readonly headers: Headers
}

const aCount = (least: number): Expectation => ({
  holds: (value) => Number.isInteger(value) && Number(value) >= least,
  what: `a whole number from ${least} on`,
})

/** Of one request, whichever it is; TypeScript says which goes with which. A misspelt one would be left out in silence. */
export const REQUEST_OPTIONS = 'headers signal deadlineMs condition from resolve idempotencyKey at onRefused'.split(' ')

/** What each option of a client has to be. Resolvers and `arrayKeys` are checked where they are read. */
export const CLIENT_OPTIONS: Readonly<Record<string, Expectation>> = {
  baseUrl: aText('a URL, such as "/api/articles"'),
  headers: anObject,
  resolve: anything,
  arrayKeys: anything,
  deadlineMs: { holds: (value) => typeof value === 'number' && value > 0, what: 'a number of milliseconds above 0' },
  tries: /* @__PURE__ */ aCount(1),
  maxRemembered: /* @__PURE__ */ aCount(0),
  idempotencyKeys: aBoolean,
  fetch: aFunction,
}
