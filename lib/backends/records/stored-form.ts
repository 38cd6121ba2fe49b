import * as crypto from 'node:crypto'

/**
 * The SHA-256 of a text (in UTF-8) or of bytes, as text. In one call where Node has it, from 20.12 on: the object that
 * `createHash` makes costs more than what it hashes here.
 */
export const sha256: (data: string | Buffer, encoding: 'hex' | 'base64url') => string =
  typeof crypto.hash === 'function'
    ? (data, encoding) => crypto.hash('sha256', data, encoding)
    : (data, encoding) => crypto.createHash('sha256').update(data).digest(encoding)

/** A name of 64 hexadecimal digits for any key, however long. As UTF-16, for half a surrogate pair has no form in UTF-8. */
export function keyHash(key: string): string {
  return sha256(Buffer.from(key, 'utf16le'), 'hex')
}

/** What some back ends cannot keep: NUL, and half a surrogate pair. */
const UNSTORABLE = /\0|\p{Surrogate}/u

/** Any text as one of characters that every back end keeps. Most stay what they are; the others become their JSON. */
export function storedText(text: string): string {
  return text.startsWith('"') || UNSTORABLE.test(text) ? JSON.stringify(text) : text
}

export function textOf(stored: string): string {
  return stored.startsWith('"') ? (JSON.parse(stored) as string) : stored
}

const UNSTORABLE_UNIT = /[\0\uffff]|\p{Surrogate}/gu

/** As `storedText`, for keys, which have to stay in their order: what cannot be kept is written out, marked by U+FFFF. */
export function storableText(text: string): string {
  return text.replace(UNSTORABLE_UNIT, (unit) => `\uffff${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** A text that names a day which no calendar has: JavaScript takes 30 February for 1 March. */
export function isNoDay(text: string): boolean {
  const [day] = /^\d{4}-\d\d-\d\d/.exec(text) ?? []
  return day !== undefined && !new Date(`${day}T00:00:00Z`).toJSON()?.startsWith(day)
}
