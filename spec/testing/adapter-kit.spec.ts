import { memoryAdapter } from '../../lib/backends/memory'
import type { ResourceAdapter } from '../../lib/contracts/adapter'
import { storeFault } from '../../lib/contracts/store-fault'
import { type AdapterKitOptions, adapterKit, jsonValues } from '../../lib/testing'
import { ALL, brokenAdapters, down, faulty, versionOfContent } from './broken-adapters'
import { toyAdapter } from './toy-adapter'

type Options = AdapterKitOptions<unknown>

const values: Options['values'] = [{ title: 'one', tags: ['a'] }, { title: 'two' }, { title: 'three', by: { id: 3 } }]
const MEMORY = { ...ALL, create: false, readVersion: false }

/** What fails, with the messages. */
async function failures(options: Partial<Options> & Pick<Options, 'makeAdapter'>): Promise<Map<string, string>> {
  const failed = new Map<string, string>()
  const kit = adapterKit({ abilities: ALL, values, extraValues: jsonValues, rounds: 4, writers: 4, ...options })
  for (const { name, run } of kit) {
    await run().catch((error: Error) => failed.set(name, error.message))
  }
  return failed
}

const rightOnes: Record<string, Options> = {
  'the memory adapter': { makeAdapter: () => memoryAdapter(), abilities: MEMORY, values },
  'the memory adapter with tombstones': {
    makeAdapter: () => memoryAdapter({ tombstones: true }),
    abilities: { ...MEMORY, tombstones: true },
    values,
  },
  'an adapter that can do everything': { makeAdapter: () => toyAdapter(), abilities: ALL, values, makeFailing: down },
  'an adapter that can do everything, with tombstones': {
    makeAdapter: () => toyAdapter({ tombstones: true }),
    abilities: { ...ALL, tombstones: true },
    values,
  },
  'an adapter that keeps so many versions, and no more': {
    makeAdapter: () => toyAdapter({ keepVersions: 2 }),
    abilities: ALL,
    values,
    keepVersions: 2,
  },
  'an adapter that can only read and write': {
    makeAdapter: () => onlyReadsAndWrites(toyAdapter()),
    abilities: {
      remove: false,
      create: false,
      tombstones: false,
      lastModified: false,
      transaction: false,
      readVersion: false,
    },
    values: ['one', 'two', 3],
  },
  'an adapter whose versions are made of the content': {
    makeAdapter: () => toyAdapter({ nextVersion: versionOfContent() }),
    abilities: { ...ALL, contentVersions: true },
    values,
  },
  'an adapter whose connections break': {
    makeAdapter: () => toyAdapter(),
    abilities: ALL,
    values,
    makeFaulty: faulty(),
  },
  'two instances over one store': {
    makeAdapter: () => toyAdapter(),
    makeSecond: (it) => ({ ...it }),
    abilities: ALL,
    values,
  },
}

describe.each(Object.entries(rightOnes))('%s keeps every rule', (_, options) => {
  for (const { name, run } of adapterKit({ extraValues: jsonValues, ...options })) test(name, run)
})

describe('an adapter that is broken on purpose is caught', () => {
  test.each(brokenAdapters)('$name', async ({ options, caught }) => {
    const failed = await failures(options)
    expect([...failed.keys()]).toEqual(expect.arrayContaining([...caught]))
  })

  test('each message says what the contract demands and what was seen', async () => {
    const failed = await failures({ makeAdapter: () => toyAdapter({ matches: () => true }) })
    expect(failed.get('write with an old version is refused, and gives the current state')).toBe(
      'The contract demands: an old version is refused. ' +
        'Seen: {"ok":true,"state":{"value":{"title":"three","by":{"id":3}},"version":"3","lastModified":"1970-01-01T00:00:02.000Z"}}.',
    )
  })

  test('a method that is declared and missing is named by the cases that need it', async () => {
    const failed = await failures({ makeAdapter: () => onlyReadsAndWrites(toyAdapter()) })
    expect(failed.get('remove is there exactly when it is declared')).toBe(
      'The contract demands: remove() is there, as it was declared. Seen: "undefined".',
    )
    expect(failed.get('create stores the value under the key that it gives')).toBe(
      'The kit was told that the adapter can do this, but it has no create().',
    )
  })
})

describe('adapterKit', () => {
  test('names every case once', () => {
    const abilities = { ...ALL, tombstones: true }
    const names = adapterKit({
      makeAdapter: () => toyAdapter(),
      abilities,
      values,
      makeFailing: down,
      makeFaulty: faulty(),
      keepVersions: 2,
    }).map((it) => it.name)
    expect(new Set(names).size).toBe(names.length)
    expect(names.length).toBeGreaterThan(70)
  })

  test('every rule but some pairs of keys is broken by one of them', async () => {
    const abilities = { ...ALL, tombstones: true }
    const names = adapterKit({
      makeAdapter: () => toyAdapter(),
      abilities,
      values,
      makeFailing: down,
      makeFaulty: faulty(),
      keepVersions: 2,
    }).map((it) => it.name)
    const caught = new Set<string>()
    for (const { options } of brokenAdapters) for (const name of (await failures(options)).keys()) caught.add(name)
    expect(names.filter((name) => !caught.has(name) && !name.endsWith('are two resources'))).toEqual([])
  })

  test('a store fault of an adapter that is down passes', async () => {
    const fault = storeFault(new Error('time-out'), { applied: 'unknown' })
    const makeFailing = () => ({ ...down(), read: () => Promise.reject(fault) })
    expect(await failures({ makeAdapter: () => toyAdapter(), makeFailing })).toEqual(new Map())
  })

  test('disposes of every adapter that a case made, whether it passes or fails', async () => {
    const open = new Set<ResourceAdapter<unknown>>()
    const opened = (adapter: ResourceAdapter<unknown>) => {
      open.add(adapter)
      return adapter
    }
    const failed = await failures({
      makeAdapter: async () => opened(toyAdapter({ matches: () => true })),
      makeSecond: async (adapter) => opened({ ...adapter }),
      disposeAdapter: async (adapter) => void open.delete(adapter),
    })
    expect(failed.size).toBeGreaterThan(0)
    expect(open.size).toBe(0)
  })

  test('changes nothing about the values that it is given', async () => {
    const mine: Options['values'] = [{ n: [1] }, { n: [2] }, { n: [3] }]
    await failures({ makeAdapter: () => toyAdapter({ keep: (v) => v, give: (v) => v }), values: mine })
    expect(mine).toEqual([{ n: [1] }, { n: [2] }, { n: [3] }])
  })

  test.each([
    [{ values: [1, 2, 1] }, 'adapterKit(): values are [1,2,1]; give three different ones.'],
    [{ values: [1, 2] }, 'adapterKit(): values are [1,2]; give three different ones.'],
    [{ makeFailling: 1 }, 'adapterKit(): there is no option "makeFailling". Did you mean "makeFailing"?'],
    [{ abilities: undefined }, 'adapterKit(): give abilities, an object.'],
    [{ abilities: { ...ALL, create: undefined } }, 'adapterKit(): abilities.create is undefined; say true or false.'],
    [{ rounds: 0 }, 'adapterKit(): rounds is 0; give a positive integer.'],
    [{ keepVersions: 0 }, 'adapterKit(): keepVersions is 0; give a positive integer.'],
    [{ writers: 1 }, 'adapterKit(): writers is 1; a race needs two of them at least.'],
  ])('refuses %j at once', (wrong, message) => {
    const options = { makeAdapter: () => toyAdapter(), abilities: ALL, values, ...wrong } as Options
    expect(() => adapterKit(options)).toThrow(new TypeError(message))
  })
})

function onlyReadsAndWrites({ read, write }: ResourceAdapter<unknown>): ResourceAdapter<unknown> {
  if (!write) throw new TypeError('the toy writes')
  return {
    read: async (key) => undated(await read(key)),
    write: async (key, value, expected) => {
      const result = await write(key, value, expected)
      if (!result.ok) return { ok: false, current: undated(result.current) }
      return { ok: true, state: { value: result.state.value, version: result.state.version } }
    },
  }
}

function undated(state: Awaited<ReturnType<ResourceAdapter<unknown>['read']>>) {
  return state && { value: state.value, version: state.version }
}
