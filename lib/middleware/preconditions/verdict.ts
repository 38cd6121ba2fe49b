import { answerOf, ConflictError } from '../../conflicts/conflicts'
import type { ResourceState } from '../../contracts/adapter'
import { formatEntityTag } from '../../http/entity-tag'
import { evaluatePreconditions, type Preconditions } from '../../http/preconditions'
import { sameJson } from '../../json/equal'
import type { Change } from '../../rules/change'
import { ifConflict } from '../edit-locks/edit-lock-conflict'
import type { Attempt, GuardedRequest, RequestFacts, Verdict } from '../request/guarded-request'
import { report } from '../request/refuse'
import { tagsOf } from '../request/validators'
import { conditionsOf, disagreement, NO_CONDITIONS, versionNamedBy } from './conditions'
import { failedCondition, staleVersionConflict } from './refusals'

const PROCEED: Verdict = { outcome: 'proceed' }
const ALREADY_APPLIED: Verdict = { outcome: 'already-applied' }

/** The result of the request's conditions for a state. It depends on nothing else, so it is only evaluated once. */
export function verdictOf<T>(guarded: GuardedRequest<T>, attempt: Attempt<T>): Verdict {
  attempt.verdict ??= judge(guarded, attempt)
  return attempt.verdict
}

/**
 * Enforces a refusal by conditions or versions. In report mode the refusal is only reported, and the request goes on to
 * the checks that come after conditions, such as 410 for removing a tombstone.
 */
export function enforced<T>(
  guarded: GuardedRequest<T>,
  attempt: Attempt<T>,
  conflict: ConflictError,
): ConflictError | undefined {
  if (!guarded.settings.reportsOnly) return conflict
  report(guarded, conflict)
  waiveRefusal(attempt)
  const { stored, change } = attempt
  return change.action === 'remove' && stored && !change.current ? answerOf('gone') : undefined
}

/** Drops the refusal of an attempt, after a merge or in report mode. */
export function waiveRefusal<T>(attempt: Attempt<T>): void {
  attempt.verdict = PROCEED
}

/** Whether the request says which state it acts on, as `required: true` demands. */
export function isConditional<T>(guarded: GuardedRequest<T>): boolean {
  const conditions = conditionsOf(guarded)
  const version = versionNamedBy(guarded)
  if (typeof version === 'string') return true
  return !(conditions instanceof ConflictError) && hasCondition(conditions, guarded.attempt?.change.current)
}

function judge<T>(guarded: GuardedRequest<T>, attempt: Attempt<T>): Verdict {
  const preconditions = conditionsOf(guarded)
  if (preconditions instanceof ConflictError) return refused(preconditions)
  if (guarded.isSafe && !isRetrieval(guarded.method)) return PROCEED
  const locks = guarded.settings.editLocks && ifConflict(guarded, attempt)
  if (locks?.status === 400) return refused(locks)
  const version = versionNamedBy(guarded)
  if (version instanceof ConflictError) return refused(version)
  const missing = missingCondition(guarded.settings.required, attempt.change, preconditions, version)
  if (missing) return refused(missing)
  if (locks) return refused(locks)
  const verdict = header(guarded, attempt, preconditions)
  if (verdict.outcome !== 'proceed') return forgiven(guarded, attempt, verdict)
  const conflict = version === undefined ? undefined : staleVersion(guarded, attempt, preconditions, version)
  return conflict ? forgiven(guarded, attempt, refused(conflict)) : PROCEED
}

/**
 * GET and HEAD show the resource. QUERY (RFC 10008) and other safe methods answer with a result of their own, so their
 * answers do not get the tag of the resource, and their conditions are not compared with it.
 */
export function isRetrieval(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

/**
 * Where 428 is decided (RFC 6585 §3). A creation needs no condition, because the write only succeeds if nothing exists.
 */
function missingCondition<T>(
  required: boolean | 'version',
  { action, current }: Change<T>,
  conditions: Preconditions,
  version: string | undefined,
): ConflictError | undefined {
  if (required === false || current === undefined) return undefined
  if (action !== 'replace' && action !== 'patch' && action !== 'remove') return undefined
  if (version !== undefined || (conditions.ifMatch !== undefined && conditions.ifMatch !== '*')) return undefined
  if (required === true && hasCondition(conditions, current)) return undefined
  return answerOf('precondition_required', {
    field: 'If-Match',
    detail: 'Send the ETag of the state that the change was made from as If-Match.',
  })
}

function hasCondition<T>(
  { ifMatch, ifNoneMatch, ifUnmodifiedSince }: Preconditions,
  current: ResourceState<T> | undefined,
): boolean {
  // An empty If-None-Match excludes nothing.
  if (ifMatch !== undefined || (ifNoneMatch !== undefined && ifNoneMatch.length > 0)) return true
  // RFC 9110 §13.1.4: without a modification date the field is ignored, so it does not count as a condition.
  return ifUnmodifiedSince !== undefined && current?.lastModified !== undefined
}

function header<T>(guarded: GuardedRequest<T>, attempt: Attempt<T>, preconditions: Preconditions): Verdict {
  if (preconditions === NO_CONDITIONS) return PROCEED
  const { settings, isSafe } = guarded
  const { current } = attempt.change
  const validators = current && {
    tags: tagsOf(guarded, attempt),
    lastModified: current.lastModified?.getTime(),
    sameOpaque: settings.tag.sameOpaque,
  }
  const verdict = evaluatePreconditions(preconditions, validators, {
    safe: isSafe,
    tagSuffixes: settings.tagSuffixes,
    acceptWeakForms: settings.acceptWeakForms,
    dateCounts: !attempt.afterLostRace,
    now: Date.now(),
  })
  if (verdict.outcome !== 'failed') return verdict
  return refused(
    failedCondition(preconditions, verdict.field, { current: shownTag(guarded, attempt), form: verdict.form }),
  )
}

function shownTag<T>(guarded: GuardedRequest<T>, attempt: Attempt<T>): string | undefined {
  const tag = attempt.change.current && tagsOf(guarded, attempt)[0]
  return tag && formatEntityTag(tag)
}

function staleVersion<T>(
  guarded: GuardedRequest<T>,
  attempt: Attempt<T>,
  { ifMatch }: Preconditions,
  version: string,
): ConflictError | undefined {
  const same = guarded.settings.tag.sameOpaque ?? Object.is
  if (attempt.change.current && tagsOf(guarded, attempt).some(({ opaque }) => same(opaque, version))) return undefined
  if (ifMatch !== undefined && ifMatch !== '*') return disagreement('body or query', 'If-Match')
  return staleVersionConflict(version, shownTag(guarded, attempt))
}

/**
 * RFC 9110 §13.1.1, §13.1.4: a false condition is forgiven if the change has already been made, for example by a
 * request whose answer was lost.
 */
function forgiven<T>({ settings, method }: RequestFacts<T>, attempt: Attempt<T>, verdict: Verdict): Verdict {
  if (verdict.outcome !== 'conflict' || !isAboutExpectedState(verdict.conflict)) return verdict
  if (!settings.alreadyApplied.has(method)) return verdict
  const { action, current, proposed } = attempt.change
  // Something is stored, yet nothing is there: a tombstone.
  if (action === 'remove') return current === undefined && attempt.stored !== undefined ? ALREADY_APPLIED : verdict
  return current !== undefined && proposed !== undefined && sameJson(current.value, proposed)
    ? ALREADY_APPLIED
    : verdict
}

/**
 * If-None-Match names a state that must not exist. If it exists, nothing is forgiven, even if this client created it.
 */
function isAboutExpectedState({ code, facts }: ConflictError): boolean {
  if (code === 'stale_version' || code === 'weak_validator') return true
  return code === 'precondition_failed' && facts.field !== 'If-None-Match'
}

function refused(conflict: ConflictError): Verdict {
  return { outcome: 'conflict', conflict }
}
