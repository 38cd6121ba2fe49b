import type { ResourceState } from '../contracts/adapter'
import { sameJson } from '../json/equal'
import {
  type ArrayKeys,
  carryMembers,
  eachMember,
  type MemberChange,
  type MemberPattern,
  withoutMembers,
} from '../json/members'
import { formatPointer, valueAt, withoutValueAt, withValueAt } from '../json/pointer'

/** What a request does to its resource. `act`: a POST (or a method of the app's own) on a resource that is there. */
export type Action = 'read' | 'create' | 'replace' | 'patch' | 'remove' | 'act'

/** What a request would do: from the current state to the proposed value. */
export interface Change<T> {
  readonly action: Action
  /** `undefined` for a resource that is being created. */
  readonly current: ResourceState<T> | undefined
  /** `undefined` for a removal, a read, and an action whose handler has proposed nothing yet. */
  readonly proposed: T | undefined
}

/** The rules on members that a kind of resource has, as patterns. */
export interface MemberRules {
  readonly immutable: readonly MemberPattern[]
  readonly writeOnce: readonly MemberPattern[]
  readonly hidden: readonly MemberPattern[]
  readonly arrayKeys: ArrayKeys
  /** Where the key stands in the value. */
  readonly keyPointer: readonly string[] | undefined
  /** Where the version is shown in representations. */
  readonly versionField: readonly string[] | undefined
}

/** What clients send, without what is no part of the resource or not theirs to send. */
export function withoutForeign(sent: unknown, rules: MemberRules): unknown {
  const own = rules.versionField === undefined ? sent : withoutValueAt(sent, rules.versionField)
  return withoutMembers(own, rules.hidden)
}

/** A new resource. Members that only the server may set are ignored (OpenAPI: `readOnly`). */
export function proposeNew(sent: unknown, readOnly: readonly MemberPattern[], rules: MemberRules): unknown {
  return withoutMembers(withoutForeign(sent, rules), readOnly)
}

/** PUT and PATCH: what the client may not see or set is as it was. */
export function proposeNext(
  next: unknown,
  stored: unknown,
  readOnly: readonly MemberPattern[],
  key: string | undefined,
  rules: MemberRules,
): unknown {
  const kept = [...rules.hidden, ...readOnly]
  if (kept.length === 0 && rules.versionField === undefined) return withKey(next, stored, key, rules)
  const own = withoutMembers(withoutForeign(next, rules), readOnly)
  return withKey(carryMembers(kept, stored, own, rules.arrayKeys), stored, key, rules)
}

/** The value with its key in it, where it has to name one: as it stands in the stored value, which may be a number. */
export function withKey(value: unknown, stored: unknown, key: string | undefined, rules: MemberRules): unknown {
  if (rules.keyPointer === undefined || key === undefined) return value
  if (valueAt(value, rules.keyPointer) !== undefined) return value
  return withValueAt(value, rules.keyPointer, valueAt(stored, rules.keyPointer) ?? key)
}

/** The pointers to members that a change touches although it may not. */
export function forbiddenChanges(before: unknown, after: unknown, rules: MemberRules): MemberChange[] {
  return [
    ...changesIn(rules.immutable, before, after, rules.arrayKeys),
    ...changesIn(rules.writeOnce, before, after, rules.arrayKeys).filter(({ kind }) => kind !== 'added'),
  ]
}

/** Compared by value before and after, never by the paths of a patch: those can be spelt in ways that hide what they do. */
export function changesIn(
  patterns: readonly MemberPattern[],
  before: unknown,
  after: unknown,
  arrayKeys: ArrayKeys,
): MemberChange[] {
  const changes: MemberChange[] = []
  for (const pattern of patterns) eachMember(pattern, before, after, arrayKeys, note)
  return changes

  function note(was: unknown, is: unknown, tokens: readonly string[]): void {
    const kind = kindOfChange(was, is)
    if (kind) changes.push({ pointer: formatPointer(tokens), kind })
  }
}

function kindOfChange(was: unknown, is: unknown): MemberChange['kind'] | undefined {
  if (was === undefined) return is === undefined ? undefined : 'added'
  if (is === undefined) return 'removed'
  return sameJson(was, is) ? undefined : 'changed'
}

/** Does the value say another key than the one it is stored under? A key that is still to be given is another one too. */
export function namesOtherKey(value: unknown, key: string | undefined, rules: MemberRules): boolean {
  const named = rules.keyPointer && valueAt(value, rules.keyPointer)
  if (named === undefined) return false
  // A store that counts its keys keeps numbers. Anything else only looks like the key: String(['1']) is '1'.
  return String(named) !== key || (typeof named !== 'string' && typeof named !== 'number')
}
