import type { Request } from 'express'
import { answerOf, type ConflictError, type MemberConflict } from '../../conflicts/conflicts'
import { withoutMembers } from '../../json/members'
import { formatPointer, isObject, parsePointer, valueAt } from '../../json/pointer'
import { checkOptions, show } from '../../options'
import type { Change } from '../../rules/change'
import { transitionConflict } from '../../rules/lifecycle'
import { changesIn, forbiddenChanges, namesOtherKey } from '../../rules/protected-members'
import type { Definition } from '../options/definition'
import { RULE_CONFLICT, type Rule, type RuleConflict } from '../options/options'
import type { Attempt, GuardedRequest, RequestFacts, Sent } from '../request/guarded-request'
import { shownMembers, tagsOf } from '../request/validators'
import type { Proposal } from './propose'

/** Compares the change with the stored state: immutable members, transitions, rules, in this order. */
export function judgeChange<T>(
  { req, key, settings }: RequestFacts<T> & Pick<GuardedRequest<T>, 'key'>,
  change: Change<T>,
): ConflictError | undefined | Promise<ConflictError | undefined> {
  const { lifecycle, members } = settings
  const { current, proposed } = change
  if (proposed !== undefined) {
    const forbidden = current ? forbiddenChanges(current.value, proposed, members) : []
    const conflict =
      immutable(settings, forbidden) ??
      otherKey(settings, key, proposed) ??
      (lifecycle && transitionConflict(lifecycle, current?.value, proposed))
    if (conflict) return conflict
  }
  const { rules = [] } = settings.options
  return rules.length === 0 ? undefined : brokenRule(settings.name, req, change, rules)
}

/**
 * Refuses changes to members that only the server sets. A missing one is carried over, unless a patch removed it.
 */
export function foreignMembers<T>(
  guarded: GuardedRequest<T>,
  attempt: Attempt<T>,
  proposal: Proposal,
): ConflictError | undefined {
  const { current } = attempt.change
  const { settings, sent } = guarded
  const { arrayKeys, hidden, versionField } = settings.members
  if (current === undefined) return undefined
  const [misplaced] = proposal.misplaced
  if (misplaced !== undefined) return misplacedConflict(settings, proposal.misplaced)
  if (proposal.revealed.length > 0) return revealedConflict(settings, proposal.revealed)
  const { readOnly } = proposal.marks
  if (readOnly === undefined && versionField === undefined) return undefined
  // Compares both values as the client sees them, because hidden members were dropped from what it sent.
  const changes = changesIn(
    readOnly,
    shownMembers(guarded, current.value),
    withoutMembers(proposal.sent, hidden),
    arrayKeys,
  )
  const refused: MemberConflict[] = changes.filter(
    ({ kind, pointer }) => kind !== 'removed' || (proposal.tellsState && !isLeftOut(sent, proposal.sent, pointer)),
  )
  if (
    versionField &&
    sent?.format === 'json-patch' &&
    valueAt(proposal.sent, versionField) !== tagsOf(guarded, attempt)[0]?.opaque
  )
    refused.push({ pointer: formatPointer(versionField), kind: 'changed' })
  return immutable(settings, refused)
}

/**
 * A merge patch can only replace an array as a whole (RFC 7396 §1), so members that its items lack were left out, as in
 * a PUT.
 */
function isLeftOut(sent: Sent | undefined, next: unknown, pointer: string): boolean {
  if (sent?.format !== 'merge-patch') return false
  const tokens = parsePointer(pointer)
  return tokens.some((_, depth) => Array.isArray(valueAt(next, tokens.slice(0, depth))))
}

function immutable<T>(
  { options }: Pick<Definition<T>, 'options'>,
  conflicts: readonly MemberConflict[],
): ConflictError | undefined {
  if (conflicts.length === 0) return undefined
  const pointers = conflicts
    .slice(0, 3)
    .map(({ pointer }) => pointer)
    .join(', ')
  const detail = `${pointers}${conflicts.length > 3 ? ` and ${conflicts.length - 3} more` : ''} cannot be changed.`
  return answerOf('immutable_field', { status: options.status?.immutable_field, detail, conflicts })
}

/** Does not mention hidden members, because the client must not learn that there are any. */
function misplacedConflict<T>({ name, options }: Definition<T>, pointers: readonly string[]): ConflictError {
  const [first = ''] = pointers
  warnOnce(
    options,
    `express-conflict: a change of ${first} of the ${name} was refused: it has members that clients do not see, and nothing tells its items apart. Give arrayKeys: { '${first}': '/id' }, and let an array stay an array.`,
  )
  const detail = `Nothing tells the items of ${first === '' ? 'the resource' : first} apart: they can be added to at the end, but not changed, moved or removed one by one.`
  const conflicts = pointers.map((pointer) => ({ pointer, kind: 'changed' }))
  return answerOf('immutable_field', { status: options.status?.immutable_field, detail, conflicts })
}

function revealedConflict<T>({ options }: Definition<T>, pointers: readonly string[]): ConflictError {
  const detail = `${pointers[0]} is never shown, and would be in the new state: send it as well, or remove it.`
  const conflicts = pointers.map((pointer) => ({ pointer, kind: 'shown' }))
  return answerOf('immutable_field', { status: options.status?.immutable_field, detail, conflicts })
}

const warned = new WeakSet<object>()

function warnOnce(options: object, text: string): void {
  if (warned.has(options)) return
  warned.add(options)
  process.emitWarning(text)
}

function otherKey<T>(settings: Definition<T>, key: string | undefined, proposed: T): ConflictError | undefined {
  // A resource without a key gets one from its value when it is written, unless the store generates the key.
  if (key === undefined && settings.adapter.create === undefined) return undefined
  if (!namesOtherKey(proposed, key, settings.members)) return undefined
  return immutable(settings, [{ pointer: formatPointer(settings.members.keyPointer ?? []), kind: 'changed' }])
}

async function brokenRule<T>(
  name: string,
  req: Request,
  change: Change<T>,
  rules: readonly Rule<T>[],
): Promise<ConflictError | undefined> {
  for (const rule of rules) {
    const broken = await rule(change, req)
    if (broken === undefined || broken === null) continue
    if (isObject(broken) && !(broken instanceof Error)) return ruleConflict(name, broken)
    throw new TypeError(
      `A rule of the ${name} gave ${show(broken)}; it has to give what it has against the change, such as { detail: 'Why.' }, or nothing.`,
    )
  }
  return undefined
}

function ruleConflict(name: string, broken: RuleConflict): ConflictError {
  checkOptions(`A rule of the ${name}`, broken, RULE_CONFLICT)
  const { detail, type, title, pointers } = broken
  const conflicts = pointers?.map((pointer) => ({ pointer, kind: 'rule' }))
  return answerOf('rule_violation', { detail, type, title, conflicts })
}
