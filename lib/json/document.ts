import { isContainer, isObject, type JsonContainer, type JsonObject, memberOf } from './pointer'

export type Unsafe = 'too-deep' | 'prototype-key' | 'infinite-number' | 'broken-text'

/**
 * Finds what makes a document unsafe to process: nesting that is too deep for recursion, a member name that changes a
 * prototype in careless code, or a value that is not I-JSON (RFC 7493 §2.1, §2.2). `JSON.parse` turns `1e400` into Infinity
 * and `"\ud800"` into a lone surrogate, and stores and hashes fail on both.
 *
 * Objects and arrays count for the depth, values do not: `[[1]]` is 2 deep. Works level by level, because `JSON.parse`
 * accepts documents 200,000 levels deep, on which a recursive function overflows the stack.
 */
export function findUnsafe(document: unknown, maxDepth: number): Unsafe | undefined {
  if (!isContainer(document)) return unsafeScalar(document)
  let level: JsonContainer[] = [document]
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > maxDepth) return 'too-deep'
    const next: JsonContainer[] = []
    for (const container of level) {
      const unsafe = Array.isArray(container) ? unsafeItem(container, next) : unsafeMember(container, next)
      if (unsafe) return unsafe
    }
    level = next
  }
  return undefined
}

/** Whether a document is nested deeper than `maxDepth`, counted as in `findUnsafe`. */
export function isTooDeep(document: unknown, maxDepth: number): boolean {
  let level = [document].filter(isContainer)
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === maxDepth) return true
    level = level.flatMap((container) => Object.values(container).filter(isContainer))
  }
  return false
}

function unsafeItem(items: readonly unknown[], next: JsonContainer[]): Unsafe | undefined {
  for (const item of items) {
    const unsafe = unsafeValue(item, next)
    if (unsafe) return unsafe
  }
  return undefined
}

function unsafeMember(object: JsonObject, next: JsonContainer[]): Unsafe | undefined {
  if (hasPrototypeKey(object)) return 'prototype-key'
  for (const name of Object.keys(object)) {
    const unsafe = name.isWellFormed() ? unsafeValue(object[name], next) : 'broken-text'
    if (unsafe) return unsafe
  }
  return undefined
}

/** Objects and arrays are kept for the next level. */
function unsafeValue(value: unknown, next: JsonContainer[]): Unsafe | undefined {
  if (!isContainer(value)) return unsafeScalar(value)
  next.push(value)
  return undefined
}

function unsafeScalar(value: unknown): Unsafe | undefined {
  if (typeof value === 'string') return value.isWellFormed() ? undefined : 'broken-text'
  return typeof value === 'number' && !Number.isFinite(value) ? 'infinite-number' : undefined
}

/** `constructor` alone is a harmless name. Only `constructor.prototype` leads to a prototype. */
function hasPrototypeKey(object: object): boolean {
  if (Object.hasOwn(object, '__proto__')) return true
  const builder = memberOf(object, 'constructor')
  return isObject(builder) && Object.hasOwn(builder, 'prototype')
}
