import type { Request } from 'express'
import { ConflictError } from '../conflicts'
import { findUnsafe, type Unsafe } from '../json/document'
import { valueAt, withoutValueAt } from '../json/pointer'
import type { Sent } from './guarded-request'

export const MERGE_PATCH = 'application/merge-patch+json'
export const JSON_PATCH = 'application/json-patch+json'
/** For `Accept-Patch` (RFC 5789 §3.1). `application/json` is read as a merge patch. */
export const ACCEPT_PATCH = `${MERGE_PATCH}, ${JSON_PATCH}, application/json`

/** Deeper than any resource, and far from where recursion overflows the stack. */
const MAX_DEPTH = 128

/** What is wrong with the type of the body, by its header alone. */
export function mediaTypeConflict(req: Request): ConflictError | undefined {
  if (!hasBody(req)) return undefined
  const type = mediaTypeOf(req)
  if (req.method === 'PATCH') {
    if (formatOf(req.method, type) !== undefined) return undefined
    return unsupported(type, { 'Accept-Patch': ACCEPT_PATCH })
  }
  return formatOf(req.method, type) === undefined ? unsupported(type, { Accept: 'application/json' }) : undefined
}

/** The document that a parser left on the request. Throws when none was mounted: that is the app's mistake, not the client's. */
export function readBody(req: Request, versionField: readonly string[] | undefined): Sent | ConflictError {
  // RFC 9110 §14.4: a PUT with Content-Range would store a part as if it were the whole.
  if (req.headers['content-range'] !== undefined)
    return malformed('A part of a resource cannot be stored: Content-Range.')
  if (!hasBody(req)) return malformed('The request has no body.')
  const document: unknown = req.body
  if (!wasParsed(req)) throw new Error(unparsed(req))
  const unsafe = unsafeDocument('The body', document)
  if (unsafe) return unsafe
  const format = formatOf(req.method, mediaTypeOf(req)) ?? 'value'
  if (versionField === undefined || format === 'json-patch') return { format, document, version: undefined }
  const version = valueAt(document, versionField)
  if (version === undefined) return { format, document, version: undefined }
  if (typeof version !== 'string' && typeof version !== 'number')
    return malformed('The version in the body is neither a string nor a number.')
  return { format, document: withoutValueAt(document, versionField), version: String(version) }
}

/** What makes a document that came from a client unsafe to work on, and to store. */
export function unsafeDocument(what: string, document: unknown): ConflictError | undefined {
  const unsafe = findUnsafe(document, MAX_DEPTH)
  return unsafe && malformed(`${what} ${FAULTS[unsafe]}.`)
}

const FAULTS: Readonly<Record<Unsafe, string>> = {
  'too-deep': `is nested deeper than ${MAX_DEPTH} levels`,
  'prototype-key': 'has a member whose name stands for a prototype',
  'infinite-number': 'has a number that is too large',
  'broken-text': 'has text that is no Unicode: half of a surrogate pair',
}

function hasBody(req: Request): boolean {
  return req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0
}

function mediaTypeOf(req: Request): string {
  const [type = ''] = (req.headers['content-type'] ?? '').split(';', 1)
  return type.trim().toLowerCase()
}

function formatOf(method: string, type: string): Sent['format'] | undefined {
  if (method === 'PATCH') {
    if (type === JSON_PATCH) return 'json-patch'
    return type === MERGE_PATCH || type === 'application/json' ? 'merge-patch' : undefined
  }
  if (type === JSON_PATCH || type === MERGE_PATCH) return undefined
  return type === 'application/json' || /^application\/[\w.!#$&^-]+\+json$/.test(type) ? 'value' : undefined
}

/** Express 4 leaves `{}` for a body that no parser took, and a raw parser leaves a Buffer. */
function wasParsed(req: Request): boolean {
  return req.body !== undefined && !Buffer.isBuffer(req.body) && req.readableDidRead
}

function unparsed(req: Request): string {
  return `The ${req.method} body of type ${mediaTypeOf(req)} was not parsed. Mount a parser in front of the chain: app.use(express.json({ type: ['application/json', 'application/*+json'] }))`
}

function malformed(detail: string): ConflictError {
  return new ConflictError('malformed_body', { detail })
}

function unsupported(type: string, headers: Record<string, string>): ConflictError {
  const detail =
    type === ''
      ? 'The request does not say of which type its body is: Content-Type.'
      : `Bodies of type ${type} are not understood here.`
  return new ConflictError('unsupported_media_type', { detail, headers })
}
