import type { ExpiringStore } from '../../contracts/store'
import { isStoreFault } from '../../contracts/store-fault'
import { demand, rejection } from '../demand'
import { type Checks, created, demandNothing, demandRead, LONG_MS } from './trial'

export function recordChecks(): Checks {
  return {
    'a key that was never created reads as nothing': async ({ store }) => {
      await demandNothing(store, 'a', 'nothing is there under a key that was never created')
    },

    'what is created is read': async ({ store, second }) => {
      await created(store, 'a', 'one')
      await demandRead(store, 'a', 'one', 'what was created is read')
      await demandRead(second, 'a', 'one', 'what was created is read elsewhere')
      await demandNothing(second, 'b', 'another key has no record')
    },

    'create is refused where a record is, and leaves it as it is': async ({ store, second }) => {
      await created(store, 'a', 'one')
      for (const each of [store, second]) {
        for (const value of ['two', 'one']) {
          const seen = await each.create('a', value, LONG_MS)
          demand(seen === false, 'create gives false where a record is, also for what is there already', seen)
          await demandRead(store, 'a', 'one', 'a refused create leaves the record as it is')
        }
      }
    },

    'replace succeeds on what it expects': async ({ store, second }) => {
      await created(store, 'a', 'one')
      const seen = await second.replace('a', 'one', 'two', LONG_MS)
      demand(seen === true, 'replace gives true where the record is what it expects', seen)
      await demandRead(store, 'a', 'two', 'what replaced the record is read')
    },

    'replace succeeds when the value stays the same': async ({ store }) => {
      await created(store, 'a', 'one')
      for (let time = 0; time < 3; time++) {
        const seen = await store.replace('a', 'one', 'one', LONG_MS)
        demand(seen === true, 'a record that is replaced by the same value counts as replaced', seen)
      }
      await demandRead(store, 'a', 'one', 'a value that replaces itself stays')
    },

    'replace is refused on anything else, and changes nothing': async ({ store }) => {
      await created(store, 'a', 'one')
      const other = await store.replace('a', 'two', 'three', LONG_MS)
      demand(other === false, 'replace gives false where the record is another one', other)
      await demandRead(store, 'a', 'one', 'a refused replace leaves the record as it is')
      const missing = await store.replace('b', 'one', 'two', LONG_MS)
      demand(missing === false, 'replace gives false where there is no record', missing)
      await demandNothing(store, 'b', 'a refused replace creates nothing')
    },

    'remove succeeds on what it expects, and the key is free again': async ({ store, second }) => {
      await created(store, 'a', 'one')
      const seen = await second.remove('a', 'one')
      demand(seen === true, 'remove gives true where the record is what it expects', seen)
      await demandNothing(store, 'a', 'what was removed is gone')
      const again = await store.remove('a', 'one')
      demand(again === false, 'remove gives false where there is no record', again)
      await created(store, 'a', 'two')
      await demandRead(second, 'a', 'two', 'a key that was removed can be created again')
    },

    'remove is refused on anything else, and changes nothing': async ({ store }) => {
      await created(store, 'a', 'one')
      const seen = await store.remove('a', 'two')
      demand(seen === false, 'remove gives false where the record is another one', seen)
      await demandRead(store, 'a', 'one', 'a refused remove leaves the record as it is')
    },
  }
}

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
