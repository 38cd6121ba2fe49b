import type { IncomingHttpHeaders } from 'node:http'
import type { Request } from 'express'
import { answerOf, type ConflictError } from '../../conflicts/conflicts'
import { isStoredFile } from '../../contracts/stored-file'
import { findUnsafe, type Unsafe } from '../../json/document'
import { isObject, valueAt, withoutValueAt } from '../../json/pointer'
import type { RequestFacts, Sent } from '../request/guarded-request'
import { bodyOf } from './json-body'

export const MERGE_PATCH = 'application/merge-patch+json'
export const JSON_PATCH = 'application/json-patch+json'
/** For `Accept-Patch` (RFC 5789 §3.1). `application/json` is read as a merge patch. */
export const ACCEPT_PATCH = `${MERGE_PATCH}, ${JSON_PATCH}, application/json`

/** Deeper than any resource, and far below the depth at which recursion overflows the stack. */
const MAX_DEPTH = 128

/** The conflict for a body of an unsupported media type, by its header alone. */
export function mediaTypeConflict<T>({ req, method, headers }: RequestFacts<T>): ConflictError | undefined {
  if (!hasBody(headers) || isStoredFile(req.body)) return undefined
  const type = mediaTypeOf(headers)
  if (formatOf(method, type) !== undefined) return undefined
  return unsupported(type, method === 'PATCH' ? { 'Accept-Patch': ACCEPT_PATCH } : { Accept: 'application/json' })
}

/**
 * The document that a parser left on the request. Throws when none was mounted: that is the app's mistake, not the
 * client's.
 */
export function readBody<T>({ req, method, headers, settings }: RequestFacts<T>): Sent | ConflictError {
  const { versionField } = settings.members
  // RFC 9110 §14.4: a PUT with Content-Range would store a part as if it were the whole.
  if (headers['content-range'] !== undefined) return malformed('A part of a resource cannot be stored: Content-Range.')
  const document: unknown = req.body
  if (isStoredFile(document)) return { format: 'value', document, version: undefined }
  const known = bodyOf(req)
  if (!hasBody(headers) || wasEmpty(req) || known?.isEmpty) return malformed('The request has no body.')
  if (!wasParsed(req, document) || (typeof document === 'string' && !known && isStillText(document, headers)))
    throw new Error(unparsed(method, headers))
  if (known === undefined && isObject(document) && Object.keys(document).length === 0 && mayHaveBeenEmpty(headers))
    return malformed('The body is empty, or an empty object that cannot be told from an empty body. Send {} alone.')
  const unsafe = unsafeDocument('The body', document)
  if (unsafe) return unsafe
  const type = mediaTypeOf(headers)
  const format = formatOf(method, type) ?? 'value'
  // As a merge patch it would take the place of the whole resource (RFC 7396 §2).
  if (method === 'PATCH' && type === 'application/json' && Array.isArray(document))
    return malformed(`The type of a JSON Patch is ${JSON_PATCH}.`)
  if (versionField === undefined || format === 'json-patch')
    return { format, document, version: undefined, text: known && known.value === document ? known.text : undefined }
  const version = valueAt(document, versionField)
  if (version === undefined) return { format, document, version: undefined }
  if (typeof version !== 'string' && typeof version !== 'number')
    return malformed('The version in the body is neither a string nor a number.')
  // A parser may have rounded it: …992 and …993 would be one version.
  if (typeof version === 'number' && !Number.isSafeInteger(version))
    return malformed('The version in the body is a number that cannot be told from others; send it as a string.')
  return { format, document: withoutValueAt(document, versionField), version: String(version) }
}

/** The conflict for a document that is not safe to process or store. */
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

export function hasBody(headers: IncomingHttpHeaders): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

export function mediaTypeOf(headers: IncomingHttpHeaders): string {
  const field = headers['content-type'] ?? ''
  if (field === 'application/json') return field
  const [type = ''] = field.split(';', 1)
  return type.trim().toLowerCase()
}

function formatOf(method: string, type: string): Sent['format'] | undefined {
  if (method === 'PATCH') {
    if (type === JSON_PATCH) return 'json-patch'
    return type === MERGE_PATCH || type === 'application/json' ? 'merge-patch' : undefined
  }
  if (type === JSON_PATCH || type === MERGE_PATCH) return undefined
  return isJsonType(type) ? 'value' : undefined
}

export function isJsonType(type: string): boolean {
  return type === 'application/json' || /^application\/[\w.!#$&^-]+\+json$/.test(type)
}

/** The compressed size of `{}` in each encoding. An empty body is shorter, and a byte order mark alone is longer. */
const SHORTEST: Readonly<Record<string, number>> = { gzip: 22, 'x-gzip': 22, deflate: 10, br: 6 }

/**
 * Parsers return `{}` for a compressed empty body and for a byte order mark alone, and a PUT of that would empty the
 * resource. The length shows which one it was; if it does not, the request is refused.
 */
function mayHaveBeenEmpty(headers: IncomingHttpHeaders): boolean {
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity'
  const given = headers['content-length']
  if (given === undefined) return encoding !== 'identity'
  const length = Number(given)
  if (encoding !== 'identity') return length !== SHORTEST[encoding]
  // The mark takes 3 bytes in UTF-8, 2 in UTF-16, and 4 and 5 in other encodings that parsers know.
  const [, charset = 'utf-8'] = /charset\s*=\s*"?([^\s;"]+)/i.exec(headers['content-type'] ?? '') ?? []
  if (/^utf-?8$|^us-ascii$/i.test(charset)) return length === 3
  return !/^utf-?16/i.test(charset) || length < 4
}

/** A chunked body without any chunk: it was read to its end, and nothing came. */
export function wasEmpty(req: Request): boolean {
  return !req.readableDidRead && req.readableEnded
}

/** Express 4 leaves `{}` for a body that no parser took, and a raw parser leaves a Buffer. */
export function wasParsed(req: Request, document: unknown): boolean {
  return document !== undefined && !Buffer.isBuffer(document) && req.readableDidRead
}

/**
 * A parser of text leaves the JSON text, which would be stored as a string. A string that was parsed has lost its two
 * quotes: the length shows it, or nothing does.
 */
function isStillText(text: string, headers: IncomingHttpHeaders): boolean {
  const length = headers['content-encoding'] === undefined ? headers['content-length'] : undefined
  return length === undefined || Buffer.byteLength(text) + 2 > Number(length)
}

function unparsed(method: string, headers: IncomingHttpHeaders): string {
  return `The ${method} body of type ${mediaTypeOf(headers)} was not parsed. Mount a parser in front of the chain: app.use(express.json({ type: ['application/json', 'application/*+json'] }))`
}

function malformed(detail: string): ConflictError {
  return answerOf('malformed_body', { detail })
}

export function unsupported(type: string, headers: Record<string, string>): ConflictError {
  const detail =
    type === ''
      ? 'The request does not say of which type its body is: Content-Type.'
      : `Bodies of type ${type} are not understood here.`
  return answerOf('unsupported_media_type', { detail, headers })
}
