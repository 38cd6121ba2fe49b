import type { ResourceAdapter, ResourceState } from '../../lib/contracts/adapter'
import { storeFault } from '../../lib/contracts/store-fault'
import type { Abilities, AdapterKitOptions } from '../../lib/testing'
import { oneAfterAnother, type Row, type Seams, stateOf, toyAdapter } from './toy-adapter'

type Options = AdapterKitOptions<unknown>

export interface BrokenAdapter {
  readonly name: string
  /** Cases that have to fail, among others perhaps. */
  readonly caught: readonly string[]
  readonly options: Partial<Options> & Pick<Options, 'makeAdapter'>
}

export const ALL: Abilities = {
  remove: true,
  create: true,
  tombstones: false,
  lastModified: true,
  transaction: true,
  readVersion: true,
}

const withTombstones = { abilities: { ...ALL, tombstones: true } }

const keepingTwo = { keepVersions: 2 }
const SINCE = 'readSince gives every state from a version on, or nothing'
const EXACTLY = 'so many versions before the current one are kept as they were, and no more'

/** The toy with one seam replaced. */
function broken(name: string, seams: Partial<Seams>, caught: readonly string[], more: Partial<Options> = {}) {
  return { name, caught, options: { makeAdapter: () => toyAdapter(seams), ...more } }
}

/** The toy with one method or declaration replaced. */
function changed(
  name: string,
  change: (toy: ResourceAdapter<unknown>) => ResourceAdapter<unknown>,
  caught: readonly string[],
  more: Partial<Options> = {},
) {
  return { name, caught, options: { makeAdapter: () => change(toyAdapter()), ...more } }
}

const isStored = (row: Row | undefined, expected: string | null) => (row ? String(row.version) : null) === expected

/** Keeps what it read first, and answers from that. */
function withOldCurrent(toy: ResourceAdapter<unknown>): ResourceAdapter<unknown> {
  const copies = new Map<string, ResourceState<unknown>>()
  const readCurrent = async (key: string) => {
    const copy = copies.get(key) ?? (await toy.read(key))
    if (copy) copies.set(key, copy)
    return copy
  }
  return { ...toy, readCurrent }
}

export const brokenAdapters: readonly BrokenAdapter[] = [
  changed('gives a copy for current', withOldCurrent, [
    'readCurrent, where it is there, gives what is stored now, whoever stored it',
  ]),
  broken('ignores what a write expects', { matches: () => true }, [
    'write with null is refused when something is stored, and names it',
    'write with an old version is refused, and gives the current state',
    'write with a version is refused when nothing is stored',
    'a version that was never given is refused',
    'of several writers with one version exactly one succeeds',
    'of several creators exactly one succeeds',
    'of two writers of different values exactly one succeeds',
    'several writers that count at once lose no count',
    'of a write and a removal at once exactly one succeeds',
  ]),
  broken('compares, then awaits, then changes', { exclusively: (work) => work() }, [
    'of several writers with one version exactly one succeeds',
    'of several creators exactly one succeeds',
    'several writers that count at once lose no count',
    'of a write and a removal at once exactly one succeeds',
    'of several removals at once exactly one succeeds',
  ]),
  broken('creates where a version was expected', { matches: (row, expected) => !row || isStored(row, expected) }, [
    'write with a version is refused when nothing is stored',
  ]),
  broken('replaces where null was expected', { matches: (row, expected) => !expected || isStored(row, expected) }, [
    'write with null is refused when something is stored, and names it',
    'of several creators exactly one succeeds',
  ]),
  broken(
    'takes every version up to the stored one',
    { matches: (row, expected) => (row ? expected !== null && Number(expected) <= row.version : expected === null) },
    [
      'write with an old version is refused, and gives the current state',
      'a version is not used again over many writes',
      'of several writers with one version exactly one succeeds',
    ],
  ),
  broken(
    'takes every version from the stored one on',
    { matches: (row, expected) => (row ? expected !== null && Number(expected) >= row.version : expected === null) },
    ['a version that was never given is refused'],
  ),
  broken(
    'compares versions as numbers',
    { matches: (row, expected) => (row ? expected !== null && Number(expected) === row.version : expected === null) },
    ['a version that was never given is refused'],
  ),
  broken('counts from 1 again after a removal', { nextVersion: (before) => (before?.version ?? 0) + 1 }, [
    'no version comes back after removal',
  ]),
  broken('uses two versions in turns', { nextVersion: (before) => (before?.version === 1 ? 2 : 1) }, [
    'a version is not used again over many writes',
  ]),
  broken(
    'keeps the version when the value stays the same',
    {
      nextVersion: (before, value, count) =>
        before && !before.gone && JSON.stringify(before.value) === JSON.stringify(value) ? before.version : count,
    },
    ['the version changes when the same value is written again'],
  ),
  broken('gives what comes back the version that it had', { nextVersion: versionOfContent() }, [
    'a state that comes back has the version that it had exactly when that is declared',
    'the version changes when the same value is written again',
    'a version is not used again over many writes',
    'a value that comes back has a new version, and its old one is refused',
    'no version comes back after removal',
  ]),
  changed(
    'declares versions of the content and gives fresh ones',
    (toy) => toy,
    ['a state that comes back has the version that it had exactly when that is declared'],
    { abilities: { ...ALL, contentVersions: true } },
  ),
  broken(
    'has versions of the content, and compares, then awaits, then changes',
    { nextVersion: versionOfContent(), exclusively: (work) => work() },
    ['of two writers of different values exactly one succeeds', 'of several creators exactly one succeeds'],
    { abilities: { ...ALL, contentVersions: true } },
  ),
  broken("keeps the caller's object", { keep: (value) => value }, [
    'what was passed to write may be changed afterwards',
  ]),
  broken('gives its own object', { give: (value) => value }, [
    'what read gives may be changed without touching the store',
    'what a write gives may be changed without touching the store',
  ]),
  broken('folds the case of keys', { keyOf: (key) => key.toLowerCase() }, ['"a" and "A" are two resources']),
  broken('trims keys', { keyOf: (key) => key.trim() }, [
    '"a" and "a " are two resources',
    '"a" and " a" are two resources',
  ]),
  broken('composes keys', { keyOf: (key) => key.normalize('NFC') }, ['"\\u00e9" and "e\\u0301" are two resources']),
  broken('ends keys at NUL', { keyOf: (key) => key.replace(/\0[\s\S]*/, '\0') }, [
    '"a\\u0000b" and "a\\u0000c" are two resources',
  ]),
  broken('drops NUL', { keyOf: (key) => key.replaceAll('\0', '') }, ['"a" and "a\\u0000" are two resources']),
  broken('writes keys as UTF-8', { keyOf: (key) => Buffer.from(key).toString() }, [
    '"\\ud83d" and "\\ud83e" are two resources',
    '"\\ud83d" and "\\ufffd" are two resources',
  ]),
  broken('cuts keys', { keyOf: (key) => key.slice(0, 255) }, [
    `"${'k'.repeat(23)}1" and "${'k'.repeat(23)}2" are two resources`,
  ]),
  broken('reads keys as numbers', { keyOf: (key) => String(Number.parseInt(key, 10) || key) }, [
    '"1" and "1.0" are two resources',
    '"1" and "1 or 1=1" are two resources',
  ]),
  broken(
    'drops null members',
    { keep: (value) => JSON.parse(JSON.stringify(value, (_, v) => v ?? undefined) ?? 'null') },
    ['every value comes back as it was written'],
  ),
  broken(
    'cuts long texts',
    { keep: (value) => JSON.parse(JSON.stringify(value).replace(/x{900000,}/, (text) => text.slice(0, 65_535))) },
    ['every value comes back as it was written'],
  ),
  broken('keeps 15 digits', { keep: rounded }, ['every value comes back as it was written']),
  broken('keeps 32 levels', { keep: (value) => shallow(value, 32) }, ['every value comes back as it was written']),
  broken('copies members by assignment', { give: assigned }, ['every value comes back as it was written']),
  broken('merges a value into the one before', { give: merging() }, ['every value is followed by every other']),
  broken('ignores what a removal expects', { removable: (row) => row !== undefined }, [
    'remove with an old version is refused, and gives the current state',
    'of a write and a removal at once exactly one succeeds',
  ]),
  broken(
    'says ok to a removal of nothing',
    { removable: (row, expected) => row === undefined || String(row.version) === expected },
    ['remove is refused when nothing is stored', 'of several removals at once exactly one succeeds'],
  ),
  broken('does not say what stood in the way', { refusal: () => undefined }, [
    'write with null is refused when something is stored, and names it',
    'write with an old version is refused, and gives the current state',
    'remove with an old version is refused, and gives the current state',
  ]),
  broken(
    'names a state that is no longer stored',
    { refusal: (row) => row && stateOf({ ...row, version: row.version - 1 }) },
    [
      'write with an old version is refused, and gives the current state',
      'remove with an old version is refused, and gives the current state',
    ],
  ),
  broken(
    'lets null match a tombstone',
    { tombstones: true, matches: (row, expected) => (row?.gone && expected === null) || isStored(row, expected) },
    ['a tombstone counts as stored: null does not match it'],
    withTombstones,
  ),
  broken(
    'never brings a tombstone back',
    { tombstones: true, matches: (row, expected) => !row?.gone && isStored(row, expected) },
    ['write with the version of a tombstone brings the resource back'],
    withTombstones,
  ),
  broken(
    'leaves a tombstone under the version before',
    { tombstones: true, nextVersion: (before, _value, count) => (before && count % 2 === 0 ? before.version : count) },
    ['a tombstone has the last value and a version of its own'],
    withTombstones,
  ),
  broken('gives a created resource a key that is taken', { newKey: () => 'created' }, [
    'create gives each resource a key of its own',
  ]),
  broken('gives the newest version for every old one', { rowAt: (kept) => kept.at(-1) }, [
    'readVersion gives the state as it was at a version',
    'readVersion resolves to undefined for a version that was never given',
  ]),
  broken('dates an old version anew', { rowAt: (kept, version) => redated(kept, version) }, [
    'readVersion gives the state as it was at a version',
  ]),
  changed('finds a version under every key', (toy) => ({ ...toy, readVersion: underAnyKey(toy) }), [
    'readVersion resolves to undefined for a version that was never given',
  ]),
  changed('leaves out the states in between', (toy) => ({ ...toy, readSince: firstAndLast(toy) }), [SINCE]),
  changed('gives states since a version that was never given', (toy) => ({ ...toy, readSince: onlyStored(toy) }), [
    SINCE,
  ]),
  changed('gives the object of an old version that it keeps', (toy) => ({ ...toy, readVersion: remembered(toy) }), [
    'what readVersion gives may be changed without touching the store',
  ]),
  broken('keeps what is refused, in place of what was', { keepVersions: 2, keepsRefused: true }, [
    'a refused change adds no old version, and removes none',
  ]),
  broken('keeps the versions of what was removed', { forgets: false }, ['a removal also removes the old versions']),
  broken(
    'does not say of an old version that it was a tombstone',
    { tombstones: true, rowAt: (kept, version) => alive(kept, version) },
    ['a tombstone is a version among the others'],
    withTombstones,
  ),
  broken('rolls back all but the history', { rollBackHistory: () => {} }, [
    'a transaction that is rolled back adds no old version',
  ]),
  broken('keeps one version too few', { keepVersions: 1 }, [EXACTLY], keepingTwo),
  broken('keeps one version too many', { keepVersions: 3 }, [EXACTLY], keepingTwo),
  changed(
    'looks at what is stored twice, and never into the history',
    (toy) => ({ ...toy, readVersion: currentOnly(toy) }),
    ['a version is found while it is being replaced', EXACTLY],
    keepingTwo,
  ),
  broken('does not roll back', { rollBack: () => {} }, [
    'a transaction that rejects is rolled back, and rejects with the same error',
  ]),
  broken('lets everybody see what is not committed', { look: (work) => work() }, [
    'what a transaction did is seen inside, and by nobody else before it is committed',
  ]),
  broken('carries out what comes after the end', { ends: false }, ['a transaction that is over carries nothing out']),
  changed(
    'goes on after it was given up',
    (toy) => ({ ...toy, transaction: (run) => toy.transaction?.((tx) => run({ ...tx, abandon() {} })) as never }),
    ['a transaction that was given up is rolled back, and others go on'],
  ),
  broken('does not lock what a transaction reads', { exclusively: (work) => work() }, [
    'several transactions that count at once lose no count',
    'nobody writes between a read and a write of a transaction',
    'of several transactions that create one key exactly one succeeds',
  ]),
  ...clocks(),
  {
    name: 'compares and changes under a lock of its own process only',
    caught: [
      'of several writers with one version exactly one succeeds',
      'several writers that count at once lose no count',
      'of a write and a removal at once exactly one succeeds',
    ],
    options: { ...perProcess(), abilities: { ...ALL, create: false, transaction: false, readVersion: false } },
  },

  changed('changes the version when it is read', (toy) => ({ ...toy, read: touch(toy) }), [
    'read does not change the version',
    'read gives the state that the write gave',
  ]),
  changed('gives an entity tag with a write and none with a read', (toy) => ({ ...toy, write: tagged(toy) }), [
    'read gives the state that the write gave',
  ]),
  changed('reads value and version one after the other', (toy) => ({ ...toy, read: tornRead(toy) }), [
    'several writers that count at once lose no count',
  ]),
  changed(
    'gives null for nothing',
    (toy) => ({ ...toy, read: async (key) => (await toy.read(key)) ?? (null as never) }),
    ['read resolves to undefined when nothing is stored'],
  ),
  changed('refuses now and then', (toy) => ({ ...toy, write: refuseEverySecond(toy) }), [
    'write with the version that is stored replaces the value',
  ]),
  changed('swallows what a transaction rejects with', (toy) => ({ ...toy, transaction: swallow(toy) }), [
    'a transaction that rejects is rolled back, and rejects with the same error',
  ]),
  changed(
    'takes a fault for nothing stored',
    (toy) => toy,
    [
      'read rejects when the back end is down',
      'readVersion rejects when the back end is down',
      'a transaction rejects when the back end is down',
    ],
    {
      makeFailing: () => {
        const read = async () => undefined
        return {
          ...down(),
          read,
          readVersion: read,
          transaction: (run) => run({ ...down(), read, transactionHandle: 1 }),
        }
      },
    },
  ),
  changed('creates without a back end', (toy) => toy, ['create rejects when the back end is down'], {
    makeFailing: () => ({ ...down(), create: async (value) => ({ key: 'a', state: { value, version: '1' } }) }),
  }),
  changed(
    'takes a fault for a refusal',
    (toy) => toy,
    [
      'write with null rejects when the back end is down',
      'write with a version rejects when the back end is down',
      'remove rejects when the back end is down',
    ],
    {
      makeFailing: () => ({
        ...down(),
        write: async () => ({ ok: false, current: undefined }),
        remove: async () => ({ ok: false, current: undefined }),
      }),
    },
  ),

  changed(
    'says that nothing was written when the answer was lost',
    (toy) => toy,
    [
      'a write whose answer is lost is unknown, never refused',
      'a creation whose answer is lost is unknown, never refused',
      'a removal whose answer is lost is unknown, never refused',
    ],
    { makeFaulty: faulty({ after: 'no' }) },
  ),
  changed(
    'takes a lost answer for a refusal',
    (toy) => toy,
    [
      'a write whose answer is lost is unknown, never refused',
      'a creation whose answer is lost is unknown, never refused',
      'a removal whose answer is lost is unknown, never refused',
    ],
    { makeFaulty: faulty({ after: 'refuses' }) },
  ),
  changed(
    'keeps what failed on its way, and sends it later',
    (toy) => toy,
    ['a write that fails on its way changes nothing', 'a removal that fails on its way changes nothing'],
    { makeFaulty: faulty({ before: 'sends it' }) },
  ),

  changed('declares remove and lacks it', ({ remove: _, ...rest }) => rest, [
    'remove is there exactly when it is declared',
    'remove with the version that is stored removes',
  ]),
  changed('declares create and lacks it', ({ create: _, ...rest }) => rest, [
    'create is there exactly when it is declared',
  ]),
  changed('declares transaction and lacks it', ({ transaction: _, ...rest }) => rest, [
    'transaction is there exactly when it is declared',
  ]),
  changed('declares readVersion and lacks it', ({ readVersion: _, ...rest }) => rest, [
    'readVersion is there exactly when it is declared',
  ]),
  changed('cannot write', ({ write: _, ...rest }) => rest, ['write is there']),
  changed('declares tombstones and leaves none', (toy) => toy, ['tombstones are left exactly when they are declared'], {
    ...withTombstones,
  }),
  broken('leaves tombstones and declares none', { tombstones: true }, [
    'tombstones are left exactly when they are declared',
  ]),
  changed('declares no remove and has it', (toy) => toy, ['remove is there exactly when it is declared'], {
    abilities: { ...ALL, remove: false },
  }),
  changed(
    'declares no lastModified and gives it',
    (toy) => toy,
    ['lastModified is given exactly when it is declared'],
    {
      abilities: { ...ALL, lastModified: false },
    },
  ),
]

function firstAndLast({
  read,
  readVersion,
}: ResourceAdapter<unknown>): Required<ResourceAdapter<unknown>>['readSince'] {
  return async (key, version) => {
    const [first, last] = [await readVersion?.(key, version), await read(key)]
    if (!first || !last) return undefined
    return first.version === last.version ? [last] : [first, last]
  }
}

function onlyStored({ read }: ResourceAdapter<unknown>): Required<ResourceAdapter<unknown>>['readSince'] {
  return async (key) => {
    const state = await read(key)
    return state && [state]
  }
}

/** The back end is down: every method rejects. */
export function down(): Required<Omit<ResourceAdapter<unknown>, 'readCurrent'>> {
  const reject = async (): Promise<never> => {
    throw new Error('connect ECONNREFUSED')
  }
  return {
    ...{ read: reject, write: reject, remove: reject, create: reject, transaction: reject },
    ...{ readVersion: reject, readSince: reject },
  }
}

/** How an adapter answers when its store fails. As it should be: an error that says what is known. */
interface Answers {
  readonly before?: 'sends it'
  readonly after?: 'no' | 'refuses'
}

export function faulty(answers: Answers = {}): NonNullable<Options['makeFaulty']> {
  return (adapter, when) => {
    async function fail<R>(change: () => Promise<R> | undefined): Promise<R> {
      if (when === 'after' || answers.before) await change()
      if (when === 'after' && answers.after === 'refuses') return { ok: false, current: undefined } as R
      throw storeFault(new Error('ECONNRESET'), {
        applied: when === 'before' ? 'no' : ((answers.after as 'no') ?? 'unknown'),
      })
    }
    return {
      ...adapter,
      write: (key, value, expected) => fail(async () => adapter.write?.(key, value, expected)) as never,
      remove: (key, expected) => fail(async () => adapter.remove?.(key, expected)) as never,
    }
  }
}

/** The same value has the same version. */
export function versionOfContent(): Seams['nextVersion'] {
  const known = new Map<string, number>()
  return (_before, value) => {
    const text = JSON.stringify(value) ?? ''
    known.set(text, known.get(text) ?? known.size + 1)
    return known.get(text) ?? 0
  }
}

function rounded(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, each) => (typeof each === 'number' ? Number(each.toPrecision(15)) : each)),
  )
}

function shallow(value: unknown, levels: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (levels === 0) return Array.isArray(value) ? [] : {}
  if (Array.isArray(value)) return value.map((each) => shallow(each, levels - 1))
  return objectOf(value, levels)
}

function objectOf(value: object, levels: number): object {
  const copy = JSON.parse('{}')
  for (const [name, each] of Object.entries(value))
    Object.defineProperty(copy, name, { value: shallow(each, levels - 1), enumerable: true })
  return copy
}

function clocks(): BrokenAdapter[] {
  let ms = 1e12
  const advance = (by: number) => {
    ms += by
  }
  return [
    broken(
      'lets lastModified follow a clock that is set back',
      { now: () => ms, nextMs: (now) => now },
      ['lastModified never goes backwards'],
      { advance },
    ),
    broken(
      'gives the states of one second one lastModified',
      { now: () => ms, nextMs: (now, before) => Math.max(now, before?.ms ?? now) },
      ['each state has a later second of lastModified, unless its milliseconds mark it as shared'],
      { advance },
    ),
  ]
}

function assigned(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const copy: Record<string, unknown> = {}
  for (const [name, member] of Object.entries(value)) copy[name] = member
  return copy
}

function merging() {
  let before = {}
  return (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    before = { ...before, ...value }
    return before
  }
}

/** Two instances over one store; each does one step after another, and knows nothing of the other. */
function perProcess() {
  let store: ResourceAdapter<unknown>
  const instance = (): ResourceAdapter<unknown> => {
    const exclusively = oneAfterAnother()
    const { read, write, remove } = store
    if (!write || !remove) throw new TypeError('the toy writes and removes')
    return {
      read: (key) => exclusively(() => read(key)),
      write: (key, value, expected) => exclusively(() => write(key, value, expected)),
      remove: (key, expected) => exclusively(() => remove(key, expected)),
    }
  }
  const makeAdapter = () => {
    store = toyAdapter({ exclusively: (work) => work() })
    return instance()
  }
  return { makeAdapter, makeSecond: instance }
}

const rowOf = (kept: readonly Row[], version: string) => kept.find((row) => String(row.version) === version)

function redated(kept: readonly Row[], version: string): Row | undefined {
  const row = rowOf(kept, version)
  return row && row !== kept.at(-1) ? { ...row, ms: row.ms + 1 } : row
}

function alive(kept: readonly Row[], version: string): Row | undefined {
  const row = rowOf(kept, version)
  return row && row !== kept.at(-1) ? { ...row, gone: false } : row
}

function underAnyKey({ readVersion }: ResourceAdapter<unknown>): NonNullable<typeof readVersion> {
  return async (key, version) => {
    const own = await readVersion?.(key, version)
    return own ?? (await readVersion?.('a', version)) ?? readVersion?.('b', version)
  }
}

function remembered({ readVersion }: ResourceAdapter<unknown>): NonNullable<typeof readVersion> {
  const given = new Map<string, ResourceState<unknown> | undefined>()
  return async (key, version) => {
    const state = given.get(version) ?? (await readVersion?.(key, version))
    given.set(version, state)
    return state
  }
}

function currentOnly({ read }: ResourceAdapter<unknown>): NonNullable<ResourceAdapter<unknown>['readVersion']> {
  return async (key, version) => {
    const first = await read(key)
    const second = await read(key)
    return first?.version === version && second?.version === version ? second : undefined
  }
}

function touch({ read, write }: ResourceAdapter<unknown>): typeof read {
  return async (key) => {
    const state = await read(key)
    if (state && write) await write(key, state.value, state.version)
    return read(key)
  }
}

function tornRead({ read }: ResourceAdapter<unknown>): typeof read {
  return async (key): Promise<ResourceState<unknown> | undefined> => {
    const first = await read(key)
    const second = await read(key)
    return first && second && { ...second, value: first.value }
  }
}

function refuseEverySecond({ write }: ResourceAdapter<unknown>): NonNullable<typeof write> {
  let calls = 0
  return async (key, value, expected) => {
    calls += 1
    if (calls % 2 === 0 || !write) return { ok: false, current: undefined }
    return write(key, value, expected)
  }
}

function tagged({ write }: ResourceAdapter<unknown>): NonNullable<typeof write> {
  return async (key, value, expected) => {
    const result = (await write?.(key, value, expected)) ?? { ok: false, current: undefined }
    return result.ok ? { ok: true, state: { ...result.state, etag: `"${result.state.version}"` } } : result
  }
}

function swallow({ transaction }: ResourceAdapter<unknown>): NonNullable<typeof transaction> {
  return async (run) => transaction?.(run).catch(() => null) as never
}
