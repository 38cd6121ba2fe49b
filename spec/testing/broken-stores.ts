import type { ExpiringStore } from '../../lib/contracts/store'
import { storeFault } from '../../lib/contracts/store-fault'
import type { StoreKitOptions } from '../../lib/testing'
import { type StoreSeams, type ToyRecords, toyRecords, toyStore, toyTransact } from './toy-store'

export interface BrokenStore {
  readonly name: string
  /** Cases that have to fail, among others perhaps. */
  readonly caught: readonly string[]
  readonly options: StoreKitOptions
}

/** Two toys over the same records, and what the kit needs to know of them. */
export function toyOptions(seams: Partial<StoreSeams> = {}, more: Partial<StoreKitOptions> = {}): StoreKitOptions {
  let shared: ToyRecords
  return {
    makeStore: () => {
      shared = toyRecords()
      return toyStore(shared, seams)
    },
    makeSecond: () => toyStore(shared, seams),
    makeFailing: () => down(storeFault(new Error('no route'), { applied: 'no' })),
    transact: toyTransact(() => shared, seams),
    advance: (ms) => {
      shared.nowMs += ms
    },
    abilities: { within: true, acrossProcesses: true },
    ...more,
  }
}

function down(error?: Error): ExpiringStore {
  const fail = () => Promise.reject(error)
  return { read: fail, create: fail, replace: fail, remove: fail }
}

const broken = (
  name: string,
  seams: Partial<StoreSeams>,
  caught: readonly string[],
  more: Partial<StoreKitOptions> = {},
): BrokenStore => ({ name, caught, options: toyOptions(seams, more) })

const UNTIL = 'a record is there until its time is over, and not after'
const OVER = 'a record whose time is over is neither replaced nor removed'
const ANEW = 'a replaced record has the time that the replacement gave it'
const NO_MORE = 'a refused change does not extend the time to live'
const CREATORS = 'of several that create a record exactly one succeeds'
const REFUSED = 'replace is refused on anything else, and changes nothing'
const ROLLED_BACK = 'a rollback undoes what the transaction did'

const failing = (store: ExpiringStore) => ({ makeFailing: () => store })

export const brokenStores: readonly BrokenStore[] = [
  broken('looks, awaits, then changes', { between: () => Promise.resolve() }, [
    CREATORS,
    'of several that replace a record exactly one succeeds',
    'of several that create a record anew when it has expired exactly one succeeds',
    'of a replacement and a removal at once exactly one succeeds',
    'of several that remove a record exactly one succeeds',
    'several that count at once lose no count',
  ]),
  broken('creates over what is there', { mayCreate: () => true }, [
    'create is refused where a record is, and leaves it as it is',
    CREATORS,
  ]),
  broken('replaces whatever is there', { isExpected: (record) => record !== undefined }, [REFUSED]),
  broken('creates where it should replace', { isExpected: (record, it) => !record || record.value === it }, [
    REFUSED,
    OVER,
  ]),
  broken('never replaces', { isExpected: () => false }, ['replace succeeds on what it expects', ANEW]),
  broken('counts what has changed, as some databases do', { hasReplaced: (a, b) => a?.value !== b.value }, [
    'replace succeeds when the value stays the same',
  ]),
  broken('removes whatever is there', { mayRemove: (record) => record !== undefined }, [
    'remove is refused on anything else, and changes nothing',
  ]),
  broken('says that it removed what was not there', { mayRemove: (record, it) => !record || record.value === it }, [
    'remove succeeds on what it expects, and the key is free again',
  ]),
  broken('keeps nothing', { isAlive: () => false }, ['what is created is read', UNTIL]),
  broken('has one record for all keys', { keyOf: () => 'a' }, ['what is created is read']),
  broken('keeps records for ever', { isAlive: () => true }, [
    UNTIL,
    OVER,
    'a key whose record has expired can be created again',
  ]),
  broken('keeps records half as long', { untilOf: (_record, nowMs, ttlMs) => nowMs + ttlMs / 2 }, [UNTIL]),
  broken('keeps the time of the first', { untilOf: (record, nowMs, ttlMs) => record?.until ?? nowMs + ttlMs }, [ANEW]),
  broken('adds times up', { untilOf: (record, nowMs, ttlMs) => (record?.until ?? nowMs) + ttlMs }, [ANEW]),
  broken(
    'renews what it refuses',
    {
      refused: (records, key, _value, until) => {
        const record = records.get(key)
        if (record) records.set(key, { ...record, until })
      },
    },
    [NO_MORE],
  ),
  broken('keeps a time in 31 bits', { untilOf: (_record, nowMs, ttlMs) => nowMs + (ttlMs | 0) }, [
    'a month is a time like every other',
  ]),
  broken('writes what it refuses', { refused: (records, key, value, until) => records.set(key, { value, until }) }, [
    'create is refused where a record is, and leaves it as it is',
    REFUSED,
    'a transaction is refused what anybody else would be, and goes on',
  ]),
  broken('folds the case of keys', { keyOf: (key) => key.toLowerCase() }, ['"a" and "A" are two records']),
  broken('cuts keys', { keyOf: (key) => key.slice(0, 255) }, [
    `"${'k'.repeat(23)}1" and "${'k'.repeat(23)}2" are two records`,
  ]),
  broken('keeps the first 255 characters of a key of 16 KiB', { keyOf: (key) => key.slice(-255) }, [
    'a key of 16 KiB is a key',
  ]),
  broken('reads an empty text where nothing is', { nothing: () => '' }, [
    'a key that was never created reads as nothing',
  ]),
  broken('folds the case of values', { isExpected: (record, it) => record?.value.toLowerCase() === it.toLowerCase() }, [
    '"a" and "A" are two values',
  ]),
  broken('pads values', { mayRemove: (record, it) => record?.value.trimEnd() === it.trimEnd() }, [
    '"a" and "a " are two values',
  ]),
  broken('ends a value at NUL', { textOf: (value) => value.split('\0')[0] ?? '' }, ['NUL is a value']),
  broken('keeps values as UTF-8', { textOf: (value) => Buffer.from(value).toString() }, [
    'half a surrogate pair is a value',
  ]),
  broken('takes an empty value for none', { isAlive: ({ value }) => value !== '' }, ['an empty text is a value']),
  broken('parses values', { textOf: (value) => (value === '"a"' ? 'a' : value) }, [
    'a text that looks like its own JSON is a value',
  ]),
  broken('keeps 64 KiB of a value', { textOf: (value) => value.slice(0, 65_535) }, ['a text of 1 MiB is a value']),
  broken('shares nothing with other processes', {}, ['what is created is read', CREATORS], {
    makeSecond: () => toyStore(toyRecords()),
  }),
  broken('works beside the transaction', { rollBack: false }, [ROLLED_BACK]),
  broken('never commits', {}, ['what a transaction did is stored when it is committed'], {
    transact: (run) => run({}),
    makeSecond: () => toyStore(toyRecords()),
  }),
  broken('has no within against its word', { within: false }, [
    'within is there exactly when it is declared',
    'what a transaction did is stored when it is committed',
  ]),
  broken(
    'finds nothing when the service is down',
    {},
    ['read', 'create', 'replace', 'remove'].map((method) => `${method} rejects when the back end is down`),
    failing(toyStore(toyRecords())),
  ),
  broken(
    'rejects with nothing when the service is down',
    {},
    ['create rejects when the back end is down'],
    failing(down(undefined)),
  ),
]
