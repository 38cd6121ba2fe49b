import type { Request } from 'express'
import type { ExpiringStore } from '../../contracts/store'
import { type Marks, marksOf } from '../../json/marks'
import { isObject, parsePointer } from '../../json/pointer'
import {
  aBoolean,
  aFunction,
  aMethod,
  aPointer,
  aText,
  checkOptions,
  type Expectation,
  listOf,
  milliseconds,
  oneOf,
  storedMilliseconds,
} from '../../options'

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
   * What a repetition gets when the outcome of the first request is unknown: 503 `outcome_unknown` (default), or it
   * runs again. Running again is for handlers that can run twice, and for changes that are committed with their record.
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

export interface IdempotencySettings
  extends Required<Omit<IdempotencyOptions, 'methods' | 'fingerprint' | 'ignoreFields' | 'replayHeaders'>> {
  readonly methods: ReadonlySet<string> | undefined
  readonly fingerprint: IdempotencyOptions['fingerprint']
  readonly ignoreFields: Marks | undefined
  /** In lower case. */
  readonly replayHeaders: ReadonlySet<string>
}

const IDEMPOTENCY: Readonly<Record<keyof IdempotencyOptions, Expectation>> = {
  store: {
    holds: (value) => isObject(value) && ['read', 'create', 'replace', 'remove'].every((name) => name in value),
    what: 'an ExpiringStore, such as memoryStore()',
  },
  scope: {
    ...aFunction,
    what: 'a function that says whose key it is, such as (req) => req.user.id; without it callers could get answers of others',
  },
  required: aBoolean,
  methods: listOf(aMethod),
  ttlMs: storedMilliseconds,
  leaseMs: milliseconds,
  maxRunMs: milliseconds,
  onInProgress: oneOf('refuse', 'wait'),
  waitMs: milliseconds,
  onUnknown: oneOf('refuse', 'run-again'),
  fingerprint: aFunction,
  ignoreFields: listOf(aPointer),
  replayHeaders: listOf(aText('a non-empty string')),
  maxAnswerBytes: { holds: (value) => Number.isSafeInteger(value) && Number(value) >= 0, what: 'a number of bytes' },
  withoutKey: oneOf('run', 'refuse', 'share'),
  docsUrl: { holds: (value) => typeof value === 'string' && URL.canParse(value), what: 'a URL' },
}

/** Fields that describe content and locations, but not the caller or the moment. */
const REPLAYED = [
  'accept-patch',
  'allow',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-location',
  'content-type',
  'etag',
  'last-modified',
  'link',
  'location',
  'merged-with',
  'preference-applied',
  'vary',
]

/** Fields that belong to one caller, one connection or one moment. */
const NEVER_REPLAYED = [
  'authentication-info',
  'authorization',
  'connection',
  'content-length',
  'cookie',
  'date',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'set-cookie',
  'set-cookie2',
  'transfer-encoding',
  'www-authenticate',
]

const DRAFT = 'https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07'

export function readIdempotency(caller: string, options: IdempotencyOptions): IdempotencySettings {
  checkOptions(caller, options, IDEMPOTENCY, ['store', 'scope'])
  const { replayHeaders = [], fingerprint, ignoreFields } = options
  const secret = replayHeaders.find((name) => NEVER_REPLAYED.includes(name.toLowerCase()))
  if (secret !== undefined)
    throw new TypeError(`${caller}: replayHeaders names ${secret}, which is of one answer alone; leave it out.`)
  if (fingerprint && ignoreFields)
    throw new TypeError(`${caller}: fingerprint stands for the whole body; leave ignoreFields out.`)
  const settings: IdempotencySettings = {
    store: options.store,
    scope: options.scope,
    required: options.required ?? false,
    methods: options.methods && new Set(options.methods),
    ttlMs: options.ttlMs ?? 24 * 60 * 60 * 1000,
    leaseMs: options.leaseMs ?? 30_000,
    maxRunMs: options.maxRunMs ?? 60_000,
    onInProgress: options.onInProgress ?? 'refuse',
    waitMs: options.waitMs ?? 10_000,
    onUnknown: options.onUnknown ?? 'refuse',
    fingerprint,
    ignoreFields: marksOf(ignoreFields?.map(parsePointer) ?? []),
    replayHeaders: new Set([...REPLAYED, ...replayHeaders.map((name) => name.toLowerCase())]),
    maxAnswerBytes: options.maxAnswerBytes ?? 262_144,
    withoutKey: options.withoutKey ?? 'run',
    docsUrl: options.docsUrl ?? DRAFT,
  }
  const { ttlMs, leaseMs, maxRunMs } = settings
  if (ttlMs < leaseMs + maxRunMs)
    throw new TypeError(
      `${caller}: ttlMs (${ttlMs}) has to be at least leaseMs + maxRunMs (${leaseMs + maxRunMs}): a key that is forgotten while its request runs would run again.`,
    )
  if (settings.required && settings.withoutKey !== 'run')
    throw new TypeError(`${caller}: withoutKey is for requests without a key; with required: true there are none.`)
  return settings
}
