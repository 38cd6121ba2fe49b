import { isUtf8 } from 'node:buffer'

/** An answer that can be given again: what of its head may be, and all of its body. */
export interface KeptAnswer {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string | readonly string[]])[]
  readonly body: Buffer
}

/** What is known of a request by its key. */
export type IdempotencyRecord =
  /** `isWatched`: somebody has asked for it, and its lease counts. */
  | { readonly state: 'running'; readonly fingerprint: string; readonly token: string; readonly isWatched: boolean }
  | { readonly state: 'answered'; readonly fingerprint: string; readonly token: string; readonly answer: KeptAnswer }
  /** Committed with its resource; the answer was not kept, or not yet. The body is empty. */
  | { readonly state: 'carried-out'; readonly fingerprint: string; readonly token: string; readonly answer: KeptAnswer }
  /** Carried out, with an answer that is too large to be kept, or that never ended. */
  | { readonly state: 'answer-lost'; readonly fingerprint: string; readonly token: string }

/** JSON in one line, and the body below it as it is: JSON escapes would make it a third longer. */
export function printRecord(record: IdempotencyRecord): string {
  if (!('answer' in record)) return JSON.stringify(record)
  const { state, fingerprint, token, answer } = record
  const { status, headers, body } = answer
  const isText = isUtf8(body)
  const head = JSON.stringify({ state, fingerprint, token, status, headers, isText })
  return `${head}\n${body.toString(isText ? 'utf8' : 'base64')}`
}

export function parseRecord(text: string): IdempotencyRecord {
  const end = text.indexOf('\n')
  if (end === -1) return JSON.parse(text) as IdempotencyRecord
  const { status, headers, isText, ...rest } = JSON.parse(text.slice(0, end)) as Omit<KeptAnswer, 'body'> & {
    isText: boolean
    state: 'answered' | 'carried-out'
    fingerprint: string
    token: string
  }
  return { ...rest, answer: { status, headers, body: Buffer.from(text.slice(end + 1), isText ? 'utf8' : 'base64') } }
}

/** Under which a request is known: of no other resource, no other caller, and no other key. */
export function recordKey(what: 'key' | 'turn', name: string, scope: string | readonly string[], key: string): string {
  // JSON keeps them apart, whatever is in them.
  return JSON.stringify([`idempotency-${what}`, name, scope, key])
}
