import type { ServerResponse } from 'node:http'
import type { KeptAnswer } from '../../idempotency/record'
import { type Answer, answerOnTop, pass } from '../request/answer'

/** An answer that is held back. */
interface HeldAnswer {
  /** Names of the header fields to keep, in lower case. */
  readonly fields: ReadonlySet<string>
  readonly mostBytes: number
  /**
   * Called once, before anything of the answer is sent, and awaited; it does not reject. `isWhole`: false when the
   * body is larger than `mostBytes`, and then it is left out.
   */
  onAnswer(answer: KeptAnswer, isWhole: boolean): Promise<void>
  readonly res: ServerResponse
  readonly answer: Answer
  readonly pieces: Buffer[]
  bytes: number
  head: Omit<KeptAnswer, 'body'> | undefined
  isEnded: boolean
  state: 'holding' | 'storing' | 'sending'
  onEnd: unknown
}

/**
 * Holds an answer back until it is known and stored.
 *
 * The head is taken when it is written, for a layer in front that compresses changes it then; what comes through here
 * is what stands behind all such layers. To the handler the answer has begun as soon as it writes.
 */
export function captureAnswer(
  res: ServerResponse,
  capture: Pick<HeldAnswer, 'fields' | 'mostBytes' | 'onAnswer'>,
): void {
  const answer = answerOnTop(res)
  const held: HeldAnswer = {
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
  answer.hold = {
    writeHead: (args) => takeHead(held, args),
    flushHeaders: () => begin(held),
    write: (args) => hold(held, args),
    end: (args) => holdLast(held, args),
  }
}

function takeHead(held: HeldAnswer, args: unknown[]): ServerResponse {
  const { res, fields } = held
  if (!res.headersSent) {
    setFields(res, args)
    held.head = headOf(res, fields)
  }
  pass(held.answer).writeHead.call(res, args[0], ...(typeof args[1] === 'string' ? [args[1]] : []))
  const { head } = held
  // Keeps only fields that are still on the answer. Fields that were added in between belong to another layer.
  held.head = head && { status: res.statusCode, headers: head.headers.filter(([name]) => res.hasHeader(name)) }
  return res
}

function begin({ res }: HeldAnswer): void {
  if (!res.headersSent) res.writeHead(res.statusCode)
}

function hold(held: HeldAnswer, args: unknown[]): unknown {
  const { res } = held
  if (held.state === 'sending') return pass(held.answer).write.apply(res, args)
  const { chunk, callback } = argumentsOf(args)
  // Written after the end: not part of the answer.
  if (held.isEnded) return false
  const piece = bytesOf(chunk, args[1])
  begin(held)
  keep(held, piece)
  if (callback) process.nextTick(callback)
  if (held.bytes > held.mostBytes) settle(held)
  return held.state === 'holding'
}

function holdLast(held: HeldAnswer, args: unknown[]): unknown {
  const { res } = held
  if (held.isEnded) return res
  const { chunk, callback } = argumentsOf(args)
  if (held.state === 'sending') {
    held.isEnded = true
    return pass(held.answer).end.apply(res, args)
  }
  const piece = chunk === undefined || chunk === null ? undefined : bytesOf(chunk, args[1])
  const isMeasured = !res.headersSent && hasBody(res) && !FRAMED.some((name) => res.hasHeader(name))
  if (isMeasured) res.setHeader('Content-Length', piece?.length ?? 0)
  try {
    begin(held)
  } catch (error) {
    if (isMeasured) res.removeHeader('Content-Length')
    throw error
  }
  // What threw has not ended anything: the error handler is still to answer.
  held.isEnded = true
  held.onEnd = callback
  if (piece) keep(held, piece)
  settle(held)
  return res
}

/** Each says how the body ends. Trailers come behind chunks alone. */
const FRAMED = ['Content-Length', 'Transfer-Encoding', 'Trailer']

function keep(held: HeldAnswer, piece: Buffer): void {
  held.pieces.push(piece)
  held.bytes += piece.length
}

function settle(held: HeldAnswer): void {
  if (held.state !== 'holding') return
  held.state = 'storing'
  const { res, fields, mostBytes, pieces, bytes } = held
  const isWhole = bytes <= mostBytes
  const body = isWhole && hasBody(res) ? joined(pieces) : Buffer.alloc(0)
  const { status, headers } = held.head ?? headOf(res, fields)
  held
    .onAnswer({ status, headers, body }, isWhole)
    .then(() => send(held))
    // The handler is done, so there is nobody left to tell.
    .catch((error) => res.destroy(error))
}

function send(held: HeldAnswer): void {
  const { res, pieces } = held
  held.state = 'sending'
  const last = held.isEnded ? pieces.pop() : undefined
  for (const chunk of pieces.splice(0)) pass(held.answer).write.call(res, chunk)
  if (held.isEnded) pass(held.answer).end.call(res, last, undefined, held.onEnd)
  else res.emit('drain')
}

function headOf(res: ServerResponse, fields: ReadonlySet<string>): NonNullable<HeldAnswer['head']> {
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
