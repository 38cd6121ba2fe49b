import { withDeadline } from '../deadline'
import type { ExpiringStore } from '../store'
import { storeFault } from '../store-fault'

/** A store of which every call ends in time, with a fault that says what is known of it. */
export interface TimelyStore extends ExpiringStore {
  /** `create` for who does nothing without knowing that it succeeded: should it have, it is taken back. */
  claim(key: string, value: string, ttlMs: number): Promise<boolean>
}

export function timely(store: ExpiringStore, ms: number): TimelyStore {
  const inTime = <R>(work: Promise<R>, applied: 'no' | 'unknown' = 'unknown') =>
    withDeadline(work, ms, () => storeFault(new Error(`no answer within ${ms} ms`), { applied }))

  return {
    read: (key) => inTime(store.read(key), 'no'),
    create: (key, value, ttlMs) => inTime(store.create(key, value, ttlMs)),
    replace: (key, expected, value, ttlMs) => inTime(store.replace(key, expected, value, ttlMs)),
    remove: (key, expected) => inTime(store.remove(key, expected)),
    claim(key, value, ttlMs) {
      const sent = store.create(key, value, ttlMs)
      return inTime(sent).catch((error: unknown) => {
        const takeBack = () => store.remove(key, value)
        sent.then(takeBack, takeBack).catch(() => undefined)
        throw error
      })
    },
  }
}
