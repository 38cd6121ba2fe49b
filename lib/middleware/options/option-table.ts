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
  storedMilliseconds,
} from '../../options'
import { someEditLocks } from './edit-locks'
import type { IdempotencyOptions } from './idempotency-options'
import type { ConflictOptions, LifecycleOptions, LockOptions, PreconditionOptions } from './options'

const someText = aText('a non-empty string')

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
  expose: aFunction,
  onConflict: aFunction,
  onCommitted: aFunction,
}

export const PRECONDITIONS: Readonly<Record<keyof PreconditionOptions, Expectation>> = {
  required: oneOf(true, false, 'version'),
  weak: oneOf('refuse', 'accept'),
  tagSuffixes: listOf(someText),
  versionField: aPointer,
  versionQuery: someText,
  notModified: oneOf('early', 'late'),
  mode: oneOf('enforce', 'report'),
}

export const LOCK: Readonly<Record<keyof LockOptions, Expectation>> = {
  manager: {
    holds: (value) => isObject(value) && 'acquire' in value && typeof value.acquire === 'function',
    what: 'a LockManager, such as memoryLocks()',
  },
  waitMs: {
    ...milliseconds,
    holds: (value) => value === 0 || milliseconds.holds(value),
    what: 'a number of milliseconds',
  },
  leaseMs: milliseconds,
  maxHoldMs: milliseconds,
  maxWaiting: { holds: (value) => Number.isSafeInteger(value) && Number(value) >= 0, what: 'a whole number' },
  key: aFunction,
  methods: listOf(aMethod),
}

export const IDEMPOTENCY: Readonly<Record<keyof IdempotencyOptions, Expectation>> = {
  store: {
    holds: (value) => isObject(value) && ['read', 'create', 'replace', 'remove'].every((name) => name in value),
    what: 'an ExpiringStore, such as memoryStore()',
  },
  scope: {
    ...aFunction,
    what: 'a function that says whose key it is, such as (req) => req.user.id; without it callers could get answers of others',
  },
  required: oneOf(true, false),
  methods: listOf(aMethod),
  ttlMs: storedMilliseconds,
  leaseMs: milliseconds,
  maxRunMs: milliseconds,
  onInProgress: oneOf('refuse', 'wait'),
  waitMs: milliseconds,
  onUnknown: oneOf('refuse', 'run-again'),
  fingerprint: aFunction,
  ignoreFields: listOf(aPointer),
  replayHeaders: listOf(someText),
  maxAnswerBytes: { holds: (value) => Number.isSafeInteger(value) && Number(value) >= 0, what: 'a number of bytes' },
  withoutKey: oneOf('run', 'refuse', 'share'),
  docsUrl: { holds: (value) => typeof value === 'string' && URL.canParse(value), what: 'a URL' },
}

export const LIFECYCLE: Readonly<Record<keyof LifecycleOptions, Expectation>> = {
  field: aPointer,
  frozen: listOf(someText),
  gone: listOf(someText),
  initial: listOf(someText),
  transitions: recordOf(listOf(someText)),
}

export const STATUS: Readonly<Record<keyof NonNullable<ConflictOptions<unknown>['status']>, Expectation>> = {
  immutable_field: oneOf(400, 409, 422),
  schema_invalid: oneOf(400, 422),
}
