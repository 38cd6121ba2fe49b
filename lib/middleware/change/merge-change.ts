import { ConflictError } from '../../conflicts/conflicts'
import type { ResourceState, Version } from '../../contracts/adapter'
import { isStoredFile } from '../../contracts/stored-file'
import { formatEntityTag, versionFromOpaque } from '../../http/entity-tag'
import { sameJson } from '../../json/equal'
import { mergeThreeWay } from '../../json/three-way'
import { versionTag } from '../../rules/tag'
import { withDeadline } from '../../timing/deadline'
import { conditionsOf } from '../preconditions/conditions'
import { versionNamedBy } from '../preconditions/named-version'
import { newAttempt } from '../request/attempt'
import type { Attempt, GuardedRequest } from '../request/guarded-request'
import { warn } from '../request/refuse'
import { shownMembers, tagsOf } from '../request/validators'
import { storeOf } from '../state/store-call'
import { foreignMembers, judgeChange } from './judge-change'
import { check, type Proposal, propose } from './propose'

/**
 * A change that was made from an older state, where the adapter still has that state: merged with what others did since,
 * if that is asked for and nothing meets; else the refusal, with who changed what.
 */
export async function mergeChange<T>(
  guarded: GuardedRequest<T>,
  attempt: Attempt<T>,
  refusal: ConflictError,
): Promise<ConflictError | undefined> {
  const { current } = attempt.change
  // A file is one thing; its parts are no members.
  const version = current && !isStoredFile(current.value) ? expectedVersion(guarded, refusal) : undefined
  const base = version === undefined ? undefined : await stateAt(guarded, version)
  if (base === undefined || current === undefined || base.gone) return refusal
  const from = newAttempt(guarded, base, false)
  const proposal = await propose(guarded, from)
  // What cannot even be made of the old state is no change that others could have come in the way of.
  if (proposal.conflict) return refusal
  const mine = proposal.value === undefined ? base.value : proposal.value
  if (guarded.settings.merge && proposal.value !== undefined && (await appliesTo(guarded, attempt))) {
    const merged = mergeThreeWay(base.value, current.value, mine, guarded.settings.members)
    if (merged.ok && (await takes(guarded, attempt, from, proposal, merged.value as T))) {
      attempt.mergedFrom = { base: base.value, refusal }
      return undefined
    }
  }
  return withConflicts(guarded, refusal, base.value, current, mine)
}

/** What a handler makes by itself of a change that was merged: it has to leave what others did as it is. */
export function mergedConflict<T>(guarded: GuardedRequest<T>, attempt: Attempt<T>, own: T): ConflictError | undefined {
  const { mergedFrom, change } = attempt
  const { current } = change
  if (mergedFrom === undefined || current === undefined) return undefined
  const { base, refusal } = mergedFrom
  const merged = mergeThreeWay(base, current.value, own, guarded.settings.members)
  if (merged.ok && sameJson(merged.value, own)) return undefined
  return withConflicts(guarded, refusal, base, current, own)
}

/** A JSON Patch may look at what it does not touch: `test` has to hold of what is there now, too (RFC 6902 §4.6). */
async function appliesTo<T>(guarded: GuardedRequest<T>, attempt: Attempt<T>): Promise<boolean> {
  if (guarded.sent?.format !== 'json-patch') return true
  return (await propose(guarded, attempt)).conflict?.code !== 'patch_failed'
}

/** The one version that the request names. Of several, nobody knows which one the change was made from. */
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

/** What is only asked to help is no reason to fail: without it the refusal stands as it is. */
async function stateAt<T>(guarded: GuardedRequest<T>, version: Version): Promise<ResourceState<T> | undefined> {
  const { key, settings } = guarded
  if (key === undefined) return undefined
  const { deadlineMs } = settings
  const late = () => new Error(`readVersion() of the ${settings.name} gave no answer within ${deadlineMs} ms`)
  try {
    return await withDeadline(
      storeOf(guarded).readVersion?.(key, version) ?? Promise.resolve(undefined),
      deadlineMs,
      late,
    )
  } catch (error) {
    warn(error)
    return undefined
  }
}

/** Proposes the merged value, unless something is against it: then the stale condition is what there is to say. */
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
  attempt.verdict = { outcome: 'proceed' }
  attempt.mergedWith = tag && formatEntityTag(tag)
  return true
}

/** Where and by whom, never what: values are shown by `expose` alone, and hidden members not at all. */
function withConflicts<T>(
  guarded: GuardedRequest<T>,
  refusal: ConflictError,
  ...states: [base: T, current: ResourceState<T>, mine: unknown]
): ConflictError {
  const { members } = guarded.settings
  const [base, current, mine] = states
  const shown = (value: unknown) => shownMembers(guarded, value)
  const { changes } = mergeThreeWay(shown(base), shown(current.value), shown(mine), members)
  const conflicts = changes.map(({ pointer, by }) => ({ pointer, kind: by }))
  return new ConflictError(refusal.code, { ...refusal.facts, conflicts })
}
