import type { Request } from 'express'
import { ConflictError } from '../../conflicts/conflicts'
import type { ResourceAdapter } from '../../contracts/adapter'
import { isStoredFile } from '../../contracts/stored-file'
import { parseIdempotencyKey } from '../../http/structured-field'
import { fingerprintOf, recordKey } from '../../idempotency/record'
import { isObject } from '../../json/pointer'
import { show } from '../../options'
import { chainOf } from '../chain/chain'
import { hasBody, isJsonType, mediaTypeOf, unsafeDocument, unsupported, wasEmpty, wasParsed } from '../change/body'
import { claimOrAnswer, claimOrShare, documentedAt } from '../idempotency/claim-or-answer'
import {
  type Definition,
  definitionOf,
  type ResourceDefinition,
  type ResourceOrOptions,
  readDefinition,
} from '../options/definition'
import type { IdempotencySettings } from '../options/idempotency-options'
import { onRoute, refuseMounted } from '../options/mount'
import type { ConflictOptions } from '../options/options'
import { truncatedHeaders } from '../preconditions/conditions'
import { claimOn } from '../request/claimed-request'
import type { ConflictMiddleware } from '../request/conflict-middleware'
import type { GuardedRequest, Stage } from '../request/guarded-request'

/** The options of a definition. Only `name` and `idempotency` are required. */
export type IdempotencyKeyOptions<T> = Omit<ConflictOptions<T>, 'adapter'> & {
  /** Give it if the keys belong to one resource: answers are then only replayed to callers that `allow` lets see it. */
  readonly adapter?: ResourceAdapter<T>
}

/**
 * Stage 1: claims the Idempotency-Key of a request, or answers what the first request with it was answered.
 *
 * By itself, without `adapter`, it guards whatever handlers follow, on any path below its mount. It stands behind a
 * body parser, authentication and authorization: what is answered again is not checked again.
 */
export function honorIdempotencyKey<T>(
  resource: ResourceDefinition<T> | IdempotencyKeyOptions<T>,
): ConflictMiddleware<T> {
  refuseMounted('honorIdempotencyKey', resource)
  const { adapter } = Object(resource) as Partial<typeof resource>
  const definition =
    adapter === undefined && isObject(resource)
      ? withoutResource(resource)
      : definitionOf('honorIdempotencyKey', resource as ResourceOrOptions<T>)
  if (definition.idempotency === undefined)
    throw new TypeError('honorIdempotencyKey(): give idempotency: { store, scope }, such as memoryStore().')
  const place = adapter === undefined ? { mount: onRoute } : {}
  return chainOf('honorIdempotencyKey', definition, [idempotencyStage], place)
}

export const idempotencyStage: Stage = {
  name: 'honorIdempotencyKey',
  role: 'enters',
  // Node may have dropped the header line with the key.
  prepare({ req, settings }) {
    const { idempotency } = settings
    return idempotency && isCovered(req, settings, idempotency) ? truncatedHeaders(req) : undefined
  },
  async enter(guarded) {
    const { req } = guarded
    const { idempotency } = guarded.settings
    if (idempotency === undefined || !isCovered(req, guarded.settings, idempotency)) return undefined
    // An earlier chain has already claimed it, and a request has one claim.
    if (claimOn(req)) return undefined
    const field = req.headers['idempotency-key']
    if (field === undefined && !idempotency.required && idempotency.withoutKey === 'run') return undefined
    const key = field === undefined ? undefined : parseIdempotencyKey(String(field))
    if (key === undefined && (field !== undefined || idempotency.required))
      return unreadable(field === undefined ? 'idempotency_key_missing' : 'idempotency_key_invalid', idempotency)
    const scope = scopeOf(guarded, idempotency)
    const fingerprint = requestFingerprint(req, idempotency)
    if (fingerprint instanceof ConflictError) return fingerprint
    const { name } = guarded.settings
    return key === undefined
      ? claimOrShare(guarded, idempotency, recordKey('content', name, scope, fingerprint))
      : claimOrAnswer(guarded, idempotency, recordKey('key', name, scope, key), fingerprint)
  },
}

function isCovered<T>(
  { method }: Request,
  { safeMethods }: Definition<T>,
  { methods }: Partial<IdempotencySettings> = {},
): boolean {
  return methods ? methods.has(method) : !safeMethods.has(method)
}

function unreadable(code: 'idempotency_key_missing' | 'idempotency_key_invalid', settings: IdempotencySettings) {
  const detail =
    code === 'idempotency_key_missing'
      ? 'Send an Idempotency-Key, new for each change and the same for each repetition of it, such as a UUID in quotes.'
      : 'An Idempotency-Key is one string of 1 to 255 printable characters of ASCII, in quotes.'
  return new ConflictError(code, { detail, headers: documentedAt(settings) })
}

/** Callers without a scope would share one, and could get each other's answers. */
function scopeOf<T>({ req, settings }: GuardedRequest<T>, { scope }: IdempotencySettings): string | readonly string[] {
  const given: unknown = scope(req)
  if (typeof given === 'string' && given !== '') return given
  const parts = [given].flat()
  if (parts.length > 0 && parts.every((part) => typeof part === 'string' && part !== '')) return given as string
  throw new Error(
    `idempotency.scope of the ${settings.name} gave ${show(given)} on ${req.method} ${req.baseUrl}${req.path}; it has to give a non-empty string, or several, such as [tenant, user]. Authentication comes in front of the chain.`,
  )
}

/** A text that distinguishes the request from others with the same key, or the conflict if the body was not read. */
function requestFingerprint(req: Request, { fingerprint, ignoreFields }: IdempotencySettings): string | ConflictError {
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

/** Without a resource, every request below the mount is covered, on any path. */
function withoutResource<T>(options: IdempotencyKeyOptions<T>): Definition<T> {
  const definition: Definition<T> = readDefinition('honorIdempotencyKey', {
    ...options,
    adapter: { read: async () => undefined },
    writes: 'by-app',
    key: (req) => req.baseUrl + req.path,
    skip: (req) => !isCovered(req, definition, definition.idempotency) || (options.skip?.(req) ?? false),
  })
  return definition
}
