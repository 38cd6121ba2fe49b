import express from 'express'
import { ConflictError } from '../../conflicts/conflicts'
import { inexactNumber, shortened } from '../../json/exact-numbers'

/**
 * For the app's own parser: `express.json({ verify: refuseInexactNumbers })`. Answers 400 to a body with a number that
 * JavaScript would change, such as `9007199254740993`. Behind a parser without it nobody can tell that it was changed.
 */
export function refuseInexactNumbers(req: unknown, _res: unknown, bytes: Buffer, encoding: string): void {
  // Express takes nothing at all for {}: a PUT of it would empty the resource.
  if (isEmpty(bytes)) throw new ConflictError('malformed_body', { detail: 'The request has no body.' })
  if (typeof req === 'object' && req !== null) noteFilled(req)
  const number = inexactNumber(textOf(bytes, encoding))
  if (number === undefined) return
  const detail = `The number ${shortened(number)} cannot be kept exactly. Send it as a string, or with fewer digits.`
  throw new ConflictError('malformed_body', { detail })
}

/** The requests whose body was looked at before it was parsed, and was not empty. */
const filled = new WeakSet<object>()

export function noteFilled(req: object): void {
  filled.add(req)
}

export function wasFilled(req: object): boolean {
  return filled.has(req)
}

/** Any JSON text is a body (RFC 8259 §2), `null` and `"x"` too. */
export const parse = express.json({
  type: ['application/json', 'application/*+json'],
  strict: false,
  verify: refuseInexactNumbers,
})

/** A byte order mark is no text either. */
function isEmpty(bytes: Buffer): boolean {
  return bytes.length < 4 && BYTE_ORDER_MARKS.includes(bytes.toString('hex'))
}

/** Of UTF-8, and of UTF-16 in both orders. */
const BYTE_ORDER_MARKS = ['', 'efbbbf', 'feff', 'fffe']

function textOf(bytes: Buffer, encoding: string): string {
  if (encoding === 'utf-8') return bytes.toString('utf8')
  try {
    return new TextDecoder(encoding).decode(bytes)
  } catch {
    // JSON between systems is UTF-8 (RFC 8259 §8.1). What cannot be read here cannot be looked at.
    throw new ConflictError('unsupported_media_type', { detail: `Send JSON in UTF-8, not ${encoding}.` })
  }
}
