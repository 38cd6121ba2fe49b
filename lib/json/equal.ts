import { isContainer, type JsonObject } from './member'

/**
 * Whether two values are the same JSON: `1` and `1.0`, `0` and `-0`, members in any order. Own members only.
 *
 * It recurses; whoever compares a client's document has looked at its depth before.
 */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (!isContainer(a) || !isContainer(b)) return false
  if (Array.isArray(a)) return Array.isArray(b) && sameItems(a, b)
  return !Array.isArray(b) && sameMembers(a, b)
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  // Not `every`, which passes over what is missing from an array.
  return a.length === b.length && a.findIndex((item, index) => !sameJson(item, b[index])) === -1
}

function sameMembers(a: JsonObject, b: JsonObject): boolean {
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && sameJson(a[name], b[name]))
  )
}
