import { ConflictError } from '../../conflicts/conflicts'
import type { ResourceState } from '../../contracts/adapter'
import { retryAfterS } from '../../timing/retry-after'
import { endLockOfRemoved } from '../edit-locks/edit-lock-conflict'
import { conditionsOf, NO_CONDITIONS, versionNamedBy } from '../preconditions/conditions'
import { lostRace, takenKey } from '../preconditions/refusals'
import { verdictOf } from '../preconditions/verdict'
import { guardOnTop, type Veto } from '../request/answer-guard'
import { mayCreate, newAttempt } from '../request/attempt'
import { type Attempt, type GuardedRequest, guardedOn, isDone, leasesOn } from '../request/guarded-request'
import { type OpenTransaction, openTransaction } from '../request/open-transaction'
import { settledOf } from '../request/settled'
import { mustHaveState, readAhead, readState } from '../state/store-call'
import { storeRefusal } from '../state/store-conflict'
import { type Committed, committed, noteChange, recordChange, unchanged } from './after-change'
import { judgedAgain, withAnotherKey } from './lost-race'
import { type Intent, intendedChange, swap } from './swap'

/**
 * Opens the transaction, unless the conditions of the request refuse it, or there is nothing to change: such a request
 * should lock no row. The state that decides this is read without a transaction, and the chain uses it to refuse the request.
 */
export async function beginUnlessRefused<T>(
  guarded: GuardedRequest<T>,
  next: (error?: unknown) => void,
): Promise<undefined> {
  if (!mayBeRefused(guarded)) return beginTransaction(guarded, next)
  const state = await readState(guarded)
  const isMissing = state === undefined && !mayCreate(guarded)
  if (!isMissing && verdictOf(guarded, newAttempt(guarded, state, false)).outcome !== 'conflict')
    return beginTransaction(guarded, next)
  readAhead(guarded, state)
  return undefined
}

/** Whether the conditions alone, with one read, can refuse the request. */
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
  // Whether the change was already applied depends on the body, which has not been read yet.
  if (method !== 'DELETE' && settings.alreadyApplied.has(method)) return false
  if (guardedOn(req).some((each) => each.transaction?.isOpen)) return false
  return headers['if-match'] !== '*' && (settings.required !== false || !hasNoConditions(guarded))
}

function hasNoConditions<T>(guarded: GuardedRequest<T>): boolean {
  return conditionsOf(guarded) === NO_CONDITIONS && versionNamedBy(guarded) === undefined
}

/**
 * Opens the transaction of a request that may change something. `commit` commits it. If the answer ends without a
 * commit, it is rolled back. If the client leaves and the handler does not end, it is abandoned.
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
  const holding = transaction.holdFor(settings.maxHoldMs)
  settledOf(res).onSettled(deadlineMs, (how) => {
    holding.done()
    if (how === 'ended') void transaction.rollBack()
    else if (transaction.isOpen) transaction.abandon()
  })
  const answer = guardOnTop(res)
  const veto: Veto = {
    isDue: () => guardedOn(req).every((each) => each.transaction !== transaction || !isDone(each)),
    async afterVeto(status) {
      await transaction.rollBack()
      next(
        new Error(
          `${method} on the ${name} was answered with ${status} before its transaction was committed. ${transaction.isSent ? 'Wait for' : 'It was rolled back. Call'} resourceOf(req, chain).commit() before the answer.`,
        ),
      )
    },
  }
  answer.vetoes = [...answer.vetoes, veto]
  return undefined
}

/** Runs the last statement of the transaction, then COMMIT. A failure here is final, and rolls everything back. */
export async function commitInTransaction<T>(
  guarded: GuardedRequest<T>,
  attempt: Attempt<T>,
  intent: Intent<T>,
  transaction: OpenTransaction<T>,
): Promise<Committed<T>> {
  try {
    if (attempt.verdict?.outcome === 'already-applied') {
      // The handler repeated what it did the first time, so roll it back.
      await transaction.rollBack()
      return unchanged(guarded, attempt)
    }
    const { change, state } = await (guarded.settings.byApp ? appsChange : lastChange)(guarded, attempt, intent)
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
    // An existing row is locked, so only a new one can lose a race.
    else if (attempt.stored !== undefined) throw lostRace(guarded)
    else attempt = undefined
  }
  throw takenKey(guarded)
}

/** The handler has written by itself in the transaction, so the new state is read there. */
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
