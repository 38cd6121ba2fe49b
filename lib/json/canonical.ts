import { isContainer, type JsonObject } from './pointer'

/**
 * Writes the one canonical text of a value (RFC 8785): the same JSON always gives the same text, so it can be hashed.
 *
 * Members that are `undefined` are left out and `toJSON` is honoured, as `JSON.stringify` does. What JSON cannot hold
 * (NaN, an infinity, a lone surrogate, a function) is a TypeError: two such values must not share a text.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return canonicalNumber(value)
  if (typeof value === 'string') return canonicalString(value)
  if (!isContainer(value)) throw new TypeError(`canonicalJson(): ${typeof value} is not a JSON value.`)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  return typeof value.toJSON === 'function' ? canonicalJson(value.toJSON()) : canonicalObject(value)
}

function canonicalNumber(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError(`canonicalJson(): ${value} is not a JSON number.`)
  // §3.2.2.3 takes ECMAScript's own form of a number; -0 comes out as 0.
  return String(value)
}

function canonicalString(value: string): string {
  // §3.2.2.2: without this JSON.stringify would write an escape where I-JSON has an error.
  if (!value.isWellFormed()) {
    throw new TypeError(`canonicalJson(): ${JSON.stringify(value)} holds a lone surrogate.`)
  }
  return JSON.stringify(value)
}

/** §3.2.3: members in the order of the UTF-16 code units of their names, which is how `sort` compares strings. */
function canonicalObject(object: JsonObject): string {
  let text = ''
  for (const name of Object.keys(object).sort()) {
    const value = object[name]
    if (value === undefined) continue
    text += `${text === '' ? '' : ','}${canonicalString(name)}:${canonicalJson(value)}`
  }
  return `{${text}}`
}
