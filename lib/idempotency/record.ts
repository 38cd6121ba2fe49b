import { isUtf8 } from 'node:buffer'

/** An answer that can be given again: the parts of its head that may be repeated, and all of its body. */
export interface KeptAnswer {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string | readonly string[]])[]
  readonly body: Buffer
}

/** What the store knows about the request with a key. */
export type IdempotencyRecord =
  /** `isWatched`: a repetition has asked about it, so its lease counts. */
  | { readonly state: 'running'; readonly fingerprint: string; readonly token: string; readonly isWatched: boolean }
  | { readonly state: 'answered'; readonly fingerprint: string; readonly token: string; readonly answer: KeptAnswer }
  /** The change was committed, and its holder has yet to answer. Should it die, `answer` is all that is known. */
  | {
      readonly state: 'committed'
      readonly fingerprint: string
      readonly token: string
      readonly answer: KeptAnswer
      readonly isWatched: boolean
    }
  /** The change was committed, and its answer is not kept. The body is empty. */
  | { readonly state: 'carried-out'; readonly fingerprint: string; readonly token: string; readonly answer: KeptAnswer }
  /** The request was carried out, but its answer was too large to keep, or never ended. */
  | { readonly state: 'answer-lost'; readonly fingerprint: string; readonly token: string }

/** One line of JSON, then the body as it is: escaped as JSON it would be a third longer. */
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
