import { isTooDeep } from './document'
import { sameJson } from './equal'
import { type ChangedBy, changedBy, keyedItems, orderTogether } from './keyed-items'
import type { ArrayKeys } from './marks'
import { formatPointer, isObject, type JsonObject, memberOf, parsePointer, setMember } from './pointer'

/** A member that differs from the base. `alike`: both sides changed it to the same value. `both`: a conflict. */
export interface ThreeWayChange {
  /** The place in theirs, or in mine if theirs no longer has it. */
  readonly pointer: string
  readonly by: ChangedBy
}

export interface ThreeWayOptions {
  readonly arrayKeys?: ArrayKeys | undefined
  /** The most changes, and the most conflicts, that are listed. Default: 50. */
  readonly most?: number | undefined
}

export type ThreeWayMerge =
  | {
      readonly ok: true
      readonly value: unknown
      readonly changes: readonly ThreeWayChange[]
      /** No member was changed by both sides, not even to the same value. */
      readonly isDisjoint: boolean
    }
  | { readonly ok: false; readonly conflicts: readonly string[]; readonly changes: readonly ThreeWayChange[] }

/**
 * Merges two values that are both based on `base`. Objects are merged by member, arrays by item if `arrayKeys` names an
 * identity that all items have, and anything else as a whole. The result takes each change from the side that made it. If
 * both sides changed the same part in different ways, that is a conflict.
 *
 * `undefined` stands for a missing value. The arguments do not change. Documents that are nested too deeply conflict as a
 * whole.
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
  let isDisjoint = true
  const value = merged([theirs, mine, base], [])
  return isOne ? { ok: true, value, changes, isDisjoint } : { ok: false, conflicts, changes }

  function merged(sides: Sides<unknown>, path: readonly string[]): unknown {
    if (sides.every(isObject)) return mergedMembers(sides, path)
    return mergedItems(sides, path) ?? mergedWhole(sides, path)
  }

  function mergedMembers(sides: Sides<unknown>, path: readonly string[]): JsonObject {
    const result: JsonObject = {}
    for (const name of new Set(sides.flatMap((side) => Object.keys(side ?? {})))) {
      const member = merged(
        each(sides, (side) => memberOf(side, name)),
        [...path, name],
      )
      if (member !== undefined) setMember(result, name, member)
    }
    return result
  }

  function mergedItems(sides: Sides<unknown>, path: readonly string[]): unknown[] | undefined {
    const identity = keyed.find(({ pattern }) => isAt(pattern, path))?.identity
    if (identity === undefined) return undefined
    const items = each(sides, (side) => keyedItems(side, identity))
    const [theirs, mine, base] = items
    if (!theirs || !mine || !base) return undefined
    const { keys, movedBy } = orderTogether(base, theirs, mine)
    // Both sides moved items in different ways, so no order is right for both.
    if (movedBy === 'both') return undefined
    note(path, movedBy)
    return [...new Set([...keys, ...base.keys()])].flatMap((key) => {
      const found = each(items, (side) => side?.get(key))
      const index = found.find((item) => item)?.index
      const item = merged(
        each(found, (each) => each?.item),
        [...path, String(index)],
      )
      return item === undefined ? [] : [item]
    })
  }

  function mergedWhole([theirs, mine, base]: Sides<unknown>, path: readonly string[]): unknown {
    const by = changedBy(!sameJson(base, theirs), !sameJson(base, mine), sameJson(theirs, mine))
    note(path, by)
    if (by === 'both') {
      isOne = false
      if (conflicts.length < most) conflicts.push(formatPointer(path))
    }
    return by === 'mine' ? mine : theirs
  }

  function note(path: readonly string[], by: ChangedBy | undefined): void {
    if (by === 'alike') isDisjoint = false
    if (by && changes.length < most) changes.push({ pointer: formatPointer(path), by })
  }
}

/** Theirs, mine, and the base. */
type Sides<T> = readonly [theirs: T, mine: T, base: T]

function each<A, B>([theirs, mine, base]: Sides<A>, change: (side: A) => B): Sides<B> {
  return [change(theirs), change(mine), change(base)]
}

const MAX_DEPTH = 128

function isAt(pattern: readonly string[], path: readonly string[]): boolean {
  return pattern.length === path.length && pattern.every((token, at) => token === '*' || token === path[at])
}
