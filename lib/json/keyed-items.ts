import { isContainer } from './member'
import { valueAt } from './pointer'

/** The items of an array by their identity, in their order. */
export type KeyedItems = ReadonlyMap<unknown, { readonly item: unknown; readonly index: number }>

/** `undefined` for what is no array, and where an item has no identity or shares it: nobody can tell them apart. */
export function keyedItems(array: unknown, identity: readonly string[]): KeyedItems | undefined {
  if (!Array.isArray(array)) return undefined
  const items = new Map<unknown, { item: unknown; index: number }>()
  for (const [index, item] of array.entries()) {
    const key = valueAt(item, identity)
    if (key === undefined || key === null || isContainer(key) || items.has(key)) return undefined
    items.set(key, { item, index })
  }
  return items
}

export interface Order {
  readonly keys: readonly unknown[]
  /** Who moved items that all three have. */
  readonly movedBy: 'theirs' | 'mine' | 'alike' | undefined
}

/**
 * The order in which the items of two arrays stand together that were both made from `base`: as on the side that moved
 * some. What the other side added follows what it follows there. `undefined` when both moved items, differently.
 */
export function orderTogether(base: KeyedItems, theirs: KeyedItems, mine: KeyedItems): Order | undefined {
  const inAll = (items: KeyedItems) =>
    [...items.keys()].filter((key) => base.has(key) && theirs.has(key) && mine.has(key))
  const [was, isTheirs, isMine] = [inAll(base), inAll(theirs), inAll(mine)]
  if (isSameOrder(was, isTheirs))
    return isSameOrder(was, isMine)
      ? { keys: inserted(theirs, mine), movedBy: undefined }
      : { keys: inserted(mine, theirs), movedBy: 'mine' }
  if (isSameOrder(was, isMine)) return { keys: inserted(theirs, mine), movedBy: 'theirs' }
  return isSameOrder(isTheirs, isMine) ? { keys: inserted(theirs, mine), movedBy: 'alike' } : undefined
}

function isSameOrder(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.every((key, index) => key === b[index])
}

function inserted(into: KeyedItems, from: KeyedItems): unknown[] {
  const following = new Map<unknown, unknown[]>()
  let together: unknown[] = []
  following.set(START, together)
  for (const key of from.keys()) {
    if (!into.has(key)) {
      together.push(key)
      continue
    }
    together = []
    following.set(key, together)
  }
  const keys: unknown[] = []
  let waiting = following.get(START) ?? []
  for (const key of into.keys()) {
    // What `into` has at the same place goes first.
    if (from.has(key)) {
      keys.push(...waiting)
      waiting = following.get(key) ?? []
    }
    keys.push(key)
  }
  return [...keys, ...waiting]
}

const START = Symbol('start')
