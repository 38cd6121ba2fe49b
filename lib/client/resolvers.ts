import { parseArrayKeys } from '../json/members'
import { mergeThreeWay } from '../json/three-way'
import type { Conflict } from './options'

/** Both sides changed the same members, differently. `pointers` says which. */
export class UnmergeableError extends Error {
  declare readonly pointers: readonly string[]

  constructor(pointers: readonly string[]) {
    super(`Both changed ${pointers.join(', ')}.`)
    this.name = 'UnmergeableError'
    this.pointers = pointers
  }
}

/** Drops your change: nothing is sent, and what is stored is the result. */
export function takeTheirs<T>({ theirs }: Conflict<T>): T {
  return theirs
}

/** Stores your value over whatever is there. What others did meanwhile is lost: ask the user first. */
export function keepMine<T>({ mine }: Conflict<T>): T {
  return mine
}

/** Takes each member from the side that changed it. Throws an `UnmergeableError` if both did, differently. */
export function mergeDisjoint({ arrayKeys = {} }: { readonly arrayKeys?: Readonly<Record<string, string>> } = {}) {
  const keys = parseArrayKeys(arrayKeys)
  return function mergeDisjointly<T>({ base, theirs, mine }: Conflict<T>): T {
    const merged = mergeThreeWay(base, theirs, mine, { arrayKeys: keys })
    if (!merged.ok) throw new UnmergeableError(merged.conflicts)
    return merged.value as T
  }
}

/** `mergeDisjoint` makes a resolver. Given without parentheses it would be called as one, and its result, a function, would be stored. */
export function mustBeMade<R>(resolve: R): R {
  if ((resolve as unknown) === mergeDisjoint)
    throw new TypeError('resolve: write mergeDisjoint(), with the parentheses.')
  return resolve
}
