import type { ExpiringStore } from '../../contracts/store'
import { isStoreFault } from '../../contracts/store-fault'
import { ascii, KEY_PAIRS } from '../key-pairs'
import { demand, rejection } from '../kit'
import { type Check, type Checks, created, demandNothing, demandRead, LONG_MS } from './trial'

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

/** `makeFailing` makes a store whose back end is down. */
export function faultChecks(makeFailing: () => Promise<ExpiringStore> | ExpiringStore): Checks {
  const failing = (call: (store: ExpiringStore) => Promise<unknown>) => async () => {
    const store = await makeFailing()
    // An answer instead of an error would give a second request what a first one holds.
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

/** Texts that some back ends cannot keep unchanged. */
const TEXTS: Readonly<Record<string, string>> = {
  'an empty text': '',
  NUL: 'a\0b',
  'half a surrogate pair': 'a\ud83d',
  'a text that looks like its own JSON': '"a"',
  'a text of 1 MiB': 'é"'.repeat(524_288),
}

/** Neither keys nor values may be mixed up, so that no request ever finds the record of another. */
export function textChecks(): Checks {
  const pairs = [...KEY_PAIRS, ['a\0', 'a'], ['\ud83d', '\ud83e'], ['\ud83d', '\ufffd']] as const
  return {
    ...Object.fromEntries(pairs.map((pair) => [`${nameOf(pair)} are two records`, keysApart(pair)])),
    ...Object.fromEntries(pairs.map((pair) => [`${nameOf(pair)} are two values`, valuesApart(pair)])),
    ...Object.fromEntries(Object.entries(TEXTS).map(([name, text]) => [`${name} is a value`, kept(text)])),

    'a key of 16 KiB is a key': async ({ store, second }) => {
      const key = 'k'.repeat(16_384)
      await created(store, key, 'one')
      await demandRead(second, key, 'one', 'a key of any length finds its record')
      await demandNothing(second, key.slice(1), 'no other key finds it')
    },
  }
}

function nameOf([here, there]: readonly [string, string]): string {
  return `${ascii(here)} and ${ascii(there)}`
}

function keysApart([here, there]: readonly [string, string]): Check {
  return async ({ store, second }) => {
    await created(store, here, 'one')
    await demandNothing(second, there, `${ascii(there)} is not the key of ${ascii(here)}`)
    await created(store, there, 'two')
    await demandRead(second, here, 'one', `${ascii(here)} stays what it is`)
    const removed = await store.remove(there, 'two')
    demand(removed === true, `${ascii(there)} can be removed`, removed)
    await demandRead(second, here, 'one', `removing ${ascii(there)} does not touch ${ascii(here)}`)
  }
}

function valuesApart([here, there]: readonly [string, string]): Check {
  return async ({ store }) => {
    await created(store, 'a', here)
    const replaced = await store.replace('a', there, 'b', LONG_MS)
    demand(replaced === false, `${ascii(there)} is not expected where ${ascii(here)} is`, replaced)
    const removed = await store.remove('a', there)
    demand(removed === false, `${ascii(there)} does not remove ${ascii(here)}`, removed)
    await demandRead(store, 'a', here, 'a value comes back as it is')
  }
}

function kept(text: string): Check {
  return async ({ store, second }) => {
    await created(store, 'a', text)
    await demandRead(second, 'a', text, 'a value comes back as it is')
    const replaced = await second.replace('a', text, 'b', LONG_MS)
    demand(replaced === true, 'a value is expected as it is', replaced)
    const back = await store.replace('a', 'b', text, LONG_MS)
    demand(back === true, 'a value replaces another one', back)
    await demandRead(second, 'a', text, 'a value comes back as it is')
    const removed = await second.remove('a', text)
    demand(removed === true, 'a value is removed as it is', removed)
  }
}
