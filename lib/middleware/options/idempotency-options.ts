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
  /** Stores what is known of each key. All processes of an API have to share it; `memoryStore()` is for one process. */
  readonly store: ExpiringStore
  /**
   * The owner of the key, as authentication has found it: the user, or tenant and user. No caller gets an answer from
   * another scope.
   */
  readonly scope: (req: Request) => string | readonly string[]
  /** Refuses requests without a key. Default: `false`. */
  readonly required?: boolean
  /** Methods whose keys are honoured. Default: all unsafe methods. */
  readonly methods?: readonly string[]
  /** How long a key is remembered, in milliseconds. Default: 24 hours. */
  readonly ttlMs?: number
  /** A process that has not renewed its claim for this time counts as dead, in milliseconds. Default: 30000. */
  readonly leaseMs?: number
  /** A handler that has not answered after this time counts as failed, in milliseconds. Default: 60000. */
  readonly maxRunMs?: number
  /** What a repetition gets while the first request is running: 409 (`'refuse'`, default), or its answer (`'wait'`). */
  readonly onInProgress?: 'refuse' | 'wait'
  /** How long it waits before it gets 409, in milliseconds. Default: 10000. */
  readonly waitMs?: number
  /**
   * What happens to a repetition if the outcome of the first request is unknown: it gets 503 `outcome_unknown`
   * (default), or runs again. Let it run again only if the handler may run twice, or if the record of the key is
   * committed together with the change.
   */
  readonly onUnknown?: 'refuse' | 'run-again'
  /** Returns a text that identifies query and body, such as a digest of an unparsed body. Method and path always count. */
  readonly fingerprint?: (req: Request) => string
  /** JSON Pointers to members of the body that may differ in a repetition; `*` stands for each member or item. */
  readonly ignoreFields?: readonly string[]
  /** Additional header fields that a replayed answer has. Fields that describe the content or its location always have. */
  readonly replayHeaders?: readonly string[]
  /** A larger answer is sent but not stored, and repetitions are refused. Default: 262144. */
  readonly maxAnswerBytes?: number
  /**
   * What happens to identical requests of one scope that come at the same time without a key. `'run'` (default): all of
   * them run. `'refuse'`: all but the first get 409. `'share'`: all get the answer of the first.
   */
  readonly withoutKey?: 'run' | 'refuse' | 'share'
  /** The page on which the API documents its keys. Refusals link to it. Default: the draft of the standard. */
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

export const IDEMPOTENCY: Readonly<Record<keyof IdempotencyOptions, Expectation>> = {
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
