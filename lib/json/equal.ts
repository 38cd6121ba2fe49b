import { formatPointer, isContainer, isObject, type JsonObject, memberOf } from './pointer'

/**
 * Whether two values are the same JSON. The order of members makes no difference, and `0` equals `-0`. Only own members
 * count.
 *
 * It is recursive, so check the depth of a client's document first.
 */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (!isContainer(a) || !isContainer(b)) return isWrittenAs(a, b)
  if (Array.isArray(a)) return Array.isArray(b) && sameItems(a, b)
  if (Array.isArray(b)) return false
  return typeof a.toJSON === 'function' || typeof b.toJSON === 'function' ? isWrittenAs(a, b) : sameMembers(a, b)
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  // Not `every`, which skips the holes of an array.
  return a.length === b.length && a.findIndex((item, index) => !sameJson(item, b[index])) === -1
}

function sameMembers(a: JsonObject, b: JsonObject): boolean {
  const names = namesIn(a)
  return (
    names.length === namesIn(b).length && names.every((name) => Object.hasOwn(b, name) && sameJson(a[name], b[name]))
  )
}

/** JSON has no members that are `undefined`. */
function namesIn(object: JsonObject): string[] {
  const names = Object.keys(object)
  return names.some((name) => object[name] === undefined) ? names.filter((name) => object[name] !== undefined) : names
}

/** Compares values that have a `toJSON`. A parser may have made a Date, which is a text in JSON. */
function isWrittenAs(a: unknown, b: unknown): boolean {
  const [left, right] = [written(a), written(b)]
  return (left !== a || right !== b) && sameJson(left, right)
}

function written(value: unknown): unknown {
  return isContainer(value) && !Array.isArray(value) && typeof value.toJSON === 'function' ? value.toJSON() : value
}

/** Pointers to the members in which two documents differ, at most `most`. Only descends where both have an object. */
export function changedPointers(before: unknown, after: unknown, most: number): string[] {
  const pointers: string[] = []
  walk(before, after, [])
  return pointers

  function walk(before: unknown, after: unknown, path: readonly string[]): void {
    if (pointers.length >= most || sameJson(before, after)) return
    if (!isObject(before) || !isObject(after)) {
      pointers.push(formatPointer(path))
      return
    }
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)]))
      walk(memberOf(before, name), memberOf(after, name), [...path, name])
  }
}

/**
 * Writes the canonical text of a value (RFC 8785): the same JSON always gives the same text, so it can be hashed.
 *
 * Leaves out members that are `undefined` and calls `toJSON`, as `JSON.stringify` does. Throws a TypeError for values that
 * JSON does not have (NaN, an infinity, a lone surrogate, a function), because two of them would get the same text.
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
  // §3.2.2.3: a number is written as in ECMAScript, and -0 as 0.
  return String(value)
}

function canonicalString(value: string): string {
  // §3.2.2.2: a lone surrogate is an error in I-JSON, but `JSON.stringify` would escape it.
  if (!value.isWellFormed()) {
    throw new TypeError(`canonicalJson(): ${JSON.stringify(value)} holds a lone surrogate.`)
  }
  return JSON.stringify(value)
}

/** §3.2.3: members are sorted by the UTF-16 code units of their names, as `sort` does. */
function canonicalObject(object: JsonObject): string {
  let text = ''
  for (const name of Object.keys(object).sort()) {
    const value = object[name]
    if (value === undefined) continue
    text += `${text === '' ? '' : ','}${canonicalString(name)}:${canonicalJson(value)}`
  }
  return `{${text}}`
}
