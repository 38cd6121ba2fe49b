import { isObject, isPointer, type JsonObject, memberOf, parsePointer } from './pointer'

/** One operation of a JSON Patch (RFC 6902 §4), with its pointers read. */
export type PatchOperation =
  | (Target & { readonly op: 'add' | 'replace' | 'test'; readonly value: unknown })
  | (Target & { readonly op: 'remove' })
  | (Target & { readonly op: 'move' | 'copy'; readonly from: Location })

/** A place in a document, and the pointer by which the client knows it. */
export interface Location {
  readonly pointer: string
  readonly tokens: readonly string[]
}

interface Target {
  readonly path: Location
}

export type PatchFailure =
  | { readonly reason: 'malformed'; readonly detail: string; readonly index?: number | undefined }
  | { readonly reason: 'too-large'; readonly detail: string }
  | {
      /** A `test` failed, or there is nothing at a place where something has to be. */
      readonly reason: 'failed'
      readonly index: number
      readonly op: PatchOperation['op']
      readonly pointer: string
      readonly detail: string
    }

export type ParsedPatch =
  | { readonly ok: true; readonly operations: readonly PatchOperation[] }
  | { readonly ok: false; readonly failure: PatchFailure }

/**
 * Reads a JSON Patch document, all of it before any of it is applied (RFC 6902 §3, §4). Members that an operation does
 * not define are ignored.
 *
 * A pointer through `__proto__`, or through `constructor` to `prototype`, is malformed: rfc6902 5.4.0 takes
 * `/__proto__/id` for `/id`, and so past every check on the path `/id`.
 */
export function parsePatch(document: unknown, { maxOperations }: { readonly maxOperations: number }): ParsedPatch {
  if (!Array.isArray(document)) return refuse({ reason: 'malformed', detail: 'a JSON Patch is an array of operations' })
  if (document.length > maxOperations) {
    return refuse({ reason: 'too-large', detail: `a JSON Patch has ${maxOperations} operations at the most` })
  }
  const operations: PatchOperation[] = []
  for (const [index, item] of document.entries()) {
    const operation = parseOperation(item)
    if (typeof operation === 'string') return refuse({ reason: 'malformed', detail: operation, index })
    operations.push(operation)
  }
  return { ok: true, operations }
}

function refuse(failure: PatchFailure): ParsedPatch {
  return { ok: false, failure }
}

/** An operation, or what is wrong with it. */
function parseOperation(item: unknown): PatchOperation | string {
  if (!isObject(item)) return 'an operation is an object'
  const path = locationIn(item, 'path')
  if (typeof path === 'string') return path

  const op = memberOf(item, 'op')
  switch (op) {
    case 'add':
    case 'replace':
    case 'test': {
      const value = memberOf(item, 'value')
      return value === undefined ? `"${op}" needs a "value"` : { op, path, value }
    }
    case 'remove':
      // What is left has to be a JSON document.
      return path.tokens.length === 0 ? 'the whole document cannot be removed' : { op, path }
    case 'move':
    case 'copy': {
      const from = locationIn(item, 'from')
      if (typeof from === 'string') return from
      return op === 'move' && isWithin(path, from) ? 'a value cannot move into itself' : { op, path, from }
    }
    default:
      return '"op" is none of add, remove, replace, move, copy and test'
  }
}

function locationIn(item: JsonObject, name: 'path' | 'from'): Location | string {
  const pointer = memberOf(item, name)
  if (typeof pointer !== 'string' || !isPointer(pointer)) return `"${name}" is not a JSON Pointer`
  const tokens = parsePointer(pointer)
  return leadsToPrototype(tokens) ? `"${name}" leads to a prototype` : { pointer, tokens }
}

function leadsToPrototype(tokens: readonly string[]): boolean {
  return tokens.some(
    (token, at) => token === '__proto__' || (token === 'constructor' && tokens[at + 1] === 'prototype'),
  )
}

/** RFC 6902 §4.4: `from` is not a proper prefix of `path`. */
function isWithin(path: Location, from: Location): boolean {
  return path.pointer.startsWith(`${from.pointer}/`)
}
