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

/** An own member or item. `undefined` when there is none: no JSON value is `undefined`, and nothing is inherited. */
export function memberOf(value: unknown, token: string): unknown {
  if (Array.isArray(value)) return value[arrayIndex(token)]
  return isObject(value) && Object.hasOwn(value, token) ? value[token] : undefined
}

/** Writes an own member, whatever its name: `__proto__` is one like the others, and a frozen prototype is no obstacle. */
export function setMember(object: JsonObject, name: string, value: unknown): void {
  if (name in object && !Object.hasOwn(object, name)) {
    Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true })
    return
  }
  object[name] = value
}
