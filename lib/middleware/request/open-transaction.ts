import type { ResourceAdapter, TransactionalAdapter } from '../../contracts/adapter'
import { noAnswerWithin } from '../../contracts/store-fault'
import { withDeadline } from '../../timing/deadline'

/** An adapter's transaction, turned inside out: it stays open until one of its ends is called. */
export interface OpenTransaction<T> {
  readonly adapter: TransactionalAdapter<T>
  isOpen: boolean
  /** COMMIT is on its way, or was: only before that it is certain that nothing is written. */
  isSent: boolean
  commit(): Promise<void>
  /** Nothing is done where it has ended already. */
  rollBack(): Promise<void>
  /** Ends it, whatever still runs in it. */
  abandon(): void
  /** Aborted when it was held for too long, and ended. */
  readonly lost: AbortSignal
  /** Ends it when it is held for longer than that. `done`: it is over, and the time does not matter any more. */
  holdFor(maxHoldMs: number): { done(): void }
}

/** What `run` rejects with. Nobody else sees it. */
const GIVEN_UP = new Error('The transaction was rolled back.')

/** Rejects when the adapter does, or when it takes longer than `ms`: then it is rolled back as soon as it opens. */
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
