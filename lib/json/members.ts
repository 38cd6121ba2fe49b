import { sameJson } from './equal'
import { hasIdentity, type Identity, type ItemPair, pairItems } from './keyed-items'
import { type ArrayKeys, identitiesOf, type Marks, type PatternTree } from './marks'
import {
  formatPointer,
  isContainer,
  type JsonContainer,
  memberOf,
  parsePointer,
  setMember,
  valueAt,
  withValueAt,
} from './pointer'

/** The marks of two documents. A schema may annotate different members in each. */
export interface MarkedPair {
  readonly before: Marks | undefined
  readonly after: Marks | undefined
}

type Keys = PatternTree<readonly string[]> | undefined

export function parseArrayKeys(arrayKeys: Readonly<Record<string, string>>): ArrayKeys {
  return new Map(Object.entries(arrayKeys).map(([array, identity]) => [array, parsePointer(identity)]))
}

/** The marks of two documents; `undefined` if neither has any. */
export function pairOf(before: Marks | undefined, after: Marks | undefined): MarkedPair | undefined {
  return before || after ? { before, after } : undefined
}

/** The same marks for both documents. */
export function alike(marks: Marks | undefined): MarkedPair | undefined {
  return marks && { before: marks, after: marks }
}

/**
 * Walks two documents and calls `visit` with every pair of marked members. A missing member is `undefined`.
 *
 * Each member or item that a `*` stands for is an entity of its own. The members of a new entity are skipped. Those of a
 * removed entity count as removed, unless the entity is an item that is paired by identity.
 */
export function eachMember(
  marks: MarkedPair | undefined,
  before: unknown,
  after: unknown,
  arrayKeys: ArrayKeys,
  visit: (before: unknown, after: unknown, tokens: readonly string[]) => void,
): void {
  if (marks) walk(marks, before, after, identitiesOf(arrayKeys), [])

  function walk(marks: MarkedPair, before: unknown, after: unknown, keys: Keys, path: readonly string[]): void {
    if (isMarked(marks)) {
      visit(before, after, path)
      return
    }
    if (!marks.before && !marks.after) return
    if (Array.isArray(before) && Array.isArray(after)) {
      walkItems(marks, before, after, keys, path)
      return
    }
    if (isContainer(before) && isContainer(after) && !isSameKind(before, after)) {
      // An array took the place of an object, or the reverse: the old members were removed, and the new ones were added.
      walk(marks, before, undefined, keys, path)
      walk(marks, undefined, after, keys, path)
      return
    }
    for (const name of namesBelow(marks, before, after)) {
      const below = marksBelow(marks, name, name)
      const [was, is] = [memberOf(before, name), memberOf(after, name)]
      const isNewEntity = was === undefined && isEntity(marks, name) && !isMarked(below)
      if (!isNewEntity) walk(below, was, is, keys?.below(name), [...path, name])
    }
  }

  function walkItems(marks: MarkedPair, before: unknown[], after: unknown[], keys: Keys, path: readonly string[]) {
    const identity = keys?.value
    for (const { before: b, after: a } of pairItems(before, after, identity)) {
      const name = String(a === -1 ? b : a)
      const below = marksBelow(marks, String(b), String(a))
      const isOther = identity
        ? a === -1 || b === -1 || !hasIdentity(before[b], identity)
        : b === -1 && isEntity(marks, name)
      if (!isOther || isMarked(below)) walk(below, before[b], after[a], keys?.below(name), [...path, name])
    }
  }
}

/** The document without its marked members. Shares unchanged parts with the old one. */
export function withoutMembers(document: unknown, marks: Marks | undefined): unknown {
  return marks ? without(marks, document, undefined) : document
}

/** Like `withoutMembers`, but items keep their identity. Without it they could not be told apart. */
export function withoutMembersButKeys(document: unknown, marks: Marks | undefined, arrayKeys: ArrayKeys): unknown {
  return without(marks, document, identitiesOf(arrayKeys))
}

function without(marks: Marks | undefined, node: unknown, keys: Keys): unknown {
  if (marks?.marked) return undefined
  if (!marks || !isContainer(node)) return node
  if (marks.every?.marked) return namesOf(node).length === 0 ? node : emptyLike(node)
  const names = marks.every || Array.isArray(node) ? Object.keys(node) : marks.names
  return mapMembers(node, names, (member, name) => {
    const bare = without(marks.below(name), member, keys?.below(name))
    return Array.isArray(node) ? withIdentity(bare, member, keys?.value) : bare
  })
}

function withIdentity(bare: unknown, item: unknown, identity: Identity): unknown {
  const own = identity && valueAt(item, identity)
  return own === undefined || valueAt(bare, identity ?? []) !== undefined
    ? bare
    : withValueAt(bare, identity ?? [], own)
}

/**
 * `after` with the marked members of `before`. `sent` decides about marked members that `after` has: they are
 * `'dropped'`, or `'kept'` if the client may set them.
 */
export function carryMembers(
  marks: MarkedPair | undefined,
  before: unknown,
  after: unknown,
  arrayKeys: ArrayKeys,
  sent: 'dropped' | 'kept' = 'dropped',
): unknown {
  return marks ? carried(marks, before, after, identitiesOf(arrayKeys)) : after

  function carried(marks: MarkedPair, before: unknown, after: unknown, keys: Keys): unknown {
    if (isMarked(marks)) return sent === 'kept' && after !== undefined ? after : before
    if (!marks.before && !marks.after) return after
    if (!isContainer(before)) return sent === 'kept' ? after : without(marks.after, after, keys)
    if (marks.before?.every?.marked && sent === 'dropped') return namesOf(before).length === 0 ? after : before
    if (!isContainer(after) || !isSameKind(before, after)) return keptOf(marks, before, keys) ?? after
    if (Array.isArray(before) && Array.isArray(after)) return carriedItems(marks, before, after, keys)
    return mapMembers(after, namesBelow(marks, before, after), (member, name) => {
      // An entity that is not in `after` was removed on purpose, so none of its members comes back.
      if (member === undefined && isEntity(marks, name) && !isMarked(marksBelow(marks, name, name))) return member
      return carried(marksBelow(marks, name, name), memberOf(before, name), member, keys?.below(name))
    })
  }

  /** The marked members of an object or array that `after` has replaced by something else. They must not get lost. */
  function keptOf(marks: MarkedPair, before: JsonContainer, keys: Keys): JsonContainer | undefined {
    let kept: unknown
    for (const name of namesBelow(marks, before, undefined)) {
      const below = marksBelow(marks, name, name)
      if (isEntity(marks, name) && !isMarked(below)) continue
      const member = carried(below, memberOf(before, name), undefined, keys?.below(name))
      if (member !== undefined) kept = withValueAt(kept ?? emptyLike(before), [name], member)
    }
    return kept as JsonContainer | undefined
  }

  function carriedItems(marks: MarkedPair, before: unknown[], after: unknown[], keys: Keys): unknown[] {
    const items: unknown[] = []
    for (const { before: b, after: a } of pairItems(before, after, keys?.value)) {
      const below = marksBelow(marks, String(b), String(a))
      const keysBelow = keys?.below(String(a))
      // A removed item takes its members with it, unless the item as a whole is marked.
      if (a === -1 && !isMarked(below)) continue
      const item = carried(below, before[b], after[a], keysBelow)
      const whole = a === -1 ? item : withIdentity(item, after[a], keys?.value)
      if (whole !== undefined) items.push(whole)
    }
    return items.length === after.length && items.every((item, index) => item === after[index]) ? after : items
  }
}

/**
 * Pointers to arrays and objects whose marked members would end up in the wrong item: items that cannot be told apart were
 * changed, moved or removed, or an array took the place of an object.
 */
export function misplacedMembers(
  marks: MarkedPair | undefined,
  before: unknown,
  after: unknown,
  arrayKeys: ArrayKeys,
): string[] {
  const pointers: string[] = []
  if (marks) walk(marks.before, marks.after, before, after, identitiesOf(arrayKeys), [])
  return pointers

  function walk(
    was: Marks | undefined,
    is: Marks | undefined,
    before: unknown,
    after: unknown,
    keys: Keys,
    path: readonly string[],
  ): void {
    if (!was || was.marked || !isContainer(before) || !isContainer(after)) return
    if (!isSameKind(before, after)) {
      if (withoutMembers(before, was) !== before) pointers.push(formatPointer(path))
      return
    }
    if (Array.isArray(before) && Array.isArray(after)) {
      // An empty array has no item that could get the members of another one.
      const pairs = after.length === 0 ? [] : pairItems(before, after, keys?.value)
      if (pairs.some((pair) => pair.isGuess && isMisplaced(was, is, before, after, pair)))
        pointers.push(formatPointer(path))
      for (const pair of pairs) {
        const [b, a] = [String(pair.before), String(pair.after)]
        if (pair.before !== -1 && pair.after !== -1 && !pair.isGuess)
          walk(was.below(b), is?.below(a), before[pair.before], after[pair.after], keys?.below(a), [...path, a])
      }
      return
    }
    for (const name of namesBelow({ before: was, after: is }, before, after))
      walk(was.below(name), is?.below(name), memberOf(before, name), memberOf(after, name), keys?.below(name), [
        ...path,
        name,
      ])
  }

  function isMisplaced(
    was: Marks,
    is: Marks | undefined,
    before: unknown[],
    after: unknown[],
    { before: b, after: a }: ItemPair,
  ): boolean {
    const seen = withoutMembers(before[b], was.below(String(b)))
    if (b === -1 || seen === before[b] || was.below(String(b))?.marked) return false
    return a === -1 || !sameJson(seen, withoutMembers(after[a], is?.below(String(a))))
  }
}

function isMarked({ before, after }: MarkedPair): boolean {
  return before?.marked === true || after?.marked === true
}

function marksBelow({ before, after }: MarkedPair, was: string, is: string): MarkedPair {
  return { before: before?.below(was), after: after?.below(is) }
}

function isEntity({ before, after }: MarkedPair, name: string): boolean {
  const isEvery = before?.every !== undefined || after?.every !== undefined
  return isEvery && !before?.isNamed(name) && !after?.isNamed(name)
}

function namesBelow({ before: was, after: is }: MarkedPair, before: unknown, after: unknown): Iterable<string> {
  if (was?.every || is?.every) return new Set([...namesOf(before), ...namesOf(after), ...namesOfBoth(was, is)])
  return was === is ? (was?.names ?? []) : namesOfBoth(was, is)
}

function namesOfBoth(was: Marks | undefined, is: Marks | undefined): Iterable<string> {
  return was === is ? (was?.names ?? []) : new Set([...(was?.names ?? []), ...(is?.names ?? [])])
}

function namesOf(container: unknown): string[] {
  return isContainer(container) ? Object.keys(container) : []
}

function isSameKind(a: JsonContainer, b: JsonContainer): boolean {
  return Array.isArray(a) === Array.isArray(b)
}

function emptyLike(container: JsonContainer): JsonContainer {
  return Array.isArray(container) ? [] : {}
}

/** Changes members of a copy. Makes no copy if nothing changes. If `change` returns `undefined`, the member is removed. */
function mapMembers(
  container: JsonContainer,
  names: Iterable<string>,
  change: (member: unknown, name: string) => unknown,
): JsonContainer {
  if (Array.isArray(container)) {
    const items = container.map((item, index) => change(item, String(index)))
    if (items.every((item, index) => item === container[index])) return container
    return items.filter((item) => item !== undefined)
  }
  let copy = container
  for (const name of names) {
    const member = memberOf(container, name)
    const changed = change(member, name)
    if (changed === member) continue
    if (copy === container) copy = { ...container }
    if (changed === undefined) delete copy[name]
    else setMember(copy, name, changed)
  }
  return copy
}
