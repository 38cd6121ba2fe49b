import type { ResourceState } from '../contracts/adapter'
import { sameJson } from '../json/equal'
import type { ArrayKeys, Marks } from '../json/marks'
import {
  alike,
  carryMembers,
  eachMember,
  type MarkedPair,
  misplacedMembers,
  pairOf,
  withoutMembers,
  withoutMembersButKeys,
} from '../json/members'
import { formatPointer, valueAt, withoutValueAt, withValueAt } from '../json/pointer'

/** What a request does to its resource. `act`: a POST, or a method of the app's own, on an existing resource. */
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
  readonly immutable: Marks | undefined
  readonly writeOnce: Marks | undefined
  readonly hidden: Marks | undefined
  readonly arrayKeys: ArrayKeys
  /** Where the key stands in the value. */
  readonly keyPointer: readonly string[] | undefined
  /** Where the version is shown in representations. */
  readonly versionField: readonly string[] | undefined
}

/** Members that a schema says something of, in the stored value and in the next one. */
export interface SchemaMarks {
  readonly readOnly: MarkedPair | undefined
  readonly writeOnly: MarkedPair | undefined
}

/** What clients send, without the version field and hidden members. */
export function withoutForeign(sent: unknown, rules: MemberRules): unknown {
  const own = rules.versionField === undefined ? sent : withoutValueAt(sent, rules.versionField)
  return withoutMembers(own, rules.hidden)
}

/** A new resource. Members that only the server may set are ignored (OpenAPI: `readOnly`), but for the identity of items. */
export function proposeNew(sent: unknown, readOnly: Marks | undefined, rules: MemberRules): unknown {
  return withoutMembersButKeys(withoutForeign(sent, rules), readOnly, rules.arrayKeys)
}

/** PUT and PATCH: members that the client may not see stay as they were. */
export function carryHidden(next: unknown, stored: unknown, rules: MemberRules): unknown {
  const own = rules.versionField === undefined ? next : withoutValueAt(next, rules.versionField)
  return carryMembers(alike(rules.hidden), stored, own, rules.arrayKeys)
}

/** Carries over what the client may not set (`readOnly`), and, where it left them out, members that it is never shown. */
export function carryReadOnlyAndWriteOnly(
  next: unknown,
  stored: unknown,
  marks: SchemaMarks,
  rules: MemberRules,
): unknown {
  const fixed = carryMembers(marks.readOnly, stored, next, rules.arrayKeys)
  return carryMembers(marks.writeOnly, stored, fixed, rules.arrayKeys, 'kept')
}

/**
 * Pointers to write-only members of `kept`, what `withStoredMembers` gave, that `seenIn` would show: another branch of the
 * schema holds there. `value` is without them.
 */
export function revealedMembers(
  [next, kept]: readonly [unknown, unknown],
  stored: unknown,
  { readOnly, writeOnly }: SchemaMarks,
  seenIn: (value: unknown) => Marks | undefined,
  { arrayKeys }: MemberRules,
): { readonly value: unknown; readonly pointers: readonly string[] } {
  if (!writeOnly?.before) return { value: kept, pointers: [] }
  const fixed = carryMembers(readOnly, stored, next, arrayKeys)
  const unseen = carryMembers(pairOf(undefined, seenIn(kept)), stored, fixed, arrayKeys, 'kept')
  const pointers: string[] = []
  eachMember(writeOnly, stored, kept, arrayKeys, (_, is, tokens) => {
    if (is !== undefined && valueAt(unseen, tokens) === undefined) pointers.push(formatPointer(tokens))
  })
  return { value: pointers.length === 0 ? kept : unseen, pointers }
}

/** Arrays and objects in which hidden members would end up in a different item. */
export function misplacedUnseen(stored: unknown, next: unknown, marks: SchemaMarks, rules: MemberRules): string[] {
  const { hidden, arrayKeys } = rules
  const { before, after } = marks.writeOnly ?? {}
  if (!hidden && !before) return []
  const seen = [withoutMembers(stored, before), withoutMembers(next, after)] as const
  const known = [withoutMembers(stored, hidden), withoutMembers(next, hidden)] as const
  const pointers = [
    ...misplacedMembers(alike(hidden), ...seen, arrayKeys),
    ...misplacedMembers(marks.writeOnly, ...known, arrayKeys),
  ]
  return [...new Set(pointers)]
}

/** The value with its key in it, where it has to name one: as it stands in the stored value, which may be a number. */
export function withKey(value: unknown, stored: unknown, key: string | undefined, rules: MemberRules): unknown {
  if (rules.keyPointer === undefined || key === undefined) return value
  if (valueAt(value, rules.keyPointer) !== undefined) return value
  return withValueAt(value, rules.keyPointer, valueAt(stored, rules.keyPointer) ?? key)
}

/** The pointers to members that a change touches although it may not. */
export function forbiddenChanges(before: unknown, after: unknown, rules: MemberRules): MemberChange[] {
  const { immutable, writeOnce, arrayKeys } = rules
  const fixed = changesIn(alike(immutable), before, after, arrayKeys)
  return writeOnce ? [...fixed, ...changesIn(alike(writeOnce), before, after, arrayKeys, isUnset)] : fixed
}

function isUnset(member: unknown): boolean {
  return member === null || member === undefined
}

/**
 * Compared by value before and after, never by the paths of a patch: those can be spelt in ways that hide what they do.
 * A column has NULL, and a typed client sends null, where JSON has no member: neither is a change.
 */
export function changesIn(
  marks: MarkedPair | undefined,
  before: unknown,
  after: unknown,
  arrayKeys: ArrayKeys,
  isAllowed: (was: unknown) => boolean = () => false,
): MemberChange[] {
  const changes: MemberChange[] = []
  eachMember(marks, before, after, arrayKeys, (was, is, tokens) => {
    const kind = kindOfChange(was, is)
    if (kind && !(isUnset(was) && isUnset(is)) && !isAllowed(was))
      changes.push({ pointer: formatPointer(tokens), kind })
  })
  return changes
}

export type MemberChange = { readonly pointer: string; readonly kind: 'added' | 'removed' | 'changed' }

function kindOfChange(was: unknown, is: unknown): MemberChange['kind'] | undefined {
  if (was === undefined) return is === undefined ? undefined : 'added'
  if (is === undefined) return 'removed'
  return sameJson(was, is) ? undefined : 'changed'
}

/** Does the value say another key than the one it is stored under? A key that is still to be given is another one too. */
export function namesOtherKey(value: unknown, key: string | undefined, rules: MemberRules): boolean {
  const named = rules.keyPointer && valueAt(value, rules.keyPointer)
  if (named === undefined) return false
  // A store that counts its keys keeps numbers. Anything else only looks like the key: String(['1']) is '1', and a parser
  // may have rounded a number to it.
  return String(named) !== key || !(typeof named === 'string' || Number.isSafeInteger(named))
}
