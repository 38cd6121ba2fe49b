/**
 * Parses JSON, and refuses a number that JavaScript cannot represent exactly. `9007199254740993` would become
 * `9007199254740992`, and a client that did not touch it would write that back.
 */
export function parseJson(text: string, caller: string): unknown {
  const value: unknown = JSON.parse(text)
  const number = inexactNumber(text)
  if (number === undefined) return value
  throw new TypeError(
    `${caller}: the stored JSON has the number ${shortened(number)}, which JavaScript cannot hold exactly. Store it as a string.`,
  )
}

/** The first number of a JSON text that JavaScript would change. Most texts are only searched for long numbers. */
export function inexactNumber(text: string): string | undefined {
  if (!EIGHT_DIGITS.test(text) && !EXPONENT.test(text)) return undefined
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) at = endOfString(text, at)
    else if (code === MINUS || (code >= ZERO && code <= NINE)) {
      const start = at
      while (IN_NUMBER.has(text.charCodeAt(at + 1))) at++
      const number = text.slice(start, at + 1)
      if (!isExact(number)) return number
    }
  }
  return undefined
}

/**
 * Whether a decimal is still the same number after JavaScript has parsed and written it. Other languages write a double
 * with 17 digits, such as 0.10000000000000001; this counts as exact. Infinity and NaN never do.
 */
export function isExact(decimal: string): boolean {
  // A number of up to 15 digits is exact, unless it is close to the largest or smallest double.
  if (decimal.length <= 15 && Math.abs(Number(decimal.split(/e/i)[1] ?? 0)) < 280) return true
  const number = Number(decimal)
  if (!Number.isFinite(number)) return false
  const { digits, exponent } = normalised(decimal)
  const same = (other: string) => {
    const written = normalised(other)
    return written.digits === digits && written.exponent === exponent
  }
  if (same(String(number))) return true
  const isFraction = digits.length > exponent
  return isFraction && digits.length <= 17 && same(number.toPrecision(digits.length))
}

/** The part of a number that is shown in a message. */
export function shortened(number: string): string {
  return number.length > 40 ? `${number.slice(0, 40)}…` : number
}

// A number that JavaScript changes has more than 15 digits, so at least eight in a row, or an exponent. Dates and hashes in
// strings match too, and then the second pass decides. Two patterns are faster than one.
const EIGHT_DIGITS = /\d{8}/
const EXPONENT = /\d[eE][-+\d]/

const QUOTE = 0x22
const BACKSLASH = 0x5c
const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39
const IN_NUMBER = new Set([...'0123456789.eE+-'].map((character) => character.charCodeAt(0)))

function endOfString(text: string, start: number): number {
  let at = start + 1
  while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1
  return at
}

/** Splits `-12.50e3` into the digits `125` and the power of ten that `0.125` is multiplied by. Zero has no digits. */
function normalised(decimal: string): { readonly digits: string; readonly exponent: number } {
  const [mantissa = '', power = '0'] = decimal.toLowerCase().split('e')
  const [whole = '', fraction = ''] = mantissa.replace(/^[+-]/, '').split('.')
  const all = whole + fraction
  let first = 0
  while (all[first] === '0') first++
  let end = all.length
  while (end > first && all[end - 1] === '0') end--
  const digits = all.slice(first, end)
  return { digits, exponent: digits === '' ? 0 : whole.length - first + Number(power) }
}

/** The JSON of a value. Refuses values that `JSON.stringify` would drop or turn into null. */
export function jsonText(value: unknown, who: string): string {
  const text: string | undefined = JSON.stringify(value)
  if (text === undefined)
    throw new TypeError(`${who}: a value of type ${typeof value} is not JSON; write null or an object.`)
  // JSON silently turns NaN into null, so only a text with null has to be checked.
  if (text.includes('null')) JSON.stringify(value, (name, member) => finite(name, member, who))
  return text
}

function finite(name: string, value: unknown, who: string): unknown {
  if (typeof value !== 'number' || Number.isFinite(value)) return value
  throw new TypeError(`${who}: ${value} at "${name}" is not JSON; write a finite number or null.`)
}
