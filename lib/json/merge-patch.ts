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
