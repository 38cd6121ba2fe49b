import { sha256 } from '../../json/sha256'

/**
 * The SHA-256 of a key as 64 hexadecimal digits, so that keys of any length fit. The key is hashed as UTF-16, because
 * half a surrogate pair cannot be encoded in UTF-8.
 */
export function keyHash(key: string): string {
  return sha256(Buffer.from(key, 'utf16le'), 'hex')
}

/** Characters that some back ends cannot keep: NUL, and half a surrogate pair. */
const UNSTORABLE = /\0|\p{Surrogate}/u

/** Turns any text into one that every back end can keep. Most texts stay as they are, the others become JSON. */
export function storedText(text: string): string {
  return text.startsWith('"') || UNSTORABLE.test(text) ? JSON.stringify(text) : text
}

export function textOf(stored: string): string {
  return stored.startsWith('"') ? (JSON.parse(stored) as string) : stored
}

const UNSTORABLE_UNIT = /[\0\uffff]|\p{Surrogate}/gu

/**
 * Like `storedText`, for keys, whose order must not change. Characters that cannot be kept are written as U+FFFF and
 * four hexadecimal digits.
 */
export function storableText(text: string): string {
  return text.replace(UNSTORABLE_UNIT, (unit) => `\uffff${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Whether a text names a day that does not exist: JavaScript reads 30 February as 1 March. */
export function isNoDay(text: string): boolean {
  const [day] = /^\d{4}-\d\d-\d\d/.exec(text) ?? []
  return day !== undefined && !new Date(`${day}T00:00:00Z`).toJSON()?.startsWith(day)
}
