import { chainOf } from '../chain/chain'
import { definitionOf, type ResourceOrOptions } from '../options/definition'
import { hasConditions } from '../preconditions/conditions'
import { enforced, isRetrieval, verdictOf } from '../preconditions/verdict'
import type { ConflictMiddleware } from '../request/conflict-middleware'
import type { Stage } from '../request/guarded-request'
import { showValidators, tagsOf } from '../request/validators'

/**
 * Stage 5: evaluates the conditions of the request in the order of RFC 9110 §13.2.2, asks for one where it is missing,
 * and puts the validators on the answer to a read. Where the verdict is 304, `lib/middleware/chain/chain.ts` answers.
 */
export function checkPreconditions<T>(resource: ResourceOrOptions<T>): ConflictMiddleware<T> {
  return chainOf('checkPreconditions', definitionOf('checkPreconditions', resource), [preconditionStage])
}

export const preconditionStage: Stage = {
  name: 'checkPreconditions',
  role: 'judges',
  check(guarded, attempt) {
    const verdict = verdictOf(guarded, attempt)
    const refused = verdict.outcome === 'conflict' && enforced(guarded, attempt, verdict.conflict)
    if (refused) return refused
    const { current, action } = attempt.change
    if (action !== 'read' || current === undefined) return undefined
    if (!isRetrieval(guarded.method)) {
      // Express would answer a QUERY with 304: the client has a state of the resource, but not this result.
      if (guarded.headers['if-none-match'] === '*') evaluateNoMore(guarded.req)
      return undefined
    }
    showValidators(guarded, current, tagsOf(guarded, attempt)[0])
    const isAnswered = verdict.outcome === 'not-modified' && !guarded.settings.notModifiedLate
    if (!isAnswered && hasConditions(guarded.conditions)) evaluateNoMore(guarded.req)
    return undefined
  },
}

/** Express would evaluate `fresh` again, which splits tags at commas and accepts whatever `Date.parse` takes for a date. */
function evaluateNoMore(req: object): void {
  Object.defineProperty(req, 'fresh', { value: false, configurable: true })
}
