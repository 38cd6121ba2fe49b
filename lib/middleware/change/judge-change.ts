import { ConflictError, type MemberConflict } from '../../conflicts/conflicts'
import { withoutMembers } from '../../json/members'
import { formatPointer, valueAt } from '../../json/pointer'
import { type Change, changesIn, forbiddenChanges, namesOtherKey } from '../../rules/change'
import { transitionConflict } from '../../rules/lifecycle'
import type { Rule, RuleConflict } from '../options/options'
import type { Attempt, GuardedRequest } from '../request/guarded-request'
import { shownMembers, tagsOf } from '../request/validators'
import type { Proposal } from './propose'

/** Immutable members, transitions, rules, in this order: what is judged by what is stored. */
export function judgeChange<T>(
  guarded: GuardedRequest<T>,
  change: Change<T>,
): ConflictError | undefined | Promise<ConflictError | undefined> {
  const { lifecycle, members } = guarded.settings
  const { current, proposed } = change
  if (proposed !== undefined) {
    const forbidden = current ? forbiddenChanges(current.value, proposed, members) : []
    const conflict =
      immutable(guarded, forbidden) ??
      otherKey(guarded, proposed) ??
      (lifecycle && transitionConflict(lifecycle, current?.value, proposed))
    if (conflict) return conflict
  }
  const { rules = [] } = guarded.settings.options
  return rules.length === 0 ? undefined : brokenRule(guarded, change, rules)
}

/** What a client sent for members that only the server sets. An absent one is carried over, except from a patch that took it out. */
export function foreignMembers<T>(
  guarded: GuardedRequest<T>,
  attempt: Attempt<T>,
  proposal: Proposal,
): ConflictError | undefined {
  const { current } = attempt.change
  const { arrayKeys, hidden, versionField } = guarded.settings.members
  if (current === undefined || (proposal.readOnly.length === 0 && versionField === undefined)) return undefined
  // As the client sees both: what is hidden from it was dropped from what it sent, and tells nothing here.
  const changes = changesIn(
    proposal.readOnly,
    shownMembers(guarded, current),
    withoutMembers(proposal.sent, hidden),
    arrayKeys,
  )
  const refused: MemberConflict[] = changes.filter(({ kind }) => proposal.tellsState || kind !== 'removed')
  if (
    versionField &&
    guarded.sent?.format === 'json-patch' &&
    valueAt(proposal.sent, versionField) !== tagsOf(guarded, attempt)[0]?.opaque
  )
    refused.push({ pointer: formatPointer(versionField), kind: 'changed' })
  return immutable(guarded, refused)
}

function immutable<T>(
  { settings }: GuardedRequest<T>,
  conflicts: readonly MemberConflict[],
): ConflictError | undefined {
  if (conflicts.length === 0) return undefined
  const pointers = conflicts
    .slice(0, 3)
    .map(({ pointer }) => pointer)
    .join(', ')
  const detail = `${pointers}${conflicts.length > 3 ? ` and ${conflicts.length - 3} more` : ''} cannot be changed.`
  return new ConflictError('immutable_field', { status: settings.options.status?.immutable_field, detail, conflicts })
}

function otherKey<T>(guarded: GuardedRequest<T>, proposed: T): ConflictError | undefined {
  const { key, settings } = guarded
  // Without a key it is made from the value when that is written, unless the store gives one that nobody can know yet.
  if (key === undefined && settings.adapter.create === undefined) return undefined
  if (!namesOtherKey(proposed, key, settings.members)) return undefined
  return immutable(guarded, [{ pointer: formatPointer(settings.members.keyPointer ?? []), kind: 'changed' }])
}

async function brokenRule<T>(
  { req, settings }: GuardedRequest<T>,
  change: Change<T>,
  rules: readonly Rule<T>[],
): Promise<ConflictError | undefined> {
  for (const rule of rules) {
    const broken = await rule(change, req)
    if (broken === undefined || broken === null) continue
    if (typeof broken === 'object') return ruleConflict(broken)
    throw new TypeError(
      `A rule of the ${settings.name} gave ${JSON.stringify(broken)}; it has to give what it has against the change, such as { detail: 'Why.' }, or nothing.`,
    )
  }
  return undefined
}

function ruleConflict({ detail, type, title, pointers }: RuleConflict): ConflictError {
  const conflicts = pointers?.map((pointer) => ({ pointer, kind: 'rule' }))
  return new ConflictError('rule_violation', { detail, type, title, conflicts })
}
