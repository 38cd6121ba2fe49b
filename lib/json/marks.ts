import { parsePointer } from './pointer'

/** The tokens of a JSON Pointer (RFC 6901) in which `*` stands for each member of an object or each item of an array. */
export type MemberPattern = readonly string[]

/** How the items of arrays are paired: pattern of the array → tokens of the item's identity. Other arrays pair by index. */
export type ArrayKeys = ReadonlyMap<string, readonly string[]>

/** Marked members of a document: those that patterns name, or that a schema annotates. */
export interface Marks {
  /** The value itself is marked, with everything below it. */
  readonly marked: boolean
  /** Names of the members that are marked, or contain something that is, except those that a `*` stands for. */
  readonly names: readonly string[]
  isNamed(name: string): boolean
  /** The marks of each member or item that a `*` stands for. Each of them is an entity of its own. */
  readonly every?: Marks | undefined
  below(name: string): Marks | undefined
}

/** The marks of patterns; `undefined` if there are no patterns. */
export function marksOf(patterns: readonly MemberPattern[]): Marks | undefined {
  return patterns.length === 0 ? undefined : treeOf(patterns.map((pattern) => ({ pattern, value: true })))
}

/** Whether the value at a place is marked, by itself or as part of a marked value. */
export function isMarkedAt(marks: Marks | undefined, tokens: readonly string[]): boolean {
  if (marks === undefined || marks.marked) return marks !== undefined
  const [token, ...rest] = tokens
  return token !== undefined && isMarkedAt(marks.below(token), rest)
}

interface Entry<V> {
  readonly pattern: MemberPattern
  readonly value: V
}

export interface PatternTree<V> extends Marks {
  readonly value: V | undefined
  readonly every?: PatternTree<V> | undefined
  below(name: string): PatternTree<V> | undefined
}

/** All patterns in one tree, so that the cost of a walk does not depend on their number. Built as far as it is walked. */
function treeOf<V>(entries: readonly Entry<V>[], depth = 0): PatternTree<V> {
  const here = entries.find(({ pattern }) => pattern.length === depth)
  const byName = new Map<string, Entry<V>[]>()
  for (const entry of entries) {
    const name = entry.pattern[depth]
    if (name === undefined) continue
    const same = byName.get(name)
    if (same) same.push(entry)
    else byName.set(name, [entry])
  }
  const stars = byName.get('*') ?? []
  byName.delete('*')
  const every = stars.length === 0 ? undefined : treeOf(stars, depth + 1)
  const made = new Map<string, PatternTree<V>>()
  return {
    marked: here !== undefined,
    value: here?.value,
    names: [...byName.keys()],
    isNamed: (name) => byName.has(name),
    every,
    below(name) {
      const entriesBelow = byName.get(name)
      if (entriesBelow === undefined) return every
      const tree = made.get(name) ?? treeOf([...entriesBelow, ...stars], depth + 1)
      made.set(name, tree)
      return tree
    },
  }
}

const identities = new WeakMap<ArrayKeys, PatternTree<readonly string[]>>()

/** The places of arrays whose items have an identity, with the tokens of that identity. */
export function identitiesOf(arrayKeys: ArrayKeys): PatternTree<readonly string[]> {
  const known = identities.get(arrayKeys)
  if (known) return known
  const tree = treeOf([...arrayKeys].map(([array, value]) => ({ pattern: parsePointer(array), value })))
  identities.set(arrayKeys, tree)
  return tree
}
