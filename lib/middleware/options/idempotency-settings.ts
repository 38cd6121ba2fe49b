import { type Marks, marksOf } from '../../json/marks'
import { parsePointer } from '../../json/pointer'
import { checkOptions } from '../../options'
import type { IdempotencyOptions } from './idempotency-options'
import { IDEMPOTENCY } from './option-table'

export interface IdempotencySettings
  extends Required<Omit<IdempotencyOptions, 'methods' | 'fingerprint' | 'ignoreFields' | 'replayHeaders'>> {
  readonly methods: ReadonlySet<string> | undefined
  readonly fingerprint: IdempotencyOptions['fingerprint']
  readonly ignoreFields: Marks | undefined
  /** In lower case. */
  readonly replayHeaders: ReadonlySet<string>
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
