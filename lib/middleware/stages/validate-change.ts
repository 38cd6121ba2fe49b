import { ConflictError } from '../../conflicts/conflicts'
import { chainOf } from '../chain/chain'
import { mediaTypeConflict, readBody } from '../change/body'
import { foreignMembers, judgeChange } from '../change/judge-change'
import { mergeChange } from '../change/merge-change'
import { type Proposal, propose } from '../change/propose'
import { definitionOf, type ResourceOrOptions } from '../options/definition'
import { conditionsOf } from '../preconditions/conditions'
import { enforced, verdictOf } from '../preconditions/verdict'
import type { ConflictMiddleware } from '../request/conflict-middleware'
import type { Attempt, GuardedRequest, Stage } from '../request/guarded-request'

/**
 * Stage 4: makes the proposed value, checks it against the schema, and compares the change with the stored value.
 *
 * It evaluates the conditions of the request before it compares anything with the stored state, because the result of
 * that would reveal the state to a client that may not have seen it.
 */
export function validateChange<T>(resource: ResourceOrOptions<T>): ConflictMiddleware<T> {
  return chainOf('validateChange', definitionOf('validateChange', resource), [changeStage])
}

export const changeStage: Stage = {
  name: 'validateChange',
  role: 'judges',
  prepare: (guarded) => (takesBody(guarded) ? mediaTypeConflict(guarded) : undefined),
  check<T>(guarded: GuardedRequest<T>, attempt: Attempt<T>) {
    if (attempt.change.action === 'read') return undefined
    if (takesBody(guarded) && guarded.sent === undefined) {
      const sent = readBody(guarded)
      if (sent instanceof ConflictError) return sent
      guarded.sent = sent
    }
    const conditions = conditionsOf(guarded)
    if (conditions instanceof ConflictError && !guarded.settings.reportsOnly) return conditions
    const proposal = propose(guarded, attempt)
    return proposal instanceof Promise
      ? proposal.then((made) => judgeProposal(guarded, attempt, made))
      : judgeProposal(guarded, attempt, proposal)
  },
}

function judgeProposal<T>(
  guarded: GuardedRequest<T>,
  attempt: Attempt<T>,
  proposal: Proposal,
): ConflictError | undefined | Promise<ConflictError | undefined> {
  if (proposal.conflict && !proposal.tellsState) return proposal.conflict
  const { action, current } = attempt.change
  attempt.change = { action, current, proposed: proposal.value as T }
  attempt.incomplete = proposal.incomplete
  const verdict = verdictOf(guarded, attempt)
  if (verdict.outcome === 'already-applied') return undefined
  if (verdict.outcome === 'conflict') {
    if (guarded.settings.keepsHistory) return mergeOrJudge(guarded, attempt, proposal, verdict.conflict)
    const refused = enforced(guarded, attempt, verdict.conflict)
    if (refused) return refused
  }
  return judgeByState(guarded, attempt, proposal)
}

async function mergeOrJudge<T>(
  guarded: GuardedRequest<T>,
  attempt: Attempt<T>,
  proposal: Proposal,
  conflict: ConflictError,
): Promise<ConflictError | undefined> {
  const unmerged = await mergeChange(guarded, attempt, conflict)
  if (unmerged === undefined) return undefined
  return enforced(guarded, attempt, unmerged) ?? judgeByState(guarded, attempt, proposal)
}

/** Refuses a change that the stored state does not allow. */
function judgeByState<T>(
  guarded: GuardedRequest<T>,
  attempt: Attempt<T>,
  proposal: Proposal,
): ConflictError | undefined | Promise<ConflictError | undefined> {
  if (proposal.conflict) return proposal.conflict
  if (attempt.change.action === 'act') return undefined
  return foreignMembers(guarded, attempt, proposal) ?? judgeChange(guarded, attempt.change)
}

/** POST on an existing resource is an action, and its body is for the handler. */
function takesBody<T>({ method, isNew }: GuardedRequest<T>): boolean {
  return method === 'PUT' || method === 'PATCH' || isNew
}
