import { type GuardedRequest, guardedOn, isDone } from '../request/guarded-request'
import { openTransaction } from '../request/open-transaction'
import { settledOf } from '../request/settled'
import { storeRefusal } from '../state/store-conflict'
import { refuseUncommitted } from './refuse-uncommitted'

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
        `${method} ${name}: the ${other.settings.name} has opened a transaction on this request, and a request has one. Leave isolation out in one of the chains, and give the handler's statements resourceOf(req, adapter).transaction of the other.`,
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
  settledOf(res).onSettled(deadlineMs, (how) => {
    if (how === 'ended') void transaction.rollBack()
    else if (transaction.isOpen) transaction.abandon()
  })
  refuseUncommitted(res, {
    isUncommitted: () => guardedOn(req).every((each) => each.transaction !== transaction || !isDone(each)),
    async refuse(status) {
      await transaction.rollBack()
      next(
        new Error(
          `${method} on the ${name} was answered with ${status} before its transaction was committed. ${transaction.isSent ? 'Wait for' : 'It was rolled back. Call'} resourceOf(req, adapter).commit() before the answer.`,
        ),
      )
    },
  })
  return undefined
}
