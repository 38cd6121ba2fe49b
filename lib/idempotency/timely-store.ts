import type { ExpiringStore } from '../contracts/store'
import { storeFault } from '../contracts/store-fault'
import { withDeadline } from '../timing/deadline'
import { again } from './again'

/** A store of which every call ends in time, with a fault that says what is known of it. */
export interface TimelyStore extends ExpiringStore {
  /**
   * `create` for who does nothing without knowing that it succeeded: should it have, it is taken back, also when others
   * have made of it what it `becomes` by then.
   */
  claim(key: string, value: string, ttlMs: number, becomes?: () => string): Promise<boolean>
}

export function timely(store: ExpiringStore, ms: number): TimelyStore {
  const inTime = <R>(work: Promise<R>, applied: 'no' | 'unknown' = 'unknown') =>
    withDeadline(work, ms, () => storeFault(new Error(`no answer within ${ms} ms`), { applied }))

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
        const takeBack = () => remove().catch(() => again(remove))
        sent.then(takeBack, takeBack).catch(() => undefined)
        throw error
      })
    },
  }
}
