import type { Marks } from './marks'
import { isObject, type JsonObject, memberOf, setMember } from './member'

/**
 * Applies a JSON Merge Patch (RFC 7396 §2): `null` removes a member, an object is merged, anything else replaces.
 *
 * Neither `target` nor `patch` is changed; the result shares what it can with both. `__proto__` is a member like any
 * other. It recurses as deep as the patch: look at that depth first.
 */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const result: JsonObject = isObject(target) ? { ...target } : {}
  for (const name of Object.keys(patch)) {
    const change = patch[name]
    if (change === null) delete result[name]
    else setMember(result, name, applyMergePatch(memberOf(result, name), change))
  }
  return result
}

/** Takes out of a value what a merge patch has as `null` and marks name: members that are not in the target of the patch. */
export function removeNulled(value: unknown, patch: unknown, marks: Marks | undefined): unknown {
  if (!marks || !isObject(value) || !isObject(patch)) return value
  let result = value
  for (const name of Object.keys(patch)) {
    const below = marks.below(name)
    const was = memberOf(value, name)
    const is = below?.marked && patch[name] === null ? undefined : removeNulled(was, patch[name], below)
    if (is === was) continue
    if (result === value) result = { ...value }
    if (is === undefined) delete result[name]
    else setMember(result, name, is)
  }
  return result
}
