import { isTooDeep } from './document'
import { sameJson } from './equal'
import { keyedItems, orderTogether } from './keyed-items'
import { isObject, type JsonObject, memberOf, setMember } from './member'
import type { ArrayKeys } from './members'
import { formatPointer, parsePointer } from './pointer'

/** A member that differs from the base. `alike`: both sides made the same of it; `both`: they did not, a conflict. */
export interface ThreeWayChange {
  /** Where it stands in theirs; what is no longer there, in mine. */
  readonly pointer: string
  readonly by: 'theirs' | 'mine' | 'alike' | 'both'
}

export interface ThreeWayOptions {
  readonly arrayKeys?: ArrayKeys | undefined
  /** The most changes, and the most conflicts, that are listed. 50 by default. */
  readonly most?: number | undefined
}

export type ThreeWayMerge =
  | { readonly ok: true; readonly value: unknown; readonly changes: readonly ThreeWayChange[] }
  | { readonly ok: false; readonly conflicts: readonly string[]; readonly changes: readonly ThreeWayChange[] }

/**
 * Merges two values that were both made from `base`: objects by member, arrays by item where `arrayKeys` says how to
 * tell items apart and all of them can be told apart, anything else as a whole. What only one side changed is as that
 * side has it; what both changed differently is a conflict.
 *
 * `undefined` stands for what is not there. Nothing given is changed; documents nested too deep to be walked conflict as a whole.
 */
export function mergeThreeWay(
  base: unknown,
  theirs: unknown,
  mine: unknown,
  { arrayKeys = new Map(), most = 50 }: ThreeWayOptions = {},
): ThreeWayMerge {
  if ([base, theirs, mine].some((document) => isTooDeep(document, MAX_DEPTH)))
    return { ok: false, conflicts: [''], changes: [{ pointer: '', by: 'both' }] }
  const keyed = [...arrayKeys].map(([array, identity]) => ({ pattern: parsePointer(array), identity }))
  const changes: ThreeWayChange[] = []
  const conflicts: string[] = []
  let isOne = true
  const value = merged(base, theirs, mine, [])
  return isOne ? { ok: true, value, changes } : { ok: false, conflicts, changes }

  function merged(base: unknown, theirs: unknown, mine: unknown, path: readonly string[]): unknown {
    if (isObject(base) && isObject(theirs) && isObject(mine)) return mergedMembers(base, theirs, mine, path)
    return mergedItems(base, theirs, mine, path) ?? mergedWhole(base, theirs, mine, path)
  }

  function mergedMembers(base: JsonObject, theirs: JsonObject, mine: JsonObject, path: readonly string[]): JsonObject {
    const result: JsonObject = {}
    for (const name of new Set([...Object.keys(theirs), ...Object.keys(mine), ...Object.keys(base)])) {
      const sides = [base, theirs, mine].map((side) => memberOf(side, name))
      const member = merged(sides[0], sides[1], sides[2], [...path, name])
      if (member !== undefined) setMember(result, name, member)
    }
    return result
  }

  function mergedItems(base: unknown, theirs: unknown, mine: unknown, path: readonly string[]): unknown[] | undefined {
    const identity = keyed.find(({ pattern }) => isAt(pattern, path))?.identity
    if (identity === undefined) return undefined
    const [was, isTheirs, isMine] = [base, theirs, mine].map((array) => keyedItems(array, identity))
    if (!was || !isTheirs || !isMine) return undefined
    const order = orderTogether(was, isTheirs, isMine)
    if (order === undefined) return undefined
    if (order.movedBy) note(path, order.movedBy)
    const removed = [...was.keys()].filter((key) => !isTheirs.has(key) && !isMine.has(key))
    const items = [...order.keys, ...removed].map((key) => {
      const [before, there, here] = [was, isTheirs, isMine].map((side) => side.get(key))
      const index = (there ?? here ?? before)?.index
      return merged(before?.item, there?.item, here?.item, [...path, String(index)])
    })
    return items.filter((item) => item !== undefined)
  }

  function mergedWhole(base: unknown, theirs: unknown, mine: unknown, path: readonly string[]): unknown {
    const isTheirs = !sameJson(base, theirs)
    const isMine = !sameJson(base, mine)
    if (!isTheirs && !isMine) return theirs
    if (isTheirs !== isMine) {
      note(path, isTheirs ? 'theirs' : 'mine')
      return isTheirs ? theirs : mine
    }
    const alike = sameJson(theirs, mine)
    note(path, alike ? 'alike' : 'both')
    if (!alike) isOne = false
    if (!alike && conflicts.length < most) conflicts.push(formatPointer(path))
    return theirs
  }

  function note(path: readonly string[], by: ThreeWayChange['by']): void {
    if (changes.length < most) changes.push({ pointer: formatPointer(path), by })
  }
}

const MAX_DEPTH = 128

function isAt(pattern: readonly string[], path: readonly string[]): boolean {
  return pattern.length === path.length && pattern.every((token, at) => token === '*' || token === path[at])
}
