import { aBoolean, aFunction, anObject, anything, aText, type Expectation } from '../options'
import type { ProblemError } from './problem-error'

/** The input of a resolver: three values of one resource, and the members that both sides changed. */
export interface Conflict<T> {
  readonly url: string
  /** The value that the change was based on. */
  readonly base: T
  /** The value that is stored now. */
  readonly theirs: T
  /** The value that should be stored. */
  readonly mine: T
  /** Pointers to the members that both sides changed in different ways. */
  readonly conflicts: readonly string[]
  /** The problem with which the server refused the change. */
  readonly problem: ProblemError['problem']
  readonly signal: AbortSignal | undefined
}

/** Returns the value to store on top of theirs. If it returns `undefined`, the refusal is thrown. */
export type Resolver<T> = (conflict: Conflict<T>) => T | undefined | Promise<T | undefined>

/** Options of all requests of a client. */
export interface ClientOptions {
  /** The base of relative URLs, with or without a slash at the end. Default: the URL of the page. */
  readonly baseUrl?: string | undefined
  /** Header fields of every request. If a value changes, such as a token, use your own `fetch` instead. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** The resolver for requests that have none of their own. Without a resolver, a refusal is thrown. */
  readonly resolve?: (<T>(conflict: Conflict<T>) => T | undefined | Promise<T | undefined>) | undefined
  /** The member that identifies the items of an array, for `conflicts`: `{ '/items': '/id' }`. */
  readonly arrayKeys?: Readonly<Record<string, string>> | undefined
  /** The time for one request with its retries, without the time that a resolver takes. Default: 30,000. */
  readonly deadlineMs?: number | undefined
  /** How often a request is sent at most, and how often a conflict is resolved at most. Default: 5. */
  readonly tries?: number | undefined
  /** How many states are remembered. The least recently used one is dropped first. Default: 500. */
  readonly maxRemembered?: number | undefined
  /** `false` for a server that ignores Idempotency-Keys: a POST is then not repeated after a lost answer. */
  readonly idempotencyKeys?: boolean | undefined
  /** Used in place of the global `fetch`. */
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
  /** The `If-Match` to send in place of the remembered tag: an entity tag, or `*` for any state. */
  readonly condition?: string | undefined
  /**
   * The answer that the change is based on, in place of the remembered state. Give it if the resource may be read again
   * while a form is open, as data libraries do in the background. Otherwise the change would seem to be based on the newer
   * state.
   */
  readonly from?: Answer<unknown> | undefined
}

/** Options of a change that can be made on top of another one. */
export interface ResolvingOptions<T> extends ChangeOptions {
  readonly resolve?: Resolver<T> | undefined
}

/** Options of one POST. */
export interface PostOptions extends RequestOptions {
  /** The key to send in place of a random one, so that the page can repeat the request after it was reloaded. */
  readonly idempotencyKey?: string | undefined
}

/** Options of `watch`. */
export interface WatchOptions extends RequestOptions {
  /** The URL of the events. Default: `changes` below the resource. */
  readonly at?: string | undefined
  /** The answer that a form was filled from, in place of the remembered state. Only newer states are reported. */
  readonly from?: Answer<unknown> | undefined
  /** Called if the server refuses the stream for good. */
  readonly onRefused?: ((refusal: ProblemError) => void) | undefined
}

/** What happened to a watched resource. `locked` and `released` are about edit locks. */
export interface WatchEvent<T> {
  readonly event: 'changed' | 'removed' | 'locked' | 'released'
  /** The entity tag of the new state; `null` unless the event is `changed`. */
  readonly etag: string | null
  /** The data of the event: `lastModified`, and `state` if it is exposed. For a lock: `mine`, `holder` and `lockedUntil`. */
  readonly data: Readonly<Record<string, unknown>>
  /** Reads the current state without remembering it, so that a later change of the older state is still refused. */
  read(): Promise<Answer<T>>
  /**
   * Merges a change of the older state with the current state. Stores nothing: to do that, `put` the `value` with `from: theirs`.
   * If both sides changed the same members in different ways, `value` is `undefined` and `conflicts` points to them.
   */
  merge(mine: T): Promise<{
    readonly value: T | undefined
    readonly conflicts: readonly string[]
    readonly theirs: Answer<T>
  }>
}

/** A 2xx answer. */
export interface Answer<T> {
  /** The resource that the answer is about: as `from`, it can only be the base of a change of that one. */
  readonly url: string
  readonly status: number
  /** The JSON of the body. After a PUT that was stored as it was sent, the value that was sent. */
  readonly value: T
  readonly etag: string | null
  /** The URL of a new resource. */
  readonly location: string | null
  readonly headers: Headers
}

const aCount = (least: number): Expectation => ({
  holds: (value) => Number.isInteger(value) && Number(value) >= least,
  what: `a whole number from ${least} on`,
})

/** The options of all kinds of requests. TypeScript checks which of them a request has; this only finds misspelt ones. */
export const REQUEST_OPTIONS = 'headers signal deadlineMs condition from resolve idempotencyKey at onRefused'.split(' ')

/** The check of each option of a client. Resolvers are checked where they are used, and so are the pointers in `arrayKeys`. */
export const CLIENT_OPTIONS: Readonly<Record<string, Expectation>> = {
  baseUrl: aText('a URL, such as "/api"'),
  headers: anObject,
  resolve: anything,
  arrayKeys: anObject,
  deadlineMs: { holds: (value) => typeof value === 'number' && value > 0, what: 'a number of milliseconds above 0' },
  tries: /* @__PURE__ */ aCount(1),
  maxRemembered: /* @__PURE__ */ aCount(0),
  idempotencyKeys: aBoolean,
  fetch: aFunction,
}
