import { setTimeout as sleep } from 'node:timers/promises'
import type { ExpiringStore } from '../contracts/store'
import { noAnswerWithin } from '../contracts/store-fault'
import { withDeadline } from '../timing/deadline'

/** A store whose calls have a deadline: a late call rejects with a fault that says whether it may have been applied. */
export interface StoreWithDeadline extends ExpiringStore {
  /**
   * `create` for a caller that goes on only if it knows that the record was created. If the call fails, the record is
   * removed again, even if another process has replaced it with what it `becomes`.
   */
  claim(key: string, value: string, ttlMs: number, becomes?: () => string): Promise<boolean>
}

export function storeWithDeadline(store: ExpiringStore, ms: number): StoreWithDeadline {
  const inTime = <R>(work: Promise<R>, applied: 'no' | 'unknown' = 'unknown') =>
    withDeadline(work, ms, () => noAnswerWithin(ms, applied))

  return {
    read: (key) => inTime(store.read(key), 'no'),
    create: (key, value, ttlMs) => inTime(store.create(key, value, ttlMs)),
    replace: (key, expected, value, ttlMs) => inTime(store.replace(key, expected, value, ttlMs)),
    remove: (key, expected) => inTime(store.remove(key, expected)),
    claim(key, value, ttlMs, becomes) {
      const sent = store.create(key, value, ttlMs)
      return inTime(sent).catch((error: unknown) => {
        const remove = async () => {
          if (!(await store.remove(key, value)) && becomes) await store.remove(key, becomes())
        }
        const takeBack = () => remove().catch(() => retryLater(remove))
        sent.then(takeBack, takeBack).catch(() => undefined)
        throw error
      })
    },
  }
}

const PAUSES_MS = [100, 400, 1600, 6400]

/**
 * Tries a failed step up to four more times, and rejects with the error of the last try. Its pauses do not keep the
 * process alive.
 */
export async function retryLater<R>(step: () => Promise<R>): Promise<R> {
  let latest: unknown
  for (const ms of PAUSES_MS) {
    await sleep(ms, undefined, { ref: false })
    try {
      return await step()
    } catch (error) {
      latest = error
    }
  }
  throw latest
}
