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

/** What a rule has against a change. `pointers` name the members it is about. */
export interface RuleConflict {
  readonly detail: string
  /** A URI of the app's own for the problem's `type`. */
  readonly type?: string
  readonly title?: string
  readonly pointers?: readonly string[]
}

/** A business rule. It has no side effects: after a lost race it runs again, on the state that won. */
export type Rule<T> = (
  change: Change<T>,
  req: Request,
) => RuleConflict | undefined | null | Promise<RuleConflict | undefined | null>

/** What is told about a refused request. No part of the stored state is in it. */
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

/** What is told about a change that was committed. */
export interface CommitEvent {
  readonly name: string
  readonly key: string
  readonly outcome: 'created' | 'replaced' | 'removed'
  /** The new version; `undefined` after a removal. */
  readonly version: string | undefined
  /** How often it was written: more than once where others came in between, and the conditions still held. */
  readonly tries: number
  /** Whether the request brought a condition on the state, or named a version. */
  readonly conditional: boolean
  /** What caches should forget. Computed when called. */
  purge(): Purge
}

/**
 * The options of one kind of resource. `name` and `adapter` are required; the rest adds checks or changes a default.
 */
export interface ConflictOptions<T, Stored = T, Handle = unknown, Schema extends object = object> {
  /** What the resource is called, "article". Prefixes signatures and keys, labels events. */
  readonly name: string
  readonly adapter: ResourceAdapter<Stored, Handle>
  /**
   * `'by-app'`: the handler writes by itself, with `resourceOf(req, chain).current.version` in its own `WHERE`, and
   * throws `resourceOf(req, chain).lostRace()` when nothing matched. Must be said when the adapter cannot write.
   */
  readonly writes?: 'by-adapter' | 'by-app'
  /** The key of the resource. Default: `params.id`, or the last parameter of `path`. `undefined` is for requests that name no resource. */
  readonly key?: (req: Request, params: Readonly<Record<string, string>>) => string | string[] | undefined
  /** Lets a request through unguarded. */
  readonly skip?: (req: Request) => boolean
  /** What the chain matches below its mount, such as `/:id`. For `app.use('/articles', chain)` and `router.use(chain)`. */
  readonly path?: string
  /** Methods beside GET, HEAD, OPTIONS, TRACE and QUERY that change nothing, such as SEARCH. */
  readonly safeMethods?: readonly string[]

  /**
   * JSON Schema of the whole resource (2020-12, or draft-07 when `$schema` says so), a compiled Ajv validator, or a schema of
   * zod, valibot, ArkType or another library of Standard Schema. What the schema makes of a value is stored.
   */
  readonly schema?: Schema
  /** Compiles `schema` in place of an instance of our own. */
  readonly ajv?: AjvInstance
  /** JSON Pointers to members that no change may touch; `*` stands for each member or item. */
  readonly immutable?: readonly string[]
  /** Like `immutable`, but a member that is missing may be set once. */
  readonly writeOnce?: readonly string[]
  /** Members that clients neither see nor send. */
  readonly hidden?: readonly string[]
  /** How items of arrays are told apart, `{ '/items': '/id' }`. Default: by index. */
  readonly arrayKeys?: Readonly<Record<string, string>>
  readonly lifecycle?: LifecycleOptions
  /** May the caller do this to what is there? `undefined`, `null` and `true`: yes; anything else refuses. */
  readonly allow?: (
    req: Request,
    current: ResourceState<T> | undefined,
  ) => Denial | string | boolean | undefined | null | Promise<Denial | string | boolean | undefined | null>
  readonly rules?: readonly Rule<T>[]

  /**
   * `'lock'` holds `lock` over the handler. `'transaction'` opens one of the adapter's for every request that may change
   * something: the read locks, `commit` commits, everything else rolls back. Default: `'compare-and-swap'`.
   */
  readonly isolation?: 'compare-and-swap' | 'lock' | 'transaction'
  /**
   * With `isolation: 'transaction'`: when the transaction is rolled back and its connection ended although the handler is
   * still at work, in milliseconds. Default: that of `lock`, or 60000.
   */
  readonly maxHoldMs?: number
  readonly lock?: LockOptions
  /** Honours Idempotency-Keys: a request that arrives twice is carried out once. */
  readonly idempotency?: IdempotencyOptions
  /** Answers the changes of others with 423 while somebody holds an edit lock: what `editLocks()` gives. */
  readonly editLocks?: EditLocks

  readonly preconditions?: PreconditionOptions
  /** How the version is shown. Default: `'version'`, as it is. */
  readonly tag?: 'version' | TagScheme
  /** A header that carries the tag after every commit, also where RFC 9110 §9.3.4 forbids `ETag`. */
  readonly tagHeader?: string
  /**
   * Methods whose false `If-Match` is forgiven when the request would change nothing. Default: DELETE, of a tombstone. With
   * PUT or PATCH, two clients that make the same value from one state are both told that they stored it.
   */
  readonly alreadyApplied?: readonly ('PUT' | 'PATCH' | 'DELETE')[]
  /**
   * `'disjoint'`: a PUT or PATCH that was made from an older state goes through when nobody else has touched what it
   * changes, told by `Merged-With`. The adapter has to keep history, and `tag` to be `'version'`. Items are paired by `arrayKeys`.
   */
  readonly merge?: 'disjoint'

  /** Methods that may create. Default: PUT and POST; where the adapter has `create`, POST alone. */
  readonly create?: readonly ('PUT' | 'POST')[]
  /** Makes the key of a new resource. Default: `randomUUID`. */
  readonly generateKey?: (value: T, req: Request) => string
  /** JSON Pointer to the key in the value: filled in when missing; another key there is refused. */
  readonly keyPointer?: string
  /** Where a new resource is found. Default: the key below the path of the request. */
  readonly location?: (req: Request, key: string) => string

  /**
   * What a constraint of the database is about: `{ articles_slug_key: '/slug' }`, or several JSON Pointers. By the name
   * that the database gives; in SQLite its columns, `{ 'tenant, slug': ['/tenant', '/slug'] }`.
   */
  readonly constraints?: Readonly<Record<string, string | readonly string[]>>

  /** How long a call of the adapter may take, in milliseconds. Default: 10000. */
  readonly deadlineMs?: number
  /** In place of 409 and 422. */
  readonly status?: { readonly immutable_field?: 400 | 409 | 422; readonly schema_invalid?: 400 | 422 }
  /**
   * Cache groups (RFC 9875): reads say that they belong to "article:1", and changes that "article:1" and "article" are
   * stale. Clients see keys in them. Default: `false`.
   */
  readonly cacheGroups?: boolean
  /** What a problem may show of the current state, as its member `state`. Default: nothing. */
  readonly expose?: (state: ResourceState<T>, req: Request) => unknown
  /** Told of every refusal, of those that a handler throws too. What it throws becomes a warning. */
  readonly onConflict?: (event: ConflictEvent) => void
  /** Told of every commit. What it throws becomes a warning. */
  readonly onCommitted?: (event: CommitEvent) => void
}

const somePointers: Expectation = {
  holds: (value) => aPointer.holds(value) || (Array.isArray(value) && value.length > 0 && value.every(aPointer.holds)),
  what: 'a JSON Pointer or several, such as "/slug"',
}

/** What each option has to be. TypeScript compares the tables with the types: a missing option does not compile. */
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
