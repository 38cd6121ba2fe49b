import type { ServerResponse } from 'node:http'
import type { Request, Response } from 'express'
import type { KeptAnswer } from '../../idempotency/record'
import { answersOf } from '../chain/head'

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
  /** The object whose methods hold the answer back; the methods of others let it through. */
  readonly by: object
  readonly below: Methods
  readonly pieces: Buffer[]
  bytes: number
  head: Head | undefined
  isEnded: boolean
  state: 'holding' | 'storing' | 'sending'
  onEnd: unknown
}

type Head = Omit<KeptAnswer, 'body'>

/**
 * Holds an answer back until it is known and stored.
 *
 * The head is taken when it is written, for a layer in front that compresses changes it then; what comes through here
 * is what stands behind all such layers. To the handler the answer has begun as soon as it writes.
 */
export function captureAnswer(
  req: Request,
  res: Response,
  capture: Pick<HeldAnswer, 'fields' | 'mostBytes' | 'onAnswer'>,
): void {
  const answers: ServerResponse & { [BELOW]?: Methods } = answersOf(req)
  answers[BELOW] ??= holdOn(answers)
  // A layer in front has methods of its own, and has kept those below: what it does comes behind what is held here.
  const isPlain = NAMES.every((name) => (res as ServerResponse)[name] === answers[name])
  const held: HeldAnswer = {
    ...capture,
    res,
    by: isPlain ? answers : res,
    below: isPlain ? answers[BELOW] : holdOn(res),
    pieces: [],
    bytes: 0,
    head: undefined,
    isEnded: false,
    state: 'holding',
    onEnd: undefined,
  }
  const carrier = req.rawHeaders as Carrier
  carrier[HELD] = held
}

type Method = (this: ServerResponse, ...args: unknown[]) => unknown
type Methods = Readonly<Record<(typeof NAMES)[number], Method>>

const NAMES = ['writeHead', 'flushHeaders', 'write', 'end'] as const
const HELD = Symbol('held')
const BELOW = Symbol('below')

interface Carrier {
  [HELD]?: HeldAnswer
}

/**
 * Puts the methods that hold on what all answers of an app inherit from, once, or on a single answer. Four methods of
 * its own cost an answer 13 µs.
 */
function holdOn(answers: ServerResponse): Methods {
  const { writeHead, flushHeaders, write, end } = answers as unknown as Methods
  const below: Methods = { writeHead, flushHeaders, write, end }
  const heldHere = (res: ServerResponse): HeldAnswer | undefined => {
    // A request that a test has made up may have none.
    const held = (res.req?.rawHeaders as Carrier | undefined)?.[HELD]
    return held?.by === answers && held.res === res ? held : undefined
  }
  const own = answers as unknown as Record<(typeof NAMES)[number], Method>
  own.writeHead = function writeHeldHead(...args) {
    const held = heldHere(this)
    return held ? takeHead(held, args) : writeHead.apply(this, args)
  }
  own.flushHeaders = function flushHeldHeaders(...args) {
    const held = heldHere(this)
    return held ? begin(held) : flushHeaders.apply(this, args)
  }
  own.write = function writeHeld(...args) {
    const held = heldHere(this)
    return held ? hold(held, args) : write.apply(this, args)
  }
  own.end = function endHeld(...args) {
    const held = heldHere(this)
    return held ? holdLast(held, args) : end.apply(this, args)
  }
  return below
}

function takeHead(held: HeldAnswer, args: unknown[]): ServerResponse {
  const { res, fields, below } = held
  if (!res.headersSent) {
    setFields(res, args)
    held.head = headOf(res, fields)
  }
  below.writeHead.call(res, args[0], ...(typeof args[1] === 'string' ? [args[1]] : []))
  const { head } = held
  // What was taken off in between was of no use for this status; what was put on is a layer's own.
  held.head = head && { status: res.statusCode, headers: head.headers.filter(([name]) => res.hasHeader(name)) }
  return res
}

function begin({ res }: HeldAnswer): void {
  if (!res.headersSent) res.writeHead(res.statusCode)
}

function hold(held: HeldAnswer, args: unknown[]): unknown {
  const { res, below } = held
  if (held.state === 'sending') return below.write.apply(res, args)
  const { chunk, callback } = argumentsOf(args)
  // Behind the end: no part of the answer.
  if (held.isEnded) return false
  const piece = bytesOf(chunk, args[1])
  begin(held)
  keep(held, piece)
  if (callback) process.nextTick(callback)
  if (held.bytes > held.mostBytes) settle(held)
  return held.state === 'holding'
}

function holdLast(held: HeldAnswer, args: unknown[]): unknown {
  const { res, below } = held
  if (held.isEnded) return res
  const { chunk, callback } = argumentsOf(args)
  if (held.state === 'sending') {
    held.isEnded = true
    return below.end.apply(res, args)
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
    // The handler is through: nobody is left to be told.
    .catch((error) => res.destroy(error))
}

function send(held: HeldAnswer): void {
  const { res, below, pieces } = held
  held.state = 'sending'
  const last = held.isEnded ? pieces.pop() : undefined
  for (const chunk of pieces.splice(0)) below.write.call(res, chunk)
  if (held.isEnded) below.end.call(res, last, undefined, held.onEnd)
  else res.emit('drain')
}

function headOf(res: ServerResponse, fields: ReadonlySet<string>): Head {
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

/** A copy: who wrote it may use its memory again. Throws for what is no text and no bytes, as Node does. */
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
