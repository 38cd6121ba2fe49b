import { isContainer, valueAt } from './pointer'

/** The items of an array by their identity, in the order of the array. */
export type KeyedItems = ReadonlyMap<unknown, { readonly item: unknown; readonly index: number }>

/** `undefined` if it is not an array, or if items cannot be told apart because an identity is missing or not unique. */
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

export type ChangedBy = 'theirs' | 'mine' | 'alike' | 'both'

/** Which side changed a value; `undefined` if neither did. */
export function changedBy(isTheirs: boolean, isMine: boolean, isAlike: boolean): ChangedBy | undefined {
  if (isTheirs && isMine) return isAlike ? 'alike' : 'both'
  if (isTheirs) return 'theirs'
  return isMine ? 'mine' : undefined
}

export interface Order {
  readonly keys: readonly unknown[]
  /** Which side moved items that exist on both sides and in the base. */
  readonly movedBy: ChangedBy | undefined
}

/**
 * The order of the items after two arrays that are based on `base` are merged. It is the order of the side that moved
 * items. An item that the other side added stays behind the item that it follows there. If both sides moved items in
 * different ways, it is the order of theirs.
 */
export function orderTogether(base: KeyedItems, theirs: KeyedItems, mine: KeyedItems): Order {
  const inAll = (items: KeyedItems) =>
    [...items.keys()].filter((key) => base.has(key) && theirs.has(key) && mine.has(key))
  const [was, there, here] = [inAll(base), inAll(theirs), inAll(mine)]
  const movedBy = changedBy(!isSameOrder(was, there), !isSameOrder(was, here), isSameOrder(there, here))
  return { keys: movedBy === 'mine' ? inserted(mine, theirs) : inserted(theirs, mine), movedBy }
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
    // Items that `into` has at the same place go first.
    if (from.has(key)) {
      keys.push(...waiting)
      waiting = following.get(key) ?? []
    }
    keys.push(key)
  }
  return [...keys, ...waiting]
}

const START = Symbol('start')

/** An item in two arrays: its index in each of them, or -1 if it is missing there. */
export interface ItemPair {
  readonly before: number
  readonly after: number
  /** The two may be different items, because they have no identity, or share it with other items. */
  readonly isGuess: boolean
}

export type Identity = readonly string[] | undefined

/**
 * Pairs the items of two arrays by their identity, or by index if they have none.
 *
 * If several items have the same identity, the first is paired with the first, and so on, so that a client can send the
 * stored array again. An additional one is paired with the last of them, so that copying an item does not circumvent an
 * immutable member.
 */
export function pairItems(before: readonly unknown[], after: readonly unknown[], identity: Identity): ItemPair[] {
  const groups = new Map<unknown, { readonly at: number[]; next: number }>()
  for (const [index, item] of before.entries()) {
    const key = identityOf(item, identity)
    const group = groups.get(key)
    if (group) group.at.push(index)
    else groups.set(key, { at: [index], next: 0 })
  }
  const kept = new Uint8Array(before.length)
  const isGuess = (key: unknown, at: readonly number[]) => key === NOBODY || at.length > 1
  const pairs = after.map((item, index): ItemPair => {
    const key = identityOf(item, identity)
    const group = groups.get(key)
    if (group === undefined) return { before: -1, after: index, isGuess: false }
    const place = group.next++
    const found = group.at[key === NOBODY ? place : Math.min(place, group.at.length - 1)] ?? -1
    if (found !== -1) kept[found] = 1
    return { before: found, after: index, isGuess: isGuess(key, group.at) }
  })
  for (const [index, item] of before.entries()) {
    if (kept[index] === 1) continue
    const key = identityOf(item, identity)
    pairs.push({ before: index, after: -1, isGuess: isGuess(key, groups.get(key)?.at ?? []) })
  }
  return pairs
}

/** Stands for items without an identity. */
const NOBODY = Symbol('nobody')

function identityOf(item: unknown, identity: Identity): unknown {
  const value = identity && valueAt(item, identity)
  return value === undefined || value === null || isContainer(value) ? NOBODY : value
}

export function hasIdentity(item: unknown, identity: Identity): boolean {
  return identityOf(item, identity) !== NOBODY
}
