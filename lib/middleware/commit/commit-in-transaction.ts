import { ConflictError } from '../../conflicts/conflicts'
import type { ResourceState } from '../../contracts/adapter'
import { retryAfterS } from '../../timing/retry-after'
import { type Intent, intendedChange } from '../change/intended-change'
import { endLockOfRemoved } from '../edit-locks/edit-lock-conflict'
import { lostRace, takenKey } from '../preconditions/refusals'
import { judgedAgain } from '../request/attempt'
import { type Attempt, type GuardedRequest, isDone, leasesOn } from '../request/guarded-request'
import type { OpenTransaction } from '../request/open-transaction'
import { mustHaveState, readState } from '../state/store-call'
import { storeRefusal } from '../state/store-conflict'
import { type Committed, committed, unchanged } from './after-change'
import { withAnotherKey } from './another-key'
import { noteChange, recordChange } from './carried-out'
import { swap } from './swap'

/** The last statement of the transaction, and COMMIT. What fails here fails for good, and takes the rest with it. */
export async function commitInTransaction<T>(
  guarded: GuardedRequest<T>,
  attempt: Attempt<T>,
  intent: Intent<T>,
  transaction: OpenTransaction<T>,
): Promise<Committed<T>> {
  try {
    if (attempt.verdict?.outcome === 'already-applied') {
      // Whatever the handler has done is what it did the first time.
      await transaction.rollBack()
      return unchanged(guarded, attempt)
    }
    const { change, state } = await (guarded.settings.byApp ? appsChange : lastChange)(guarded, attempt, intent)
    for (const run of guarded.beforeCommit ?? []) await run(transaction.adapter.transactionHandle)
    await recordChange(guarded, change, state, transaction.adapter.transactionHandle)
    if (leasesOn(guarded.req).some(({ signal }) => signal.aborted))
      throw new ConflictError('lock_lost', { retryAfterS: retryAfterS() })
    await transaction.commit().catch(async (error: unknown) => {
      throw await storeRefusal(guarded, error, 'write')
    })
    if (state === undefined) await endLockOfRemoved(guarded, attempt)
    noteChange(guarded, change, state)
    return committed(guarded, change, state, 1)
  } catch (error) {
    if (!isDone(guarded)) guarded.progress = { at: 'ended', error }
    await transaction.rollBack()
    throw error
  }
}

interface Changed<T> {
  readonly change: Attempt<T>['change']
  readonly state: ResourceState<T> | undefined
}

async function lastChange<T>(guarded: GuardedRequest<T>, first: Attempt<T>, intent: Intent<T>): Promise<Changed<T>> {
  let attempt: Attempt<T> | undefined = first
  const { deadlineMs, reportsOnly } = guarded.settings
  const until = Date.now() + deadlineMs
  for (let tries = 1; attempt !== undefined; tries++) {
    const change = await intendedChange(guarded, attempt, intent)
    const result = await swap(guarded, attempt, change, deadlineMs)
    if (result.ok) return { change, state: result.state }
    if (guarded.isNew) attempt = await withAnotherKey(guarded, intent, tries)
    else if (reportsOnly && Date.now() < until) attempt = await judgedAgain(guarded, result.current)
    // Only what was not there could not be locked.
    else if (attempt.stored !== undefined) throw lostRace(guarded)
    else attempt = undefined
  }
  throw takenKey(guarded)
}

/** The handler has written by itself, in the transaction: what came of it is read there. */
async function appsChange<T>(
  guarded: GuardedRequest<T>,
  { change }: Attempt<T>,
  { from }: Intent<T>,
): Promise<Changed<T>> {
  if (from !== 'proposal')
    throw new Error("commit(): with writes: 'by-app' the handler writes by itself; call commit() without a value.")
  const state = await readState(guarded)
  if (change.action === 'remove') return { change, state: undefined }
  return { change, state: mustHaveState(state, guarded.settings.name) }
}
