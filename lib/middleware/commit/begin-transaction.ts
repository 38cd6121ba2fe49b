import { conditionsOf, NO_CONDITIONS, versionNamedBy } from '../preconditions/conditions'
import { verdictOf } from '../preconditions/verdict'
import { answerOnTop, type Refusal } from '../request/answer'
import { newAttempt } from '../request/attempt'
import { type GuardedRequest, guardedOn, isDone } from '../request/guarded-request'
import { openTransaction } from '../request/open-transaction'
import { settledOf } from '../request/settled'
import { readState } from '../state/store-call'
import { storeRefusal } from '../state/store-conflict'

/**
 * In front of `checkPreconditions`: a request that its conditions refuse opens no transaction, and locks no row. The state
 * that refuses it is read once, as without a transaction.
 */
export async function beginUnlessRefused<T>(
  guarded: GuardedRequest<T>,
  next: (error?: unknown) => void,
): Promise<undefined> {
  if (!mayBeRefused(guarded)) return beginTransaction(guarded, next)
  const state = await readState(guarded)
  if (verdictOf(guarded, newAttempt(guarded, state, false)).outcome !== 'conflict')
    return beginTransaction(guarded, next)
  guarded.readAhead = { state }
  return undefined
}

/** Whether its conditions can refuse the request, and nothing but them and one read decides that. */
function mayBeRefused<T>(guarded: GuardedRequest<T>): boolean {
  const { isSafe, isNew, settings, headers, req, method } = guarded
  if (
    isSafe ||
    isNew ||
    settings.reportsOnly ||
    settings.merge ||
    settings.editLocks ||
    settings.adapter.transaction === undefined
  )
    return false
  // Whether it was applied already depends on its body, which nobody has looked at yet.
  if (method !== 'DELETE' && settings.alreadyApplied.has(method)) return false
  if (guardedOn(req).some((each) => each.transaction?.isOpen)) return false
  return headers['if-match'] !== '*' && (settings.required !== false || !hasNoConditions(guarded))
}

function hasNoConditions<T>(guarded: GuardedRequest<T>): boolean {
  return conditionsOf(guarded) === NO_CONDITIONS && versionNamedBy(guarded) === undefined
}

/**
 * Opens the transaction of a request that may change something. It ends with `commit`, or with the request: rolled back
 * when the answer is ended, given up when the client has left and the handler does not come to an end.
 */
export async function beginTransaction<T>(
  guarded: GuardedRequest<T>,
  next: (error?: unknown) => void,
): Promise<undefined> {
  const { isSafe, settings, req, res, method } = guarded
  const { adapter, deadlineMs, name } = settings
  if (isSafe || adapter.transaction === undefined) return undefined
  const other = guardedOn(req).find((each) => each.transaction?.isOpen)
  if (other) {
    if (other.settings.adapter !== adapter)
      throw new Error(
        `${method} ${name}: the ${other.settings.name} has opened a transaction on this request, and a request has one. Leave isolation out in one of the chains, and give the handler's statements resourceOf(req, …).transaction of the other.`,
      )
    guarded.transaction = other.transaction as typeof guarded.transaction
    return undefined
  }
  const transaction = await openTransaction<T>((run) => adapter.transaction?.(run) as never, deadlineMs).catch(
    async (error: unknown) => {
      throw await storeRefusal(guarded, error, 'read')
    },
  )
  guarded.transaction = transaction
  const held = transaction.holdFor(settings.maxHoldMs)
  settledOf(res).onSettled(deadlineMs, (how) => {
    held.done()
    if (how === 'ended') void transaction.rollBack()
    else if (transaction.isOpen) transaction.abandon()
  })
  const answer = answerOnTop(res)
  const refusal: Refusal = {
    isDue: () => guardedOn(req).every((each) => each.transaction !== transaction || !isDone(each)),
    async refuse(status) {
      await transaction.rollBack()
      next(
        new Error(
          `${method} on the ${name} was answered with ${status} before its transaction was committed. ${transaction.isSent ? 'Wait for' : 'It was rolled back. Call'} resourceOf(req, chain).commit() before the answer.`,
        ),
      )
    },
  }
  answer.refusals = [...answer.refusals, refusal]
  return undefined
}
