import { answerOf, ConflictError } from '../../conflicts/conflicts'
import { warn } from '../../conflicts/events'
import type { ResourceAdapter, ResourceState, Version } from '../../contracts/adapter'
import { isStoredFile } from '../../contracts/stored-file'
import { formatEntityTag, versionFromOpaque } from '../../http/entity-tag'
import type { ChangedBy } from '../../json/keyed-items'
import { mergeThreeWay } from '../../json/three-way'
import type { MemberRules } from '../../rules/protected-members'
import { versionTag } from '../../rules/tag'
import { withDeadline } from '../../timing/deadline'
import type { Definition } from '../options/definition'
import { conditionsOf, versionNamedBy } from '../preconditions/conditions'
import { waiveRefusal } from '../preconditions/verdict'
import { newAttempt } from '../request/attempt'
import type { Attempt, GuardedRequest } from '../request/guarded-request'
import { shownMembers, tagsOf } from '../request/validators'
import { storeOf } from '../state/store-call'
import { foreignMembers, judgeChange } from './judge-change'
import { check, type Proposal, propose } from './propose'

/**
 * Merges a change that is based on an older state with later changes, if `merge` is on, the adapter still has that
 * state, and nobody else has touched the same members. Otherwise returns the refusal, with the members that each side
 * changed.
 */
export async function mergeChange<T>(
  guarded: GuardedRequest<T>,
  attempt: Attempt<T>,
  refusal: ConflictError,
): Promise<ConflictError | undefined> {
  const { current } = attempt.change
  // A file is one thing; its parts are no members.
  const version = current && !isStoredFile(current.value) ? expectedVersion(guarded, refusal) : undefined
  if (version === undefined || current === undefined) return refusal
  const since = guarded.settings.merge ? await statesSince(guarded, version, current.version) : undefined
  const base = since ? since[0] : await asked(guarded, 'readVersion', version)
  if (base === undefined || base.gone) return refusal
  const from = newAttempt(guarded, base, false)
  const proposal = await propose(guarded, from)
  // If the change does not even apply to the old state, others are not to blame.
  if (proposal.conflict) return refusal
  const mine = proposal.value === undefined ? base.value : proposal.value
  if (since && proposal.value !== undefined && (await appliesTo(guarded, attempt))) {
    const { members } = guarded.settings
    const merged = mergeThreeWay(base.value, current.value, mine, members)
    const isMergeable = merged.ok && isDisjoint(base.value, since.slice(1), mine, members)
    if (isMergeable && (await takes(guarded, attempt, from, proposal, merged.value as T))) {
      attempt.mergedFrom = { since, refusal }
      return undefined
    }
  }
  return withConflicts(guarded.settings, refusal, base.value, since?.slice(1) ?? [current], mine)
}

/** Checks the handler's own value after a merge: it has to keep the changes of others. */
export function mergedConflict<T>(
  settings: Definition<T>,
  { mergedFrom, change }: Attempt<T>,
  own: T,
): ConflictError | undefined {
  const { current } = change
  if (mergedFrom === undefined || current === undefined) return undefined
  const { since, refusal } = mergedFrom
  if (isDisjoint(current.value, since, own, settings.members)) return undefined
  const base = since[0]?.value ?? current.value
  return withConflicts(settings, refusal, base, [current], own)
}

/**
 * Whether a value that is based on `base` does not touch anything that differs from `base` in any of the states.
 *
 * The current state alone is not enough: a member that was changed and changed back looks untouched, and a client that
 * repeats the first change after its answer was lost would undo the second one. Setting a member to the same value also
 * counts as touching it: if two clients both turn 6 into 7, one increment is lost.
 */
function isDisjoint<T>(base: T, states: readonly ResourceState<T>[], mine: unknown, members: MemberRules): boolean {
  return states.every(({ value, gone }) => {
    const merged = gone ? undefined : mergeThreeWay(base, value, mine, members)
    return merged?.ok === true && merged.isDisjoint
  })
}

/** The states from the one that the request names to the current one; `undefined` if some are not known. */
async function statesSince<T>(
  guarded: GuardedRequest<T>,
  version: Version,
  current: Version,
): Promise<readonly ResourceState<T>[] | undefined> {
  const since = await asked(guarded, 'readSince', version)
  const end = since?.findIndex((state) => state.version === current) ?? -1
  // The write detects later states.
  return end === -1 ? undefined : since?.slice(0, end + 1)
}

/**
 * A JSON Patch can test members that it does not change: `test` has to hold for the current state, too (RFC 6902 §4.6).
 */
async function appliesTo<T>(guarded: GuardedRequest<T>, attempt: Attempt<T>): Promise<boolean> {
  if (guarded.sent?.format !== 'json-patch') return true
  return (await propose(guarded, attempt)).conflict?.code !== 'patch_failed'
}

/** The version that the request names. If it names several, the base of the change is unknown. */
function expectedVersion<T>(guarded: GuardedRequest<T>, { code, facts }: ConflictError): Version | undefined {
  if (guarded.settings.tag !== versionTag) return undefined
  const named = versionNamedBy(guarded)
  if (named instanceof ConflictError) return undefined
  if (code === 'stale_version') return named === undefined ? undefined : versionFromOpaque(named)
  if (code !== 'precondition_failed' || facts.field !== 'If-Match') return undefined
  const conditions = conditionsOf(guarded)
  if (conditions instanceof ConflictError || conditions.ifNoneMatch !== undefined) return undefined
  const { ifMatch } = conditions
  const tag = Array.isArray(ifMatch) && ifMatch.length === 1 ? ifMatch[0] : undefined
  if (!tag || tag.weak || (named !== undefined && named !== tag.opaque)) return undefined
  return versionFromOpaque(tag.opaque)
}

type History<T> = Required<Pick<ResourceAdapter<T>, 'readVersion' | 'readSince'>>

/** Reads from the history. It is optional: if it fails, the refusal stands unchanged. */
async function asked<T, M extends keyof History<T>>(
  guarded: GuardedRequest<T>,
  method: M,
  version: Version,
): Promise<Awaited<ReturnType<History<T>[M]>> | undefined> {
  const { key, settings } = guarded
  const { deadlineMs, name } = settings
  const adapter: Partial<History<T>> = storeOf(guarded)
  if (key === undefined || adapter[method] === undefined) return undefined
  const late = () => new Error(`${method}() of the ${name} gave no answer within ${deadlineMs} ms`)
  try {
    const answer = adapter[method](key, version) as ReturnType<History<T>[M]>
    return await withDeadline(answer as Promise<Awaited<ReturnType<History<T>[M]>>>, deadlineMs, late)
  } catch (error) {
    warn(error)
    return undefined
  }
}

/** Proposes the merged value. If a check refuses it, the request gets the refusal for its stale condition. */
async function takes<T>(
  guarded: GuardedRequest<T>,
  attempt: Attempt<T>,
  from: Attempt<T>,
  proposal: Proposal,
  value: T,
): Promise<boolean> {
  const checked = await check(guarded.settings, value, false)
  if (!checked.ok) return false
  const change = { ...attempt.change, proposed: checked.value as T }
  const against = foreignMembers(guarded, from, proposal) ?? (await judgeChange(guarded, change))
  if (against) return false
  const [tag] = tagsOf(guarded, attempt)
  attempt.change = change
  waiveRefusal(attempt)
  attempt.mergedWith = tag && formatEntityTag(tag)
  return true
}

/** Adds which members were changed by whom, but no values: only `expose` shows those, and never hidden members. */
function withConflicts<T>(
  settings: Definition<T>,
  refusal: ConflictError,
  base: T,
  states: readonly ResourceState<T>[],
  mine: unknown,
): ConflictError {
  const shown = (value: unknown) => shownMembers({ settings }, value)
  const changesBy = (state: T) => mergeThreeWay(shown(base), shown(state), shown(mine), settings.members).changes
  const kinds = new Map<string, ChangedBy>()
  states.forEach(({ value }, at) => {
    const isCurrent = at === states.length - 1
    for (const { pointer, by } of changesBy(value)) {
      if (isCurrent && kinds.get(pointer) !== 'both') kinds.set(pointer, by)
      // Changed and changed back.
      else if (by === 'both' || by === 'alike') kinds.set(pointer, 'both')
    }
  })
  const conflicts = [...kinds].map(([pointer, kind]) => ({ pointer, kind }))
  return answerOf(refusal.code, { ...refusal.facts, conflicts })
}
