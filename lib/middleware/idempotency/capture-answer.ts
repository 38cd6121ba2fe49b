import type { ServerResponse } from 'node:http'
import type { KeptAnswer } from '../../idempotency/record'
import { type AnswerGuard, guardOnTop, pass } from '../request/answer-guard'

/** An answer that is held back. */
interface CapturedAnswer {
  /** Names of the header fields to keep, in lower case. */
  readonly fields: ReadonlySet<string>
  readonly mostBytes: number
  /**
   * Called once, before anything of the answer is sent, and awaited; it does not reject. `isWhole`: false when the
   * body is larger than `mostBytes`, and then it is left out.
   */
  onAnswer(answer: KeptAnswer, isWhole: boolean): Promise<void>
  readonly res: ServerResponse
  readonly answer: AnswerGuard
  readonly pieces: Buffer[]
  bytes: number
  head: Omit<KeptAnswer, 'body'> | undefined
  isEnded: boolean
  state: 'holding' | 'storing' | 'sending'
  onEnd: unknown
}

/**
 * Holds an answer back until it is complete and stored.
 *
 * The head is captured when it is written, because a compressing layer in front changes it at that moment. What is
 * captured here is the answer behind all such layers. For the handler, the answer has begun as soon as it writes.
 */
export function captureAnswer(
  res: ServerResponse,
  capture: Pick<CapturedAnswer, 'fields' | 'mostBytes' | 'onAnswer'>,
): void {
  const answer = guardOnTop(res)
  const captured: CapturedAnswer = {
    ...capture,
    res,
    answer,
    pieces: [],
    bytes: 0,
    head: undefined,
    isEnded: false,
    state: 'holding',
    onEnd: undefined,
  }
  answer.capture = {
    writeHead: (args) => captureHead(captured, args),
    flushHeaders: () => begin(captured),
    write: (args) => captureChunk(captured, args),
    end: (args) => captureEnd(captured, args),
  }
}

function captureHead(captured: CapturedAnswer, args: unknown[]): ServerResponse {
  const { res, fields } = captured
  if (!res.headersSent) {
    setFields(res, args)
    captured.head = headOf(res, fields)
  }
  pass(captured.answer).writeHead.call(res, args[0], ...(typeof args[1] === 'string' ? [args[1]] : []))
  const { head } = captured
  // Keeps only fields that are still on the answer. Fields that were added since belong to another layer.
  captured.head = head && { status: res.statusCode, headers: head.headers.filter(([name]) => res.hasHeader(name)) }
  return res
}

function begin({ res }: CapturedAnswer): void {
  if (!res.headersSent) res.writeHead(res.statusCode)
}

function captureChunk(captured: CapturedAnswer, args: unknown[]): unknown {
  const { res } = captured
  if (captured.state === 'sending') return pass(captured.answer).write.apply(res, args)
  const { chunk, callback } = argumentsOf(args)
  // Written after the end: not part of the answer.
  if (captured.isEnded) return false
  const piece = bytesOf(chunk, args[1])
  begin(captured)
  keep(captured, piece)
  if (callback) process.nextTick(callback)
  if (captured.bytes > captured.mostBytes) storeAnswer(captured)
  return captured.state === 'holding'
}

function captureEnd(captured: CapturedAnswer, args: unknown[]): unknown {
  const { res } = captured
  if (captured.isEnded) return res
  const { chunk, callback } = argumentsOf(args)
  if (captured.state === 'sending') {
    captured.isEnded = true
    return pass(captured.answer).end.apply(res, args)
  }
  const piece = chunk === undefined || chunk === null ? undefined : bytesOf(chunk, args[1])
  const isMeasured = !res.headersSent && hasBody(res) && !FRAMED.some((name) => res.hasHeader(name))
  if (isMeasured) res.setHeader('Content-Length', piece?.length ?? 0)
  try {
    begin(captured)
  } catch (error) {
    if (isMeasured) res.removeHeader('Content-Length')
    throw error
  }
  // If it threw, the answer has not ended: the error handler still has to answer.
  captured.isEnded = true
  captured.onEnd = callback
  if (piece) keep(captured, piece)
  storeAnswer(captured)
  return res
}

/** Each of these determines where the body ends. Trailers need a chunked body. */
const FRAMED = ['Content-Length', 'Transfer-Encoding', 'Trailer']

function keep(captured: CapturedAnswer, piece: Buffer): void {
  captured.pieces.push(piece)
  captured.bytes += piece.length
}

function storeAnswer(captured: CapturedAnswer): void {
  if (captured.state !== 'holding') return
  captured.state = 'storing'
  const { res, fields, mostBytes, pieces, bytes } = captured
  const isWhole = bytes <= mostBytes
  const body = isWhole && hasBody(res) ? joined(pieces) : Buffer.alloc(0)
  const { status, headers } = captured.head ?? headOf(res, fields)
  captured
    .onAnswer({ status, headers, body }, isWhole)
    .then(() => send(captured))
    // The handler is done, so the error cannot be passed on to it.
    .catch((error) => res.destroy(error))
}

function send(captured: CapturedAnswer): void {
  const { res, pieces } = captured
  captured.state = 'sending'
  const last = captured.isEnded ? pieces.pop() : undefined
  for (const chunk of pieces.splice(0)) pass(captured.answer).write.call(res, chunk)
  if (captured.isEnded) pass(captured.answer).end.call(res, last, undefined, captured.onEnd)
  else res.emit('drain')
}

function headOf(res: ServerResponse, fields: ReadonlySet<string>): NonNullable<CapturedAnswer['head']> {
  const headers: [string, string | readonly string[]][] = []
  for (const name of res.getHeaderNames()) {
    const value = fields.has(name) ? res.getHeader(name) : undefined
    if (value !== undefined) headers.push([name, typeof value === 'number' ? String(value) : value])
  }
  return { status: res.statusCode, headers }
}

/** Node keeps fields that are given to `writeHead` where `getHeaders` does not find them. */
function setFields(res: ServerResponse, args: unknown[]): void {
  const [status] = args
  const given = typeof args[1] === 'string' ? args[2] : (args[2] ?? args[1])
  if (Array.isArray(given)) {
    const pairs: unknown[][] = Array.isArray(given[0])
      ? given
      : Array.from({ length: given.length / 2 }, (_, at) => given.slice(2 * at, 2 * at + 2))
    for (const [name] of pairs) res.removeHeader(String(name))
    for (const [name, value] of pairs) res.appendHeader(String(name), value as string)
  } else if (typeof given === 'object' && given !== null) {
    for (const [name, value] of Object.entries(given)) if (value !== undefined) res.setHeader(name, value as string)
  }
  if (typeof status === 'number') res.statusCode = status
}

function argumentsOf(args: unknown[]): { chunk: unknown; callback: (() => void) | undefined } {
  const callback = args.find((each) => typeof each === 'function') as (() => void) | undefined
  return { chunk: typeof args[0] === 'function' ? undefined : args[0], callback }
}

/** Copies it, because the writer may reuse its memory. Throws for anything but text and bytes, as Node does. */
function bytesOf(chunk: unknown, encoding: unknown): Buffer {
  if (typeof chunk === 'string')
    return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
  if (chunk instanceof Uint8Array) return Buffer.from(chunk)
  throw new TypeError(`An answer is made of text and bytes; got ${chunk === null ? 'null' : typeof chunk}.`)
}

function joined(pieces: readonly Buffer[]): Buffer {
  const [first] = pieces
  return first && pieces.length === 1 ? first : Buffer.concat(pieces)
}

/** RFC 9110 §6.4.1. */
function hasBody({ statusCode, req }: ServerResponse): boolean {
  return statusCode !== 204 && statusCode !== 304 && req.method !== 'HEAD'
}
