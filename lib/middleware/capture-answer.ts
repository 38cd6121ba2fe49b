import type { ServerResponse } from 'node:http'
import type { KeptAnswer } from '../idempotency/record'

export interface Capture {
  /** Names of header fields to take, in lower case. */
  readonly fields: ReadonlySet<string>
  readonly mostBytes: number
  /** Called once, with the answer before anything of it is sent, and awaited; it does not reject. */
  onAnswer(captured: Captured): Promise<void>
}

/** `isWhole`: false when it is larger than what is held, and the body is left out. */
export interface Captured {
  readonly answer: KeptAnswer
  readonly isWhole: boolean
}

type Loose = (this: ServerResponse, ...args: unknown[]) => unknown
type Head = Omit<KeptAnswer, 'body'>

/**
 * Holds an answer back until it is known and stored.
 *
 * The head is taken when it is written, for a layer in front that compresses changes it then; what comes through here
 * is what stands behind all such layers. To the handler the answer has begun as soon as it writes.
 */
export function captureAnswer(res: ServerResponse, { fields, mostBytes, onAnswer }: Capture): void {
  const [writeHead, write, end] = [res.writeHead, res.write, res.end] as unknown as [Loose, Loose, Loose]
  const held: Buffer[] = []
  let bytes = 0
  let head: Head | undefined
  let isEnded = false
  let state: 'holding' | 'storing' | 'sending' = 'holding'
  let onEnd: unknown

  const begin = () => {
    if (!res.headersSent) res.writeHead(res.statusCode)
  }

  const settle = () => {
    if (state !== 'holding') return
    state = 'storing'
    const isWhole = bytes <= mostBytes
    const body = isWhole && hasBody(res) ? joined(held) : Buffer.alloc(0)
    const { status, headers } = head ?? headOf(res, fields)
    void onAnswer({ answer: { status, headers, body }, isWhole }).then(send)
  }

  const send = () => {
    state = 'sending'
    const last = isEnded ? held.pop() : undefined
    for (const chunk of held.splice(0)) write.call(res, chunk)
    if (isEnded) end.call(res, last, undefined, onEnd)
    else res.emit('drain')
  }

  const patch = {
    writeHead(...args: unknown[]) {
      if (!res.headersSent) {
        setFields(res, args)
        head = headOf(res, fields)
      }
      writeHead.call(res, args[0], ...(typeof args[1] === 'string' ? [args[1]] : []))
      // What was taken off in between was of no use for this status; what was put on is a layer's own.
      head = head && { status: res.statusCode, headers: head.headers.filter(([name]) => res.hasHeader(name)) }
      return res
    },

    flushHeaders: begin,

    write(...args: unknown[]) {
      if (state === 'sending') return write.apply(res, args)
      const { chunk, callback } = argumentsOf(args)
      // Behind the end: no part of the answer.
      if (isEnded) return false
      const piece = bytesOf(chunk, args[1])
      begin()
      held.push(piece)
      bytes += piece.length
      if (callback) process.nextTick(callback)
      if (bytes > mostBytes) settle()
      return state === 'holding'
    },

    end(...args: unknown[]) {
      if (isEnded) return res
      const { chunk, callback } = argumentsOf(args)
      if (state === 'sending') {
        isEnded = true
        return end.apply(res, args)
      }
      const piece = chunk === undefined || chunk === null ? undefined : bytesOf(chunk, args[1])
      if (!res.headersSent && !res.hasHeader('Content-Length') && !res.hasHeader('Transfer-Encoding') && hasBody(res))
        res.setHeader('Content-Length', piece?.length ?? 0)
      begin()
      // What threw has not ended anything: the error handler is still to answer.
      isEnded = true
      onEnd = callback
      if (piece) {
        held.push(piece)
        bytes += piece.length
      }
      settle()
      return res
    },
  }
  // One by one: `Object.assign` takes longer, on what each request makes anew.
  const own = res as unknown as typeof patch
  own.writeHead = patch.writeHead
  own.flushHeaders = patch.flushHeaders
  own.write = patch.write
  own.end = patch.end
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
  const given = args.length > 1 ? args.at(-1) : undefined
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
