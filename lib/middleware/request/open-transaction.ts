import type { ResourceAdapter, TransactionalAdapter } from '../../contracts/adapter'
import { noAnswerWithin } from '../../contracts/store-fault'
import { withDeadline } from '../../timing/deadline'

/** An adapter's transaction that stays open until one of the methods that end it is called. */
export interface OpenTransaction<T> {
  readonly adapter: TransactionalAdapter<T>
  isOpen: boolean
  /** COMMIT was sent. Until then it is certain that nothing is written. */
  isSent: boolean
  commit(): Promise<void>
  /** Does nothing if the transaction has already ended. */
  rollBack(): Promise<void>
  /** Ends the transaction, even if statements are still running in it. */
  abandon(): void
  /** Aborted when the transaction was ended because it was open for too long. */
  readonly lost: AbortSignal
  /** Ends the transaction after that time. `done` stops the timer. */
  holdFor(maxHoldMs: number): { done(): void }
}

/** The reason with which `run` rejects. It is only used internally. */
const GIVEN_UP = new Error('The transaction was rolled back.')

/** Rejects if the adapter does, or after `ms`. In that case the transaction is rolled back as soon as it opens. */
export async function openTransaction<T>(
  transaction: NonNullable<ResourceAdapter<T>['transaction']>,
  ms: number,
): Promise<OpenTransaction<T>> {
  const end = deferred<void>()
  const begun = deferred<TransactionalAdapter<T>>()
  const done = transaction((tx) => {
    begun.resolve(tx)
    return end.promise
  })
  done.then(
    () => begun.reject(new TypeError('transaction() of the adapter never ran what it was given.')),
    begun.reject,
  )
  const adapter = await withDeadline(begun.promise, ms, () => noAnswerWithin(ms)).catch((error: unknown) => {
    end.reject(GIVEN_UP)
    throw error
  })
  function abandon(): void {
    open.isOpen = false
    end.reject(GIVEN_UP)
    adapter.abandon?.()
  }

  const lost = new AbortController()
  const open: OpenTransaction<T> = {
    adapter,
    isOpen: true,
    isSent: false,
    commit() {
      open.isOpen = false
      open.isSent = true
      end.resolve()
      return withDeadline(done, ms, () => {
        adapter.abandon?.()
        return noAnswerWithin(ms)
      })
    },
    async rollBack() {
      if (!open.isOpen) return
      open.isOpen = false
      end.reject(GIVEN_UP)
      // However this ends, nothing was committed.
      await withDeadline(done, ms, () => noAnswerWithin(ms)).catch((error: unknown) => {
        if (error !== GIVEN_UP) adapter.abandon?.()
      })
    },
    abandon,
    lost: lost.signal,
    holdFor(maxHoldMs) {
      const timer = setTimeout(() => {
        if (!open.isOpen) return
        abandon()
        lost.abort(new Error(`the transaction was held for maxHoldMs (${maxHoldMs})`))
      }, maxHoldMs)
      timer.unref()
      return { done: () => clearTimeout(timer) }
    },
  }
  return open
}

function deferred<V>() {
  let resolve: (value: V) => void = () => {}
  let reject: (error: unknown) => void = () => {}
  const promise = new Promise<V>((resolveIt, rejectIt) => {
    resolve = resolveIt
    reject = rejectIt
  })
  // The promise may have no listener: without this, a rejection would end the process.
  promise.catch(() => {})
  return { promise, resolve, reject }
}
