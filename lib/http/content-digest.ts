import { parseDictionary } from './structured-field'

/** One digest of a `Content-Digest` or `Repr-Digest` field (RFC 9530 §2, §3): an algorithm and what it has to give, in base64. */
export interface Digest {
  readonly algorithm: string
  readonly base64: string
}

/** The algorithms that prove something (RFC 9530 §7.2). */
const ACTIVE = ['sha-256', 'sha-512']

/**
 * Reads the digests of a field; `undefined` means malformed. The value of an unknown algorithm is left out unless it is a
 * byte sequence.
 */
export function parseDigests(field: string): readonly Digest[] | undefined {
  const members = parseDictionary(field)
  if (members === undefined) return undefined
  const digests = [...members].flatMap(([algorithm, value]) =>
    value.startsWith(':') ? { algorithm, base64: value.slice(1, -1) } : [],
  )
  const isRead = (name: string) => digests.some(({ algorithm }) => algorithm === name)
  return ACTIVE.every((name) => !members.has(name) || isRead(name)) ? digests : undefined
}
