import { sameJson } from './equal'
import { isObject, memberOf } from './member'
import { formatPointer } from './pointer'

/** Pointers to the members in which two documents differ, as deep as both are objects, `most` of them. */
export function changedPointers(before: unknown, after: unknown, most: number): string[] {
  const pointers: string[] = []
  walk(before, after, [])
  return pointers

  function walk(before: unknown, after: unknown, path: readonly string[]): void {
    if (pointers.length >= most || sameJson(before, after)) return
    if (!isObject(before) || !isObject(after)) {
      pointers.push(formatPointer(path))
      return
    }
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)]))
      walk(memberOf(before, name), memberOf(after, name), [...path, name])
  }
}
