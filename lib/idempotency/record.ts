import { isUtf8 } from 'node:buffer'
import { canonicalJson } from '../json/equal'
import type { Marks } from '../json/marks'
import { withoutMembers } from '../json/members'
import { sha256 } from '../json/sha256'

/** An answer that can be given again: the parts of its head that may be repeated, and all of its body. */
export interface KeptAnswer {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string | readonly string[]])[]
  readonly body: Buffer
}

/** What the store knows about the request with a key. */
export type IdempotencyRecord =
  /** `isWatched`: a repetition has seen it, so the holder has to renew its lease. */
  | { readonly state: 'running'; readonly fingerprint: string; readonly token: string; readonly isWatched: boolean }
  | { readonly state: 'answered'; readonly fingerprint: string; readonly token: string; readonly answer: KeptAnswer }
  /** The change was committed, but not answered yet. If the holder dies, repetitions get `answer`. */
  | {
      readonly state: 'committed'
      readonly fingerprint: string
      readonly token: string
      readonly answer: KeptAnswer
      readonly isWatched: boolean
    }
  /** The change was committed, but its own answer was not kept. `answer` has no body. */
  | { readonly state: 'carried-out'; readonly fingerprint: string; readonly token: string; readonly answer: KeptAnswer }
  /** The request was carried out, but its answer was too large to keep. */
  | { readonly state: 'answer-lost'; readonly fingerprint: string; readonly token: string }

/** One line of JSON, then the body, which would be a third longer if it were escaped as JSON. */
export function printRecord(record: IdempotencyRecord): string {
  if (!('answer' in record)) return JSON.stringify(record)
  const { answer, ...about } = record
  const { status, headers, body } = answer
  const isText = isUtf8(body)
  const head = JSON.stringify({ ...about, status, headers, isText })
  return `${head}\n${body.toString(isText ? 'utf8' : 'base64')}`
}

type WithoutAnswer<R> = R extends { readonly answer: KeptAnswer } ? Omit<R, 'answer'> : never
type About = WithoutAnswer<IdempotencyRecord>

export function parseRecord(text: string): IdempotencyRecord {
  const end = text.indexOf('\n')
  if (end === -1) return JSON.parse(text) as IdempotencyRecord
  const { status, headers, isText, ...about } = JSON.parse(text.slice(0, end)) as About &
    Omit<KeptAnswer, 'body'> & { isText: boolean }
  return { ...about, answer: { status, headers, body: Buffer.from(text.slice(end + 1), isText ? 'utf8' : 'base64') } }
}

/** The store's key for a request: no other resource, caller or Idempotency-Key has the same. */
export function recordKey(
  what: 'key' | 'content',
  name: string,
  scope: string | readonly string[],
  key: string,
): string {
  // JSON keeps the parts apart, whatever they contain.
  return JSON.stringify([`idempotency-${what}`, name, scope, key])
}

/** What distinguishes one request from another with the same key. */
export interface FingerprintParts {
  readonly method: string
  /** Without its query. */
  readonly path: string
  /** As it was sent, with or without its question mark. */
  readonly query: string
  readonly mediaType: string
  /** As a parser gave it: JSON, text or bytes. `undefined`: the request has none. */
  readonly body: unknown
}

/** SHA-256 over the parts. The order of members, of parameters, and spaces in JSON make no difference. */
export function fingerprintOf(
  { method, path, query, mediaType, body }: FingerprintParts,
  ignoreFields?: Marks | undefined,
): string {
  const head = JSON.stringify([method, path, sortedQuery(query), mediaType])
  if (Buffer.isBuffer(body)) return sha256(Buffer.concat([Buffer.from(`${head}bytes`), body]), 'base64url')
  const counts = withoutMembers(body, ignoreFields)
  return sha256(head + (counts === undefined ? 'none' : canonicalJson(counts)), 'base64url')
}

/** Sorted by name only: the order of two parameters with the same name may matter. */
function sortedQuery(query: string): string {
  const text = query.startsWith('?') ? query.slice(1) : query
  if (!text.includes('&')) return text
  const nameOf = (pair: string) => pair.split('=', 1)[0] ?? ''
  const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
  return text
    .split('&')
    .filter((pair) => pair !== '')
    .sort((a, b) => compare(nameOf(a), nameOf(b)))
    .join('&')
}
