import { AsyncResource } from 'node:async_hooks'
import { isAscii } from 'node:buffer'
import type { IncomingHttpHeaders } from 'node:http'
import { Readable } from 'node:stream'
import type { Request, RequestHandler } from 'express'
import express from 'express'
import { ConflictError } from '../../conflicts/conflicts'
import { inexactNumber, shortened } from '../../json/text'

/**
 * Parses a body that nothing has read yet. Any JSON text is a body (RFC 8259 §2), `null` and `"x"` too.
 *
 * Most bodies are plain UTF-8 of a known length. Reading those here is faster than with Express's parser. If anything is
 * wrong with a body, Express's parser reads it instead, and its own error is passed on.
 */
export const parseJsonBody: RequestHandler = (req, res, next) => {
  const { headers } = req
  // Express 4 makes `{}` of a missing body, and handlers of the app may rely on that.
  const isMissing = !isExpress4 && headers['content-length'] === undefined && headers['transfer-encoding'] === undefined
  if (req.readableDidRead || isMissing) return next()
  const length = plainLength(req)
  if (length === undefined) parse(req, res, next)
  else readPlain(length, req, res, next)
}

function readPlain(length: number, ...[req, res, next]: Parameters<RequestHandler>): void {
  // Keeps what middleware in front has put into an AsyncLocalStorage.
  const context = new AsyncResource('JsonBody')
  const chunks: Buffer[] = []
  let received = 0
  req.on('data', onData).on('end', onEnd).on('aborted', onAborted).on('error', onError)

  function onData(chunk: Buffer): void {
    chunks.push(chunk)
    received += chunk.length
  }

  function onEnd(): void {
    finish(() => {
      const read = received === length ? exactJson(textIn(chunks, length)) : undefined
      if (read === undefined) return parseAgain((body) => body.push(null))
      req.body = read.value
      // Tells a parser behind this one not to read again. Only in Express 4: a new member on the request is slow.
      if (isExpress4) Object.assign(req, { _body: true })
      note(req, read)
      next()
    })
  }

  function onAborted(): void {
    finish(() => parseAgain((body) => body.emit('aborted')))
  }

  function onError(error: unknown): void {
    finish(() => parseAgain((body) => body.emit('error', error)))
  }

  function finish(go: () => void): void {
    req.off('data', onData).off('end', onEnd).off('aborted', onAborted).off('error', onError)
    context.runInAsyncScope(go)
  }

  /** Gives Express's parser the bytes that came, with the same end. */
  function parseAgain(end: (body: Readable) => void): void {
    const body = bodyAgain(req.headers, chunks, end)
    parse(body, res, (error?: unknown) => {
      if ('body' in body) req.body = body.body
      const known = bodyOf(body)
      if (known) note(req, known)
      next(error)
    })
  }
}

const isExpress4 = 'lazyrouter' in express.application

/** The longest body that Express's parser accepts by default. */
const LIMIT = 100 * 1024

const PLAIN_TYPES = new Set(
  ['application/json', 'application/merge-patch+json', 'application/json-patch+json'].flatMap((type) => [
    type,
    `${type};charset=utf-8`,
    `${type}; charset=utf-8`,
  ]),
)

/** The length of the body, if its header says that it is short JSON in UTF-8 without an encoding. */
function plainLength({ headers, readable, readableEncoding }: Request): number | undefined {
  if (!PLAIN_TYPES.has(headers['content-type'] ?? '') || !readable || readableEncoding !== null) return undefined
  if (headers['content-encoding'] !== undefined || headers['transfer-encoding'] !== undefined) return undefined
  const length = Number(headers['content-length'])
  return length > 0 && length <= LIMIT ? length : undefined
}

/** A buffer in which all bodies join their chunks, because a new buffer for each body is slower. */
let joined: Buffer | undefined

function textIn(chunks: readonly Buffer[], length: number): string {
  const [first] = chunks
  if (chunks.length === 1 && first) return utf8(first)
  joined ??= Buffer.allocUnsafeSlow(LIMIT)
  let at = 0
  for (const chunk of chunks) at += chunk.copy(joined, at)
  return utf8(joined.subarray(0, length))
}

function utf8(bytes: Buffer): string {
  return bytes.toString(isAscii(bytes) ? 'latin1' : 'utf8')
}

/** `undefined` if the text is not JSON, or has a number that JavaScript would change. */
function exactJson(text: string): KnownBody | undefined {
  if (inexactNumber(text) !== undefined) return undefined
  try {
    return { isEmpty: false, text, value: JSON.parse(text) }
  } catch {
    return undefined
  }
}

/** A request with the body that was already read, for a second parser. */
function bodyAgain(headers: IncomingHttpHeaders, chunks: Buffer[], end: (body: Readable) => void): Request {
  const body = new Readable({
    read() {
      const chunk = chunks.shift()
      if (chunk) body.push(chunk)
      // Only after the reader has got all chunks.
      else setImmediate(() => end(body))
    },
  })
  return Object.assign(body, { headers }) as unknown as Request
}

/**
 * For the app's own parser: `express.json({ verify: refuseInexactNumbers })`. Answers 400 to a body with a number that
 * JavaScript would change, such as `9007199254740993`. Without it, the number changes before the chain can see it.
 */
export function refuseInexactNumbers(req: unknown, _res: unknown, bytes: Buffer, encoding: string): void {
  const known = isEmpty(bytes) ? EMPTY : FILLED
  if (typeof req === 'object' && req !== null) note(req, known)
  // Express makes {} of it. The chain refuses a PUT like this, but an action or a route without a chain may have no body.
  if (known === EMPTY) return
  const number = inexactNumber(textOf(bytes, encoding))
  if (number === undefined) return
  const detail = `The number ${shortened(number)} cannot be kept exactly. Send it as a string, or with fewer digits.`
  throw new ConflictError('malformed_body', { detail })
}

/** What is known about a body that was read here before it was parsed. */
interface KnownBody {
  readonly isEmpty: boolean
  /** The body as it came, if it was parsed here. */
  readonly text?: string
  /** What it was parsed to. */
  readonly value?: unknown
}

const EMPTY: KnownBody = { isEmpty: true }
const FILLED: KnownBody = { isEmpty: false }

const BODY = Symbol.for('express-conflict.body')

interface Carrier {
  [BODY]?: KnownBody
  /** A mock request and a body that is read again have none. */
  readonly rawHeaders?: Carrier
}

function note(req: object, known: KnownBody): void {
  const { rawHeaders = req } = req as Carrier
  ;(rawHeaders as Carrier)[BODY] = known
}

export function bodyOf(req: object): KnownBody | undefined {
  const { rawHeaders = req } = req as Carrier
  return (rawHeaders as Carrier)[BODY]
}

const parse = express.json({
  type: ['application/json', 'application/*+json'],
  strict: false,
  verify: refuseInexactNumbers,
})

/** A byte order mark alone counts as empty. */
function isEmpty(bytes: Buffer): boolean {
  return bytes.length < 4 && BYTE_ORDER_MARKS.includes(bytes.toString('hex'))
}

/** Those of UTF-8, and of UTF-16 in both byte orders. */
const BYTE_ORDER_MARKS = ['', 'efbbbf', 'feff', 'fffe']

/** Finds the byte order as Express's parser does: by the mark, or by the zero byte of the first ASCII character. */
function utf16Of(bytes: Buffer): string {
  return bytes[0] === 0 || bytes.subarray(0, 2).toString('hex') === 'feff' ? 'utf-16be' : 'utf-16le'
}

function textOf(bytes: Buffer, encoding: string): string {
  if (encoding === 'utf-8') return bytes.toString('utf8')
  try {
    return new TextDecoder(encoding === 'utf-16' ? utf16Of(bytes) : encoding).decode(bytes)
  } catch {
    // JSON between systems is UTF-8 (RFC 8259 §8.1). A text that cannot be decoded cannot be checked.
    throw new ConflictError('unsupported_media_type', { detail: `Send JSON in UTF-8, not ${encoding}.` })
  }
}
