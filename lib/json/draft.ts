import { arrayIndex, isContainer, type JsonContainer, memberOf, setMember, valueAt } from './pointer'

type Tokens = readonly string[]

/** A document that is being changed. The document that it was made from does not change. */
export interface Draft {
  value(): unknown
  at(tokens: Tokens): unknown
  /** Like every change, returns `false` if the place does not exist. */
  add(tokens: Tokens, value: unknown): boolean
  /** Without tokens it replaces the whole document. */
  replace(tokens: Tokens, value: unknown): boolean
  /** Cannot remove the whole document. */
  remove(tokens: Tokens): boolean
  /**
   * Announces that a value will stand in a second place, and returns its approximate size in JSON. Stops counting above
   * `limit`.
   */
  share(value: unknown, limit: number): number
}

/**
 * Copies an object or array only before the first write to it, so a thousand operations on one array make one copy.
 */
export function draftOf(document: unknown): Draft {
  let root = document
  // The copies that were made here. Each stands in one place only, so writing to it changes nothing else.
  const owned = new WeakSet<object>()

  function own(value: JsonContainer): JsonContainer {
    if (owned.has(value)) return value
    const copy = Array.isArray(value) ? value.slice() : { ...value }
    owned.add(copy)
    return copy
  }

  /** The object or array that contains a place. Copies it and everything above it, if they are not copies yet. */
  function parentOf(tokens: Tokens): JsonContainer | undefined {
    if (!isContainer(root)) return undefined
    let node = own(root)
    root = node
    for (const token of tokens.slice(0, -1)) {
      const child = memberOf(node, token)
      if (!isContainer(child)) return undefined
      const ours = own(child)
      put(node, token, ours)
      node = ours
    }
    return node
  }

  return {
    value: () => root,
    at: (tokens) => valueAt(root, tokens),

    add(tokens, value) {
      const name = tokens.at(-1)
      if (name === undefined) {
        root = value
        return true
      }
      const parent = parentOf(tokens)
      return parent !== undefined && insert(parent, name, value)
    },

    replace(tokens, value) {
      const name = tokens.at(-1)
      if (name === undefined) {
        root = value
        return true
      }
      const parent = parentOf(tokens)
      if (parent === undefined || memberOf(parent, name) === undefined) return false
      put(parent, name, value)
      return true
    },

    remove(tokens) {
      const name = tokens.at(-1)
      const parent = parentOf(tokens)
      if (name === undefined || parent === undefined || memberOf(parent, name) === undefined) return false
      if (Array.isArray(parent)) parent.splice(arrayIndex(name), 1)
      else delete parent[name]
      return true
    },

    share(value, limit) {
      let size = 0
      const rest = [value]
      while (rest.length > 0 && size <= limit) {
        const next = rest.pop()
        size += ownSize(next)
        if (!isContainer(next)) continue
        owned.delete(next)
        for (const member of Object.values(next)) rest.push(member)
      }
      return size
    },
  }
}

/** Writes to a place that exists. */
function put(container: JsonContainer, token: string, value: unknown): void {
  if (Array.isArray(container)) container[arrayIndex(token)] = value
  else setMember(container, token, value)
}

/** RFC 6902 §4.1: inserts into an array before the index, or at its end for `-`. Replaces a member of an object. */
function insert(container: JsonContainer, token: string, value: unknown): boolean {
  if (!Array.isArray(container)) {
    setMember(container, token, value)
    return true
  }
  const index = token === '-' ? container.length : arrayIndex(token)
  if (index === -1 || index > container.length) return false
  container.splice(index, 0, value)
  return true
}

/** The approximate length of a value in JSON, without the values of its members. */
function ownSize(value: unknown): number {
  if (typeof value === 'string') return value.length + 2
  if (!isContainer(value)) return 4
  if (Array.isArray(value)) return value.length + 2
  let size = 2
  for (const name of Object.keys(value)) size += name.length + 4
  return size
}
