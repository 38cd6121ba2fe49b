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

/** Members that a schema annotates, in the stored value and in the next one. */
export interface SchemaMarks {
  readonly readOnly: MarkedPair | undefined
  readonly writeOnly: MarkedPair | undefined
}

/** The value that a client sent, without the version field and hidden members. */
export function withoutForeign(sent: unknown, rules: MemberRules): unknown {
  const own = rules.versionField === undefined ? sent : withoutValueAt(sent, rules.versionField)
  return withoutMembers(own, rules.hidden)
}

/** A new resource, without members that only the server may set (OpenAPI: `readOnly`). The identity of items is kept. */
export function proposeNew(sent: unknown, readOnly: Marks | undefined, rules: MemberRules): unknown {
  return withoutMembersButKeys(withoutForeign(sent, rules), readOnly, rules.arrayKeys)
}

/** For PUT and PATCH: hidden members keep their stored value. */
export function carryHidden(next: unknown, stored: unknown, rules: MemberRules): unknown {
  const own = rules.versionField === undefined ? next : withoutValueAt(next, rules.versionField)
  return carryMembers(alike(rules.hidden), stored, own, rules.arrayKeys)
}

/** Carries over members that the client may not set (`readOnly`), and write-only members that it left out. */
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
 * Pointers to write-only members of `kept` that would become visible, because another branch of the schema holds for the new
 * value. `value` is the value without them.
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

/** The value with its key filled in, if it has to have one. Uses the stored form of the key, which may be a number. */
export function withKey(value: unknown, stored: unknown, key: string | undefined, rules: MemberRules): unknown {
  if (rules.keyPointer === undefined || key === undefined) return value
  if (valueAt(value, rules.keyPointer) !== undefined) return value
  return withValueAt(value, rules.keyPointer, valueAt(stored, rules.keyPointer) ?? key)
}

/** The changes of members that must not change. */
export function forbiddenChanges(before: unknown, after: unknown, rules: MemberRules): MemberChange[] {
  const { immutable, writeOnce, arrayKeys } = rules
  const fixed = immutable ? changesIn(alike(immutable), before, after, arrayKeys) : []
  return writeOnce ? [...fixed, ...changesIn(alike(writeOnce), before, after, arrayKeys, isUnset)] : fixed
}

function isUnset(member: unknown): boolean {
  return member === null || member === undefined
}

/**
 * The changes of marked members. Compares the values before and after, and never the paths of a patch, because these can
 * hide what they do. A missing member and `null` count as the same: databases and typed clients have `null` for it.
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

/** Whether the value names another key than its own. Before the store has generated the key, any key is another one. */
export function namesOtherKey(value: unknown, key: string | undefined, rules: MemberRules): boolean {
  const named = rules.keyPointer && valueAt(value, rules.keyPointer)
  if (named === undefined) return false
  // Some stores have numbers as keys. Other values only look like the key: String(['1']) is '1', and a parser may have
  // rounded a large number.
  return String(named) !== key || !(typeof named === 'string' || Number.isSafeInteger(named))
}
