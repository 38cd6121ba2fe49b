import type { Request } from 'express'
import { ConflictError } from '../../conflicts/conflicts'
import { isStoredFile } from '../../contracts/stored-file'
import { fingerprintOf } from '../../idempotency/record'
import { show } from '../../options'
import { hasBody, isJsonType, mediaTypeOf, unsafeDocument, unsupported, wasEmpty, wasParsed } from '../change/body'
import type { IdempotencySettings } from '../options/idempotency-options'

/** A text that distinguishes the request from others with the same key, or the conflict if the body was not read. */
export function requestFingerprint(
  req: Request,
  { fingerprint, ignoreFields }: IdempotencySettings,
): string | ConflictError {
  const { method } = req
  const path = req.baseUrl + req.path
  if (fingerprint) {
    const text: unknown = fingerprint(req)
    if (typeof text === 'string' && text !== '')
      return fingerprintOf({ method, path, query: '', mediaType: '', body: ['own', text] })
    throw new Error(`idempotency.fingerprint has to give a non-empty string; it gave ${show(text)}.`)
  }
  const body = hasBody(req.headers) && !wasEmpty(req) ? parsedBody(req) : undefined
  if (body instanceof ConflictError) return body
  const at = req.url.indexOf('?')
  const query = at === -1 ? '' : req.url.slice(at)
  return fingerprintOf({ method, path, query, mediaType: mediaTypeOf(req.headers), body }, ignoreFields)
}

/** A body that was not read cannot be compared: the key would match any body. */
function parsedBody(req: Request): unknown {
  const type = mediaTypeOf(req.headers)
  if (!wasRead(req)) {
    if (!isJsonType(type)) return unsupported(type, {})
    throw new Error(
      `The ${req.method} body of type ${type} was not parsed, so that its Idempotency-Key would stand for any body. Mount a parser in front: app.use(express.json()); for what is not parsed give idempotency.fingerprint.`,
    )
  }
  // Parsers keep the files of a form in other places.
  if (type.startsWith('multipart/') && !Buffer.isBuffer(req.body) && !isStoredFile(req.body))
    throw new Error(
      `The files of a ${req.method} body of type ${type} are in no req.body, so that its Idempotency-Key would stand for any of them. Give idempotency.fingerprint, a text made of the fields and the files.`,
    )
  const body: unknown = req.body
  return unsafeDocument('The body', body) ?? body
}

/** The bytes of a raw parser count too. */
function wasRead(req: Request): boolean {
  return wasParsed(req, req.body) || (Buffer.isBuffer(req.body) && req.readableDidRead)
}
