import type { ExpiringStore } from '../../lib/contracts/store'
import { type StoreKitOptions, storeKit } from '../../lib/testing'
import { brokenStores, toyOptions } from './broken-stores'

const kitOf = (options: StoreKitOptions) => storeKit({ rounds: 4, workers: 4, ...options })

/** What fails, with the messages. */
async function failures(options: StoreKitOptions): Promise<Map<string, string>> {
  const failed = new Map<string, string>()
  for (const { name, run } of kitOf(options)) {
    await run().catch((error: Error) => failed.set(name, error.message))
  }
  return failed
}

describe('a store that keeps the contract passes', () => {
  for (const { name, run } of kitOf(toyOptions())) test(name, run)
})

describe('a store that is broken on purpose is caught', () => {
  test.each(brokenStores)('$name', async ({ options, caught }) => {
    const failed = await failures(options)
    expect([...failed.keys()]).toEqual(expect.arrayContaining([...caught]))
  })

  test('every rule but some pairs of texts is broken by one of them', async () => {
    const caught = new Set<string>()
    for (const { options } of brokenStores) for (const name of (await failures(options)).keys()) caught.add(name)
    const names = kitOf(toyOptions()).map(({ name }) => name)
    expect(names.filter((name) => !caught.has(name) && !/are two (records|values)$/.test(name))).toEqual([])
  })
})

describe('storeKit', () => {
  test('names every case once', () => {
    const names = kitOf(toyOptions()).map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    expect(names.length).toBeGreaterThan(80)
  })

  test('says what the contract demands, and what was seen', async () => {
    const failed = await failures(toyOptions({ mayCreate: () => true }))
    expect(failed.get('create is refused where a record is, and leaves it as it is')).toBe(
      'The contract demands: create gives false where a record is, also for what is there already. Seen: true.',
    )
  })

  test('disposes of every store that a case made, whether it passes or fails', async () => {
    const open = new Set<ExpiringStore>()
    const opened = (store: ExpiringStore) => {
      open.add(store)
      return store
    }
    const { makeStore, makeSecond, ...options } = toyOptions({ mayCreate: () => true })
    const failed = await failures({
      ...options,
      makeStore: async () => opened(await makeStore()),
      makeSecond: async (store) => opened({ ...(await makeSecond?.(store)) } as ExpiringStore),
      disposeStore: async (store) => void open.delete(store),
    })
    expect(failed.size).toBeGreaterThan(0)
    expect(open.size).toBe(0)
  })

  test.each([
    [{ abilities: { acrossProcesses: true } }, 'storeKit(): abilities.within is undefined; say true or false.'],
    [{ makeSecond: undefined }, 'storeKit(): abilities.acrossProcesses is true; give makeSecond.'],
    [{ transact: undefined }, 'storeKit(): abilities.within is true; give transact.'],
    [
      { abilities: { within: false, acrossProcesses: true } },
      'storeKit(): abilities.within is false; leave transact out.',
    ],
    [{ makeFailling: 1 }, 'storeKit(): there is no option "makeFailling". Did you mean "makeFailing"?'],
    [{ abilities: undefined }, 'storeKit(): give abilities, an object.'],
    [{ ttlMs: 0 }, 'storeKit(): ttlMs is 0; give a positive integer.'],
    [{ rounds: 0.5 }, 'storeKit(): rounds is 0.5; give a positive integer.'],
    [{ workers: 1 }, 'storeKit(): workers is 1; a race needs two of them at least.'],
  ])('refuses %j at once', (wrong, message) => {
    const options = { ...toyOptions(), ...wrong } as StoreKitOptions
    expect(() => storeKit(options)).toThrow(new TypeError(message))
  })
})
