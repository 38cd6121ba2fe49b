import { ConflictError, isConflictError } from '../../conflicts/conflicts'
import { publish } from '../../conflicts/events'
import { retryAfterS } from '../../timing/retry-after'
import { endLockOfRemoved } from '../edit-locks/edit-lock-conflict'
import { lostRace, takenKey } from '../preconditions/refusals'
import { type Attempt, type GuardedRequest, leasesOn } from '../request/guarded-request'
import { report } from '../request/refuse'
import { aboutResource } from '../request/route'
import { type Committed, committed, noteChange, unchanged } from './after-change'
import {
  isContended,
  judgedAgain,
  lineUp,
  outlastsOthers,
  pauseInTurn,
  readAgain,
  type Turn,
  tooMany,
  withAnotherKey,
} from './lost-race'
import { type Intent, intendedChange, swap } from './swap'
import { commitInTransaction } from './transaction'

/**
 * Compare-and-swap with the version that was checked. After a lost race the checks run again on the state that won, so
 * the request gets the answer that it would have got if it had come later.
 *
 * A request that can still succeed retries until the deadline. Colliding requests of this process take turns.
 */
export async function commit<T>(guarded: GuardedRequest<T>, intent: Intent<T>): Promise<Committed<T>> {
  let attempt = begun(guarded)
  guarded.progress = COMMITTING
  // A failure in a transaction is final.
  if (guarded.transaction) return commitInTransaction(guarded, attempt, intent, guarded.transaction)
  const { deadlineMs } = guarded.settings
  let until: number | undefined
  let turn: Turn | undefined
  // All in one function, because each nested await costs another turn of the microtask queue.
  try {
    if (isContended(guarded) && outlastsOthers(guarded, intent)) {
      until = Date.now() + deadlineMs
      turn = await lineUp(guarded, until)
      attempt = await readAgain(guarded, attempt)
    }
    for (let tries = 1; ; tries++) {
      if (attempt.verdict?.outcome === 'already-applied') return unchanged(guarded, attempt)
      const intended = intendedChange(guarded, attempt, intent)
      const change = intended instanceof Promise ? await intended : intended
      if (leasesOn(guarded.req).some(({ signal }) => signal.aborted))
        throw new ConflictError('lock_lost', { retryAfterS: retryAfterS() })
      // The time starts with the first write, so the time that the handler takes to make a value is not included.
      const leftMs = until === undefined ? deadlineMs : until - Date.now()
      until ??= Date.now() + deadlineMs
      if (leftMs <= 0) throw tooMany()
      const result = await swap(guarded, attempt, change, leftMs)
      if (result.ok) {
        if (result.state === undefined && attempt.editLock) await endLockOfRemoved(guarded, attempt)
        noteChange(guarded, change, result.state)
        return committed(guarded, change, result.state, tries)
      }
      if (guarded.isNew) {
        const renamed = await withAnotherKey(guarded, intent, tries)
        if (renamed === undefined) throw end(guarded, takenKey(guarded))
        attempt = renamed
        continue
      }
      attempt = await judgedAgain(guarded, result.current)
      if (attempt.verdict?.outcome === 'already-applied') continue
      // The handler made its value from the state that lost, and only the handler can make a new one.
      if (intent.from === 'value') {
        if (!guarded.settings.reportsOnly) throw end(guarded, lostRace(guarded))
        report(guarded, lostRace(guarded))
      }
      if (turn) await pauseInTurn(guarded, tries, until)
      else {
        turn = await lineUp(guarded, until)
        if (turn.hasWaited) attempt = await readAgain(guarded, attempt)
      }
      publish('retry', () => ({ ...aboutResource(guarded), tries }))
    }
  } catch (error) {
    // No race was lost, so the handler may try again, perhaps with another value.
    if (guarded.progress === COMMITTING) guarded.progress = OPEN
    throw error
  } finally {
    turn?.end()
  }
}

const OPEN = { at: 'open' } as const
const COMMITTING = { at: 'committing' } as const

/** The other change stays, however often the commit is tried again. */
function end<T>(guarded: GuardedRequest<T>, conflict: ConflictError): ConflictError {
  guarded.progress = { at: 'ended', error: conflict }
  return conflict
}

function begun<T>(guarded: GuardedRequest<T>): Attempt<T> {
  const { attempt, isSafe, transaction, progress, res, req, settings } = guarded
  const mistake = (text: string, cause?: unknown) =>
    new Error(`commit() on ${req.method} ${settings.name}: ${text}`, { cause })
  if (attempt === undefined) throw mistake('the chain has not run on this request.')
  if (isSafe) throw mistake('a safe method changes nothing (RFC 9110 §9.2.1).')
  if (settings.byApp && transaction === undefined)
    throw mistake(
      "the definition says writes: 'by-app'. Give commitChange(write) the function that writes, or give written() what your statement stored; or leave writes out if the adapter is to write.",
    )
  if (res.headersSent) throw mistake('the answer has begun already; commit first, then answer.')
  if (progress.at === 'committing') throw mistake('it is still at work; wait for it, one request commits once.')
  if (progress.at === 'committed') throw mistake('it was called before, and has committed; one request commits once.')
  if (progress.at === 'ended') {
    if (isConflictError(progress.error)) throw progress.error
    throw mistake(
      'it was called before and failed, for the reason in `cause`; one request commits once.',
      progress.error,
    )
  }
  if (transaction?.lost.aborted)
    throw new ConflictError('lock_lost', { cause: transaction.lost.reason, retryAfterS: 1 })
  if (transaction?.isOpen === false)
    throw mistake(
      transaction.isSent
        ? 'its transaction has ended already, with the commit of another resource on this request.'
        : 'its transaction was rolled back: the commit of another resource failed, or the time for it ran out.',
    )
  return attempt
}
