import { type Draft, draftOf } from './draft'
import { sameJson } from './equal'
import type { Marks } from './marks'
import { isObject, isPointer, type JsonObject, memberOf, parsePointer, setMember } from './pointer'

/** One operation of a JSON Patch (RFC 6902 §4), with parsed pointers. */
type PatchOperation =
  | (Target & { readonly op: 'add' | 'replace' | 'test'; readonly value: unknown })
  | (Target & { readonly op: 'remove' })
  | (Target & { readonly op: 'move' | 'copy'; readonly from: Location })

/** A place in a document, with the pointer that the client sent. */
interface Location {
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
      /** A `test` failed, or a place does not exist. */
      readonly reason: 'failed'
      readonly index: number
      readonly op: PatchOperation['op']
      readonly pointer: string
      readonly detail: string
    }

type ParsedPatch =
  | { readonly ok: true; readonly operations: readonly PatchOperation[] }
  | { readonly ok: false; readonly failure: PatchFailure }

/**
 * Parses a whole JSON Patch document before any of it is applied (RFC 6902 §3, §4). Unknown members of an operation are
 * ignored.
 *
 * A pointer through `__proto__`, or through `constructor` to `prototype`, is malformed. The package rfc6902 5.4.0 reads
 * `/__proto__/id` as `/id`, so such a pointer got past checks of the path `/id`.
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
      // Without it there would be no document.
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

interface PatchLimits {
  /** Default: 1,000. */
  readonly maxOperations?: number | undefined
  /** The most bytes of JSON that all added, replaced and copied values may have together, approximately. Default: 1 MiB. */
  readonly maxAddedBytes?: number | undefined
}

type PatchResult =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly failure: PatchFailure }

/**
 * Applies a JSON Patch (RFC 6902): all of it or nothing. Does not change `target` or `patch`; the result shares parts with
 * both.
 *
 * We do not use a library, because each that we tried has faults. rfc6902 5.4.0 leaves its input half patched after a
 * failure and cannot replace the whole document. fast-json-patch 3.1.1 accepts `/~2` as a pointer, removes `/toString`
 * from an object that has none, and makes 63 MB of a 929-byte patch that copies an array into itself.
 * immutable-json-patch 6.0.3 applies invalid patches.
 */
export function applyPatch(target: unknown, patch: unknown, limits: PatchLimits = {}): PatchResult {
  const { maxOperations = 1000, maxAddedBytes = 1024 * 1024 } = limits
  const parsed = parsePatch(patch, { maxOperations })
  if (!parsed.ok) return parsed

  const draft = draftOf(target)
  let room = maxAddedBytes
  for (const [index, operation] of parsed.operations.entries()) {
    const value = valueFor(operation, draft)
    if ('from' in operation && value === undefined) return failed(index, operation, operation.from)
    if (ADDING.has(operation.op)) room -= draft.share(value, room)
    if (room < 0) return tooLarge(maxAddedBytes)
    if (!isCarriedOut(operation, value, draft)) return failed(index, operation, operation.path)
  }
  return { ok: true, value: draft.value() }
}

// These operations put a value in an additional place.
const ADDING: ReadonlySet<PatchOperation['op']> = new Set(['add', 'replace', 'copy'])

function valueFor(operation: PatchOperation, draft: Draft): unknown {
  if ('from' in operation) return draft.at(operation.from.tokens)
  return 'value' in operation ? operation.value : undefined
}

function isCarriedOut(operation: PatchOperation, value: unknown, draft: Draft): boolean {
  const { tokens, pointer } = operation.path
  switch (operation.op) {
    case 'add':
    case 'copy':
      return draft.add(tokens, value)
    case 'replace':
      return draft.replace(tokens, value)
    case 'remove':
      return draft.remove(tokens)
    case 'move':
      // A move to the same place changes nothing. That is also allowed for the whole document.
      return pointer === operation.from.pointer || (draft.remove(operation.from.tokens) && draft.add(tokens, value))
    case 'test':
      return sameJson(draft.at(tokens), value)
  }
}

function failed(index: number, { op }: PatchOperation, { pointer }: Location): PatchResult {
  const detail = op === 'test' ? `"${pointer}" does not hold that value` : `"${pointer}" is not there`
  return { ok: false, failure: { reason: 'failed', index, op, pointer, detail } }
}

function tooLarge(maxAddedBytes: number): PatchResult {
  const detail = `a JSON Patch adds ${maxAddedBytes} bytes at the most`
  return { ok: false, failure: { reason: 'too-large', detail } }
}

/**
 * Applies a JSON Merge Patch (RFC 7396 §2): `null` removes a member, an object is merged, anything else replaces.
 *
 * Does not change `target` or `patch`; the result shares parts with both. Treats `__proto__` as an ordinary member. It is
 * recursive, so check the depth of the patch first.
 */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  // A parser may have made a Date, which is a text in JSON.
  if (!isObject(patch) || typeof patch.toJSON === 'function') return patch
  const result: JsonObject = isObject(target) ? { ...target } : {}
  for (const name of Object.keys(patch)) {
    const change = patch[name]
    if (change === null) delete result[name]
    else setMember(result, name, applyMergePatch(memberOf(result, name), change))
  }
  return result
}

/** Removes marked members for which a merge patch has `null`. They were not in the target that the patch was applied to. */
export function removeNulled(value: unknown, patch: unknown, marks: Marks | undefined): unknown {
  if (!marks || !isObject(value) || !isObject(patch)) return value
  let result = value
  for (const name of Object.keys(patch)) {
    const below = marks.below(name)
    const was = memberOf(value, name)
    const is = below?.marked && patch[name] === null ? undefined : removeNulled(was, patch[name], below)
    if (is === was) continue
    if (result === value) result = { ...value }
    if (is === undefined) delete result[name]
    else setMember(result, name, is)
  }
  return result
}
