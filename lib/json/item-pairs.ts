import { isContainer } from './member'
import { valueAt } from './pointer'

/** Which item of two arrays is which: an index in each, or -1 where there is none. */
export interface ItemPair {
  readonly before: number
  readonly after: number
  /** Nothing says for certain that the two are the same item: there is no identity, or several items have it. */
  readonly isGuess: boolean
}

export type Identity = readonly string[] | undefined

/**
 * Pairs the items of two arrays by their identity, where they have one, else by their place.
 *
 * Of several items of one identity the first is paired with the first, and so on, so that what is stored can be sent
 * again. One too many is held against the last of them: a copy is no way around an immutable member.
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

/** Items without an identity are nobody's. */
const NOBODY = Symbol('nobody')

function identityOf(item: unknown, identity: Identity): unknown {
  const value = identity && valueAt(item, identity)
  return value === undefined || value === null || isContainer(value) ? NOBODY : value
}

export function hasIdentity(item: unknown, identity: Identity): boolean {
  return identityOf(item, identity) !== NOBODY
}
