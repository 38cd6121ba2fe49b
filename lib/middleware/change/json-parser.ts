import express from 'express'
import { ConflictError } from '../../conflicts/conflicts'
import { inexactNumber, shortened } from '../../json/text'

/**
 * For the app's own parser: `express.json({ verify: refuseInexactNumbers })`. Answers 400 to a body with a number that
 * JavaScript would change, such as `9007199254740993`. Without it, the number changes before the chain can see it.
 */
export function refuseInexactNumbers(req: unknown, _res: unknown, bytes: Buffer, encoding: string): void {
  const content = isEmpty(bytes) ? 'empty' : 'filled'
  if (typeof req === 'object' && req !== null) noteContent(req, content)
  // Express takes it for {}. A PUT of it is refused by the chain; an action or a route without a chain may well have no body.
  if (content === 'empty') return
  const number = inexactNumber(textOf(bytes, encoding))
  if (number === undefined) return
  const detail = `The number ${shortened(number)} cannot be kept exactly. Send it as a string, or with fewer digits.`
  throw new ConflictError('malformed_body', { detail })
}

/** Of the requests whose body was looked at before it was parsed. */
const contents = new WeakMap<object, 'empty' | 'filled'>()

export function noteContent(req: object, content: 'empty' | 'filled'): void {
  contents.set(req, content)
}

export function contentOf(req: object): 'empty' | 'filled' | undefined {
  return contents.get(req)
}

/** Any JSON text is a body (RFC 8259 §2), `null` and `"x"` too. */
export const parse = express.json({
  type: ['application/json', 'application/*+json'],
  strict: false,
  verify: refuseInexactNumbers,
})

/** A byte order mark alone counts as empty. */
function isEmpty(bytes: Buffer): boolean {
  return bytes.length < 4 && BYTE_ORDER_MARKS.includes(bytes.toString('hex'))
}

/** Of UTF-8, and of UTF-16 in both orders. */
const BYTE_ORDER_MARKS = ['', 'efbbbf', 'feff', 'fffe']

/** As Express's parser finds it: by the mark, or by the zero byte in front of the ASCII character that JSON begins with. */
function utf16Of(bytes: Buffer): string {
  return bytes[0] === 0 || bytes.subarray(0, 2).toString('hex') === 'feff' ? 'utf-16be' : 'utf-16le'
}

function textOf(bytes: Buffer, encoding: string): string {
  if (encoding === 'utf-8') return bytes.toString('utf8')
  try {
    return new TextDecoder(encoding === 'utf-16' ? utf16Of(bytes) : encoding).decode(bytes)
  } catch {
    // JSON between systems is UTF-8 (RFC 8259 §8.1). What cannot be read here cannot be looked at.
    throw new ConflictError('unsupported_media_type', { detail: `Send JSON in UTF-8, not ${encoding}.` })
  }
}
