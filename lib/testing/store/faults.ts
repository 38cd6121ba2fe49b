import type { ExpiringStore } from '../../contracts/store'
import { isStoreFault } from '../../contracts/store-fault'
import { demand, rejection } from '../demand'
import type { Checks } from './trial'

/** `makeFailing` gives a store whose back end is down. */
export function faultChecks(makeFailing: () => Promise<ExpiringStore> | ExpiringStore): Checks {
  const failing = (call: (store: ExpiringStore) => Promise<unknown>) => async () => {
    const store = await makeFailing()
    // An answer would let a second request have what a first one holds.
    const error = await rejection(() => call(store), 'a back end that is down makes every method reject')
    demand(typeof error === 'object' && error !== null, 'what a method rejects with is an error', error)
    if (!isStoreFault(error)) return
    demand(['no', 'unknown'].includes(error.applied), "a store fault says applied: 'no' or 'unknown'", error.applied)
  }
  return {
    'read rejects when the back end is down': failing((store) => store.read('a')),
    'create rejects when the back end is down': failing((store) => store.create('a', 'one', 1000)),
    'replace rejects when the back end is down': failing((store) => store.replace('a', 'one', 'two', 1000)),
    'remove rejects when the back end is down': failing((store) => store.remove('a', 'one')),
  }
}
