import { sha256 } from '../backends/records/stored-form'
import { canonicalJson } from '../json/equal'
import type { Marks } from '../json/marks'
import { withoutMembers } from '../json/members'

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
