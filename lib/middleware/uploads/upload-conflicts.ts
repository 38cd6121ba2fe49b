import type { Request } from 'express'
import { ConflictError } from '../../conflicts/conflicts'
import { isStoreFault } from '../../contracts/store-fault'
import { type Digest, parseDigests } from '../../http/content-digest'
import { retryAfterS } from '../../timing/retry-after'

/** How browsers send forms. Stored as it comes, a form would be a file with the boundaries of the form in it. */
const FORM = /^[ \t]*(?:multipart\/form-data|application\/x-www-form-urlencoded)[ \t]*(?:;|$)/i

/** What of an upload can be refused by its header, before a byte of it is kept. */
export function refusalOfUpload(req: Request, maxBytes: number): ConflictError | undefined {
  const { headers, method } = req
  if (method === 'PATCH')
    return new ConflictError('unsupported_media_type', { detail: 'A file cannot be patched: PUT the whole of it.' })
  if (FORM.test(headers['content-type'] ?? ''))
    return new ConflictError('unsupported_media_type', {
      detail:
        'A form was sent where the file itself is expected: send its bytes as the body, and its own type as Content-Type.',
    })
  const coding = headers['content-encoding']
  if (coding !== undefined && coding.toLowerCase() !== 'identity')
    return new ConflictError('unsupported_media_type', {
      detail: 'Uploads with a Content-Encoding are not understood here.',
      headers: { 'Accept-Encoding': 'identity' },
    })
  // RFC 9110 §14.4: a PUT with Content-Range would store a part as if it were the whole.
  if (headers['content-range'] !== undefined) return malformed('A part of a resource cannot be stored: Content-Range.')
  if (headers['transfer-encoding'] === undefined && headers['content-length'] === undefined)
    return malformed('The request has no body.')
  if (Number(headers['content-length'] ?? 0) > maxBytes) return tooLarge(maxBytes)
  return digestsOf(req) === undefined ? malformed('Content-Digest or Repr-Digest is malformed.') : undefined
}

/** Both are the same for a PUT without coding or range (RFC 9530 §3.1). Algorithms that nobody can check are left out. */
export function digestsOf({ headers }: Request): readonly Digest[] | undefined {
  const found: Digest[] = []
  for (const field of [headers['content-digest'], headers['repr-digest']]) {
    if (field === undefined) continue
    const digests = parseDigests(String(field))
    if (digests === undefined) return undefined
    found.push(...digests.filter(({ algorithm }) => ALGORITHMS.has(algorithm)))
  }
  return found
}

/** Names of RFC 9530 §7.2 and of Node. Those that it calls deprecated prove nothing. */
export const ALGORITHMS: ReadonlyMap<string, string> = new Map([
  ['sha-256', 'sha256'],
  ['sha-512', 'sha512'],
])

export function tooLarge(maxBytes: number): ConflictError {
  return new ConflictError('content_too_large', { detail: `A file may have ${maxBytes} bytes at the most.` })
}

export function malformed(detail: string, cause?: unknown): ConflictError {
  return new ConflictError('malformed_body', { detail, cause })
}

/** The disk was asked in vain. Any other error is a mistake. */
export function unavailable(error: unknown): unknown {
  if (!isStoreFault(error)) return error
  return new ConflictError('backend_unavailable', { cause: error, retryAfterS: retryAfterS() })
}
