/** Parses a JSON Pointer (RFC 6901) into its reference tokens. `''` is the whole document. Throws a TypeError. */
export function parsePointer(text: string): readonly string[] {
  if (!isPointer(text)) {
    throw new TypeError(`${JSON.stringify(text)} is not a JSON Pointer such as "/name".`)
  }
  return text.split('/').slice(1).map(unescapeToken)
}

export function isPointer(text: string): boolean {
  return (text === '' || text.startsWith('/')) && !BAD_ESCAPE.test(text)
}

export function formatPointer(tokens: readonly string[]): string {
  return tokens.map((token) => `/${escapeToken(token)}`).join('')
}

export function escapeToken(token: string): string {
  // RFC 6901 §3. `~` comes first, because it is part of the other escape.
  return token.replaceAll('~', '~0').replaceAll('/', '~1')
}

/** The value at a place, or `undefined`. Only own members count. Only `0`, `1`, `2` and so on name items of an array. */
export function valueAt(document: unknown, tokens: readonly string[]): unknown {
  let value = document
  for (const token of tokens) value = memberOf(value, token)
  return value
}

/**
 * The document with `value` at a place. `document` itself does not change; the result shares its other parts.
 *
 * Creates missing parents as objects. `-`, or the length of an array, appends. Returns `document` itself if the place
 * cannot exist: below a scalar, or under a name in an array.
 */
export function withValueAt(document: unknown, tokens: readonly string[], value: unknown): unknown {
  return placeAt(document, tokens, 0, value)
}

/** The document without the value at a place. `document` itself does not change. Later items of an array move up. */
export function withoutValueAt(document: unknown, tokens: readonly string[]): unknown {
  return placeAt(document, tokens, 0, undefined)
}

const BAD_ESCAPE = /~(?![01])/

function unescapeToken(token: string): string {
  // RFC 6901 §4. `~1` comes first, because `~01` stands for `~1` and not for `/`.
  return token.includes('~') ? token.replaceAll('~1', '/').replaceAll('~0', '~') : token
}

function placeAt(node: unknown, tokens: readonly string[], depth: number, value: unknown): unknown {
  const token = tokens[depth]
  if (token === undefined) return value
  const parent = node === undefined ? {} : node
  if (!isContainer(parent)) return node

  const before = memberOf(parent, token)
  const after = placeAt(before, tokens, depth + 1, value)
  if (after === before) return node
  return Array.isArray(parent) ? withItem(parent, token, after) : withMember(parent, token, after)
}

function withItem(array: readonly unknown[], token: string, value: unknown): readonly unknown[] {
  const index = token === '-' ? array.length : arrayIndex(token)
  if (index === -1 || index > array.length) return array
  return value === undefined ? array.toSpliced(index, 1) : array.toSpliced(index, 1, value)
}

function withMember(object: JsonObject, token: string, value: unknown): JsonObject {
  const copy = { ...object }
  if (value === undefined) delete copy[token]
  else setMember(copy, token, value)
  return copy
}

export type JsonObject = Record<string, unknown>
export type JsonContainer = JsonObject | unknown[]

export function isContainer(value: unknown): value is JsonContainer {
  return typeof value === 'object' && value !== null
}

export function isObject(value: unknown): value is JsonObject {
  return isContainer(value) && !Array.isArray(value)
}

const INDEX = /^(?:0|[1-9][0-9]*)$/

/** The index that a reference token names in an array (RFC 6901 §4), or -1: `01`, `1e0` and `-` name none. */
export function arrayIndex(token: string): number {
  return INDEX.test(token) ? Number(token) : -1
}

/** An own member or item, or `undefined`, which is not a JSON value. Inherited members do not count. */
export function memberOf(value: unknown, token: string): unknown {
  if (Array.isArray(value)) return value[arrayIndex(token)]
  return isObject(value) && Object.hasOwn(value, token) ? value[token] : undefined
}

/** Writes an own member of any name, also `__proto__`, and also if the prototype is frozen. */
export function setMember(object: JsonObject, name: string, value: unknown): void {
  if (name in object && !Object.hasOwn(object, name)) {
    Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true })
    return
  }
  object[name] = value
}
