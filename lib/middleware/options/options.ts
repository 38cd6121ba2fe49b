import type { Request } from 'express'
import type { ConflictError } from '../../conflicts/conflicts'
import type { ResourceAdapter, ResourceState } from '../../contracts/adapter'
import type { Purge } from '../../http/cache-groups'
import { isObject, isPointer } from '../../json/pointer'
import {
  aFunction,
  aMethod,
  anObject,
  aPointer,
  aText,
  type Expectation,
  listOf,
  milliseconds,
  oneOf,
  recordOf,
} from '../../options'
import type { Change } from '../../rules/change'
import type { LifecycleOptions } from '../../rules/lifecycle'
import type { TagScheme } from '../../rules/tag'
import type { AjvInstance } from '../../schema/ajv'
import { type EditLocks, someEditLocks } from './edit-locks'
import type { IdempotencyOptions } from './idempotency-options'
import type { LockOptions } from './lock-options'
import type { PreconditionOptions } from './precondition-options'

/** A refusal about the caller. `as: 'not_found'` hides that the resource is there. */
export interface Denial {
  readonly detail?: string
  readonly type?: string
  readonly as?: 'denied' | 'not_found'
}

/** The reason for which a rule refuses a change. `pointers` name the members that it is about. */
export interface RuleConflict {
  readonly detail: string
  /** A URI for the `type` of the problem. */
  readonly type?: string
  readonly title?: string
  readonly pointers?: readonly string[]
}

/** A business rule. It must have no side effects: after a lost race it runs again, on the state that won. */
export type Rule<T> = (
  change: Change<T>,
  req: Request,
) => RuleConflict | undefined | null | Promise<RuleConflict | undefined | null>

/** What `onConflict` gets about a refused request. It contains no part of the stored state. */
export interface ConflictEvent {
  readonly name: string
  readonly key: string | undefined
  readonly method: string
  readonly conflict: ConflictError
  /** The `instance` that the problem and the log line show. */
  readonly instance: string
  /** `false` in report mode: the request went through all the same. */
  readonly enforced: boolean
}

/** What `onCommitted` gets about a committed change. */
export interface CommitEvent {
  readonly name: string
  readonly key: string
  readonly outcome: 'created' | 'replaced' | 'removed'
  /** The new version; `undefined` after a removal. */
  readonly version: string | undefined
  /** How often it was written: more than once if others were faster and the conditions still held. */
  readonly tries: number
  /** Whether the request had a condition on the state, or named a version. */
  readonly conditional: boolean
  /** What caches should forget. Computed when called. */
  purge(): Purge
}

/**
 * The options of one kind of resource. `name` and `adapter` are required; the rest adds checks or changes a default.
 */
export interface ConflictOptions<T, Stored = T, Handle = unknown, Schema extends object = object> {
  /** The name of the resource, such as "article". Signatures and keys begin with it, and events and metrics show it. */
  readonly name: string
  readonly adapter: ResourceAdapter<Stored, Handle>
  /**
   * `'by-app'`: the handler writes by itself, with `resourceOf(req, chain).current.version` in its own `WHERE`, and
   * throws `resourceOf(req, chain).lostRace()` if no row matched. Required if the adapter has no `write`.
   */
  readonly writes?: 'by-adapter' | 'by-app'
  /** The key of the resource. Return `undefined` if the request names no resource. Default: `params.id`, or the last parameter of `path`. */
  readonly key?: (req: Request, params: Readonly<Record<string, string>>) => string | string[] | undefined
  /** Lets a request through unguarded. */
  readonly skip?: (req: Request) => boolean
  /** The path that the chain matches below its mount, such as `/:id`. For `app.use('/articles', chain)` and `router.use(chain)`. */
  readonly path?: string
  /** Methods besides GET, HEAD, OPTIONS, TRACE and QUERY that change nothing, such as SEARCH. */
  readonly safeMethods?: readonly string[]

  /**
   * JSON Schema of the whole resource (2020-12, or draft-07 if `$schema` says so), a compiled Ajv validator, or a Standard
   * Schema, such as one of zod, valibot or ArkType. The output of the schema is stored.
   */
  readonly schema?: Schema
  /** The app's own Ajv instance, to compile `schema` with. */
  readonly ajv?: AjvInstance
  /** JSON Pointers to members that cannot be changed; `*` stands for each member or item. */
  readonly immutable?: readonly string[]
  /** Like `immutable`, but a member that is missing may be set once. */
  readonly writeOnce?: readonly string[]
  /** Members that clients can neither see nor send. */
  readonly hidden?: readonly string[]
  /** The member that identifies the items of an array: `{ '/items': '/id' }`. Default: items are paired by index. */
  readonly arrayKeys?: Readonly<Record<string, string>>
  readonly lifecycle?: LifecycleOptions
  /** May the caller do this to the current state? `undefined`, `null` and `true` mean yes. Anything else refuses. */
  readonly allow?: (
    req: Request,
    current: ResourceState<T> | undefined,
  ) => Denial | string | boolean | undefined | null | Promise<Denial | string | boolean | undefined | null>
  readonly rules?: readonly Rule<T>[]

  /**
   * `'lock'`: the request holds `lock` while the handler runs. `'transaction'`: every request that may change something
   * runs in a transaction of the adapter. The read locks the row, `commit` commits, and anything else rolls back.
   * Default: `'compare-and-swap'`.
   */
  readonly isolation?: 'compare-and-swap' | 'lock' | 'transaction'
  /**
   * With `isolation: 'transaction'`: after this time the transaction is rolled back and its connection closed, even if the
   * handler is still at work, in milliseconds. Default: the `maxHoldMs` of `lock`, or 60000.
   */
  readonly maxHoldMs?: number
  readonly lock?: LockOptions
  /** Honours Idempotency-Keys: a request that arrives twice is carried out once. */
  readonly idempotency?: IdempotencyOptions
  /** The result of `editLocks()`. While somebody holds an edit lock, changes by others get 423. */
  readonly editLocks?: EditLocks

  readonly preconditions?: PreconditionOptions
  /** How the version is shown as an entity tag. Default: `'version'`, the version itself. */
  readonly tag?: 'version' | TagScheme
  /** Name of a header field that shows the tag after every commit, even where RFC 9110 §9.3.4 forbids `ETag`. */
  readonly tagHeader?: string
  /**
   * Methods whose false `If-Match` is ignored if the request would change nothing. Default: DELETE, of a tombstone. With
   * PUT or PATCH, two clients that make the same value from one state both get the answer that they stored it.
   */
  readonly alreadyApplied?: readonly ('PUT' | 'PATCH' | 'DELETE')[]
  /**
   * `'disjoint'`: a PUT or PATCH that is based on an older state succeeds if nobody else has changed the same members. The
   * answer has the field `Merged-With`. Needs an adapter with history and `tag: 'version'`. Pairs items by `arrayKeys`.
   */
  readonly merge?: 'disjoint'

  /** Methods that may create a resource. Default: PUT and POST, but only POST if the adapter has `create`. */
  readonly create?: readonly ('PUT' | 'POST')[]
  /** Makes the key of a new resource. Default: `randomUUID`. */
  readonly generateKey?: (value: T, req: Request) => string
  /** JSON Pointer to the key in the value. A missing key is filled in; a different one is refused. */
  readonly keyPointer?: string
  /** The URI of a new resource. Default: the key below the path of the request. */
  readonly location?: (req: Request, key: string) => string

  /**
   * JSON Pointers to the members that a constraint of the database is about: `{ articles_slug_key: '/slug' }`. Use the
   * name that the database reports. SQLite reports the columns: `{ 'tenant, slug': ['/tenant', '/slug'] }`.
   */
  readonly constraints?: Readonly<Record<string, string | readonly string[]>>

  /** How long a call of the adapter may take, in milliseconds. Default: 10000. */
  readonly deadlineMs?: number
  /** Statuses for these kinds, in place of 409 and 422. */
  readonly status?: { readonly immutable_field?: 400 | 409 | 422; readonly schema_invalid?: 400 | 422 }
  /**
   * Sends cache groups (RFC 9875): a read belongs to "article:1"; a change makes "article:1" and "article" stale. Clients
   * can see the keys in them. Default: `false`.
   */
  readonly cacheGroups?: boolean
  /** The part of the current state that a problem shows, as its member `state`. Default: nothing. */
  readonly expose?: (state: ResourceState<T>, req: Request) => unknown
  /** Called for every refusal, also for those that a handler throws. If it throws, the error becomes a warning. */
  readonly onConflict?: (event: ConflictEvent) => void
  /** Called after every commit. If it throws, the error becomes a warning. */
  readonly onCommitted?: (event: CommitEvent) => void
}

const somePointers: Expectation = {
  holds: (value) => aPointer.holds(value) || (Array.isArray(value) && value.length > 0 && value.every(aPointer.holds)),
  what: 'a JSON Pointer or several, such as "/slug"',
}

const aSentence: Expectation = { holds: (value) => typeof value === 'string', what: 'a text' }

export const RULE_CONFLICT: Readonly<Record<keyof RuleConflict, Expectation>> = {
  detail: aSentence,
  type: aSentence,
  title: aSentence,
  pointers: listOf(aPointer),
}

export const DENIAL: Readonly<Record<keyof Denial, Expectation>> = {
  detail: aSentence,
  type: aSentence,
  as: oneOf('denied', 'not_found'),
}

/** The check of each option. It does not compile if an option is missing. */
export const OPTIONS: Readonly<Record<keyof ConflictOptions<unknown>, Expectation>> = {
  name: aText('what the resource is called, such as "article"'),
  adapter: {
    holds: (value) => isObject(value) && 'read' in value && typeof value.read === 'function',
    what: 'a ResourceAdapter with a read method, such as memoryAdapter()',
  },
  writes: oneOf('by-adapter', 'by-app'),
  key: aFunction,
  skip: aFunction,
  path: aText('a path below the mount, such as "/:id"'),
  safeMethods: listOf(aMethod),
  schema: {
    holds: (value) => isObject(value) || typeof value === 'function',
    what: 'a JSON Schema, a compiled Ajv validator, or a schema of zod, valibot or ArkType',
  },
  ajv: {
    holds: (value) => isObject(value) && 'compile' in value && typeof value.compile === 'function',
    what: 'an Ajv instance',
  },
  immutable: listOf(aPointer),
  writeOnce: listOf(aPointer),
  hidden: listOf(aPointer),
  arrayKeys: {
    holds: (value) => recordOf(aPointer).holds(value) && Object.keys(Object(value)).every(isPointer),
    what: `an object of JSON Pointers, such as { '/items': '/id' }`,
  },
  lifecycle: anObject,
  allow: aFunction,
  rules: listOf({ ...aFunction, what: 'a function of the change' }),
  isolation: oneOf('compare-and-swap', 'lock', 'transaction'),
  maxHoldMs: milliseconds,
  lock: anObject,
  idempotency: anObject,
  editLocks: someEditLocks,
  preconditions: anObject,
  tag: {
    holds: (value) =>
      value === 'version' || (isObject(value) && 'tagsFor' in value && typeof value.tagsFor === 'function'),
    what: "'version', contentHash() or signature({ secret })",
  },
  tagHeader: {
    // A token, RFC 9110 §5.6.2.
    holds: (value) => typeof value === 'string' && /^[!#$%&'*+.^_`|~\w-]+$/.test(value),
    what: 'the name of a header field',
  },
  merge: oneOf('disjoint'),
  alreadyApplied: listOf(oneOf('PUT', 'PATCH', 'DELETE')),
  create: listOf(oneOf('PUT', 'POST')),
  generateKey: aFunction,
  keyPointer: aPointer,
  location: aFunction,
  constraints: recordOf(somePointers),
  deadlineMs: milliseconds,
  status: anObject,
  cacheGroups: oneOf(true, false),
  expose: aFunction,
  onConflict: aFunction,
  onCommitted: aFunction,
}

export const STATUS: Readonly<Record<keyof NonNullable<ConflictOptions<unknown>['status']>, Expectation>> = {
  immutable_field: oneOf(400, 409, 422),
  schema_invalid: oneOf(400, 422),
}
