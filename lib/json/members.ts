import { isContainer, type JsonContainer, memberOf, setMember } from './member'
import { formatPointer, parsePointer, valueAt, withValueAt } from './pointer'

/** The tokens of a JSON Pointer (RFC 6901) in which `*` stands for each member of an object or each item of an array. */
export type MemberPattern = readonly string[]

/** How the items of two arrays are paired: pattern of the array → tokens of the item's identity. Others pair by index. */
export type ArrayKeys = ReadonlyMap<string, readonly string[]>

export type MemberChange = { readonly pointer: string; readonly kind: 'added' | 'removed' | 'changed' }

export function parseArrayKeys(arrayKeys: Readonly<Record<string, string>>): ArrayKeys {
  return new Map(Object.entries(arrayKeys).map(([array, identity]) => [array, parsePointer(identity)]))
}

/**
 * Walks two documents along a pattern and gives every pair of members at its end, `undefined` where one side has none.
 *
 * What stands below a `*` belongs to an entity of its own. Where that entity is new, its members are not looked at;
 * where it went, they count as removed, unless it is an item that is paired by identity: then the item went, no member of it.
 */
export function eachMember(
  pattern: MemberPattern,
  before: unknown,
  after: unknown,
  arrayKeys: ArrayKeys,
  visit: (before: unknown, after: unknown, tokens: readonly string[]) => void,
): void {
  // Most patterns have no star, and are the path of the one member that they name.
  if (pattern.includes('*')) walk(before, after, [])
  else visit(valueAt(before, pattern), valueAt(after, pattern), pattern)

  function walk(before: unknown, after: unknown, path: readonly string[]): void {
    const star = pattern.indexOf('*', path.length)
    const end = star === -1 ? pattern.length : star
    const steps = pattern.slice(path.length, end)
    const here = [...path, ...steps]
    const [was, is] = [valueAt(before, steps), valueAt(after, steps)]
    if (star === -1) {
      visit(was, is, here)
      return
    }
    const isLast = star === pattern.length - 1
    for (const pair of pairsOf(was, is, identityAt(pattern, star, arrayKeys))) {
      const isOther = pair.before === undefined || (pair.after === undefined && pair.byIdentity)
      if (isLast || !isOther) walk(pair.before, pair.after, [...here, pair.name])
    }
  }
}

interface Pair {
  readonly before: unknown
  readonly after: unknown
  /** Where it stands in the document that it is still in. */
  readonly name: string
  readonly byIdentity: boolean
}

function pairsOf(before: unknown, after: unknown, identity: readonly string[] | undefined): Pair[] {
  if (identity && Array.isArray(before) && Array.isArray(after)) return pairsByIdentity(before, after, identity)
  const names = new Set([...namesOf(before), ...namesOf(after)])
  return [...names].map((name) => ({
    before: memberOf(before, name),
    after: memberOf(after, name),
    name,
    byIdentity: false,
  }))
}

/**
 * Of several items of one identity the first is paired with the first, and so on, so that what is stored can be sent
 * again. One too many is held against the last of them: a copy is no way around an immutable member.
 */
function pairsByIdentity(before: readonly unknown[], after: readonly unknown[], identity: readonly string[]): Pair[] {
  const earlier = new Map<unknown, number[]>()
  for (const [index, item] of before.entries()) {
    const each = identityOf(item, identity)
    const same = earlier.get(each)
    if (same) same.push(index)
    else earlier.set(each, [index])
  }
  const kept = new Set<number>()
  const pairs = after.map((item, index): Pair => {
    const same = earlier.get(identityOf(item, identity)) ?? []
    const at = same.length > 1 ? same.shift() : same[0]
    if (at !== undefined) kept.add(at)
    return { before: at === undefined ? undefined : before[at], after: item, name: String(index), byIdentity: true }
  })
  for (const [index, item] of before.entries()) {
    if (!kept.has(index)) pairs.push({ before: item, after: undefined, name: String(index), byIdentity: true })
  }
  return pairs
}

function identityAt(pattern: MemberPattern, depth: number, arrayKeys: ArrayKeys): readonly string[] | undefined {
  return arrayKeys.get(formatPointer(pattern.slice(0, depth)))
}

/** Items without an identity are nobody's: no two of them are the same. */
function identityOf(item: unknown, identity: readonly string[]): unknown {
  const value = valueAt(item, identity)
  return value === undefined || isContainer(value) || value === null ? Symbol('nobody') : value
}

function namesOf(container: unknown): string[] {
  return isContainer(container) ? Object.keys(container) : []
}

/** The document without what the patterns name. Shares with the old one what did not change. */
export function withoutMembers(document: unknown, patterns: readonly MemberPattern[]): unknown {
  return patterns.reduce((result, pattern) => without(pattern, 0, result), document)
}

function without(pattern: MemberPattern, depth: number, node: unknown): unknown {
  const token = pattern[depth]
  if (token === undefined) return undefined
  if (!isContainer(node)) return node
  if (token !== '*') return withValueAt(node, [token], without(pattern, depth + 1, memberOf(node, token)))
  if (depth === pattern.length - 1) return namesOf(node).length === 0 ? node : emptyLike(node)
  return mapMembers(node, (member) => without(pattern, depth + 1, member))
}

/** `after`, which has none of the members that the patterns name, with them as they are in `before`. */
export function carryMembers(
  patterns: readonly MemberPattern[],
  before: unknown,
  after: unknown,
  arrayKeys: ArrayKeys,
): unknown {
  return patterns.reduce((result, pattern) => carried(pattern, 0, before, result), after)

  function carried(pattern: MemberPattern, depth: number, before: unknown, after: unknown): unknown {
    const token = pattern[depth]
    if (before === undefined) return after
    if (token === undefined) return before
    if (!isContainer(before)) return after
    if (token !== '*') {
      const [was, is] = [memberOf(before, token), memberOf(after, token)]
      const kept = carried(pattern, depth + 1, was, is)
      // A `null`, a scalar or an array in place of a parent is no way to lose what stands below it.
      return kept === is ? after : withValueAt(sameContainer(before, after) ? after : emptyLike(before), [token], kept)
    }
    if (depth === pattern.length - 1) return namesOf(before).length === 0 ? after : before
    // What the `*` stood for was removed on purpose where it is not in `after`: nothing of it comes back.
    if (!isContainer(after)) return after
    const pairs = pairsOf(before, after, identityAt(pattern, depth, arrayKeys))
    const earlier = new Map(pairs.filter((pair) => pair.after !== undefined).map((pair) => [pair.name, pair.before]))
    return mapMembers(after, (member, name) => carried(pattern, depth + 1, earlier.get(name), member))
  }
}

function sameContainer(a: JsonContainer, b: unknown): boolean {
  return isContainer(b) && Array.isArray(a) === Array.isArray(b)
}

function emptyLike(container: JsonContainer): JsonContainer {
  return Array.isArray(container) ? [] : {}
}

/** Copies once, however many members change, and not at all when none does. */
function mapMembers(container: JsonContainer, change: (member: unknown, name: string) => unknown): JsonContainer {
  if (Array.isArray(container)) {
    const items = container.map((item, index) => change(item, String(index)))
    return items.every((item, index) => item === container[index]) ? container : items
  }
  let copy = container
  for (const [name, member] of Object.entries(container)) {
    const changed = change(member, name)
    if (changed === member) continue
    if (copy === container) copy = { ...container }
    setMember(copy, name, changed)
  }
  return copy
}
