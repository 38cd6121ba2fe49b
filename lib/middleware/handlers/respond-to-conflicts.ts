import type { ErrorRequestHandler, Request, Response } from 'express'
import { ConflictError, conflictOf, toProblem } from '../../conflicts/conflicts'
import { callListener } from '../../conflicts/events'
import { mendOf } from '../../conflicts/store-error-shape'
import { recogniseStoreError } from '../../conflicts/store-errors'
import { formatProblem, PROBLEM_JSON } from '../../http/problem'
import { refuseUnknown } from '../../options'
import { refuseMounted } from '../options/mount'
import { type ConflictLogger, conflictLog, keepLog, loggerOf } from '../request/conflict-log'
import { failing } from '../request/conflict-middleware'
import { findTarget, type GuardedRequest, guardedOn } from '../request/guarded-request'
import { announced, instanceOf, publishUnguarded, refusal } from '../request/refuse'
import { handlersConflict } from '../state/store-conflict'

/** How problems are named and logged. */
export interface RespondOptions {
  /** The `type` of a problem is this prefix and the kind. Default: `urn:problem-type:express-conflict:`. */
  readonly typePrefix?: string
  /**
   * Logs every problem, with the `instance` that the client got. In 10 seconds it logs at most 100 of one kind, and then
   * their number. Default: `req.log`, as pino-http sets it. Without that, faults of a back end go to `console.error`.
   */
  readonly logger?: ConflictLogger
}

const TYPE_PREFIX = 'urn:problem-type:express-conflict:'

/**
 * The conflict responder. Answers conflicts, the refusals of body parsers, and database errors on guarded requests as
 * `application/problem+json` (RFC 9457). Mount it last. It passes every other error on unchanged.
 */
export function respondToConflicts(options: RespondOptions = {}): ErrorRequestHandler {
  refuseMounted('respondToConflicts', options, 'app.use(respondToConflicts())')
  refuseUnknown('respondToConflicts()', options, ['typePrefix', 'logger'])
  const { typePrefix = TYPE_PREFIX, logger } = options
  if (typeof typePrefix !== 'string')
    throw new TypeError(`respondToConflicts(): typePrefix has to be a string; got ${JSON.stringify(typePrefix)}.`)
  if (logger !== undefined && (typeof logger?.warn !== 'function' || typeof logger.error !== 'function'))
    throw new TypeError(
      `respondToConflicts(): logger has to have the methods warn and error, as pino and console do; got ${typeof logger === 'function' ? 'a function' : JSON.stringify(logger)}. Leave it out for req.log, or console.error on faults, or give { warn() {}, error() {} } for silence.`,
    )
  const log = conflictLog(logger)
  const responder: ErrorRequestHandler = function respondToConflictsMiddleware(error, req, res, next) {
    if (res.headersSent) return next(error)
    const refused = conflictOf(error)
    if (refused) return respond(announcedOn(req, refused))
    const conflict = parserConflict(error)
    if (conflict) {
      publishUnguarded(req, conflict)
      return respond(conflict)
    }
    const found = ofDatabase(req, error)
    if (found === undefined) return passOn()
    found.then((refused) => (refused ? respond(refused) : passOn())).catch(failing(next))

    /** The app's own error handler answers it and may hide the reason, so the log says what to fix. */
    function passOn(): void {
      const known = innermost(req) && recogniseStoreError(error)
      if (known)
        callListener(() =>
          loggerOf(req, logger).error({ method: req.method, err: error }, `The database: ${mendOf(error)}.`),
        )
      next(error)
    }

    function respond(refused: ConflictError): void {
      const instance = instanceOf(req, refused)
      callListener(() => log({ req, guarded: innermost(req), conflict: refused, instance, enforced: true }))
      answer(res, refused, formatProblem(toProblem(refused, typePrefix, instance)))
    }
  }
  keepLog(responder, log)
  return responder
}

/** Notifies listeners of a handler's conflict. The chain has already done so for its own. */
function announcedOn(req: Request, conflict: ConflictError): ConflictError {
  const guarded = innermost(req)
  if (guarded) return announced(guarded, conflict)
  publishUnguarded(req, conflict)
  return conflict
}

function innermost(req: Request): GuardedRequest<unknown> | undefined {
  return findTarget(req) ?? guardedOn(req).at(-1)
}

/** The conflict that a database error of the handler means; `undefined` for a mistake and for any other error. */
function ofDatabase(req: Request, error: unknown): Promise<ConflictError | undefined> | undefined {
  const guarded = innermost(req)
  return guarded && handlersConflict(guarded, error)?.then((conflict) => conflict && refusal(guarded, conflict))
}

/**
 * Header fields that describe the answer that the problem replaces. `Transfer-Encoding` must not be sent with a
 * `Content-Length`.
 */
const OF_ANOTHER_ANSWER: ReadonlySet<string> = new Set(
  'transfer-encoding trailer etag last-modified expires content-encoding content-range content-language content-location content-disposition content-digest repr-digest accept-ranges location'.split(
    ' ',
  ),
)

/**
 * Does not use `res.json`, which would add a weak tag. Node leaves the body out for HEAD.
 */
function answer(res: Response, conflict: ConflictError, body: string): void {
  for (const field of res.getHeaderNames()) if (OF_ANOTHER_ANSWER.has(field)) res.removeHeader(field)
  res.statusCode = conflict.status
  for (const [field, value] of Object.entries(conflict.headers)) res.setHeader(field, value)
  res.setHeader('Content-Type', PROBLEM_JSON)
  res.setHeader('Content-Length', Buffer.byteLength(body))
  res.end(body)
}

/** The conflicts for the errors of body-parser and raw-body, by their `type`. */
const PARSER_ERRORS: Readonly<Record<string, ConstructorParameters<typeof ConflictError>>> = {
  'entity.parse.failed': ['malformed_body', { detail: 'The body is not valid JSON.' }],
  'entity.verify.failed': ['malformed_body', { detail: 'The body was refused.' }],
  'entity.decompress.failed': ['malformed_body', { detail: 'The body cannot be decompressed.' }],
  'request.aborted': ['malformed_body', { detail: 'The body ended too early.' }],
  'request.size.invalid': ['malformed_body', { detail: 'The body is not as long as Content-Length says.' }],
  'entity.too.large': ['content_too_large', { detail: 'The body is larger than this app accepts.' }],
  'parameters.too.many': ['content_too_large', { detail: 'The body has more parameters than this app accepts.' }],
  'encoding.unsupported': [
    'unsupported_media_type',
    { detail: 'The Content-Encoding of the body is not understood here.' },
  ],
  'charset.unsupported': ['unsupported_media_type', { detail: 'The charset of the body is not understood here.' }],
}

/**
 * The conflict for a body parser's 4xx; `undefined` for any other error. The message may quote the body, so the client
 * does not get it.
 */
function parserConflict(error: unknown): ConflictError | undefined {
  if (!(error instanceof Error)) return undefined
  const type = isOfZlib(error) ? 'entity.decompress.failed' : 'type' in error ? String(error.type) : ''
  const known = Object.hasOwn(PARSER_ERRORS, type) ? PARSER_ERRORS[type] : undefined
  return known && new ConflictError(known[0], { ...known[1], cause: error })
}

/** For bytes that zlib refuses, body-parser's error has the status 400 but no type. */
function isOfZlib(error: Error): boolean {
  return 'status' in error && error.status === 400 && 'code' in error && String(error.code).startsWith('Z_')
}
