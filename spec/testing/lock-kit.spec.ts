import type { LockManager } from '../../lib/contracts/lock'
import { type LockKitOptions, lockKit } from '../../lib/testing'
import { brokenLocks, toyOptions } from './broken-locks'

beforeEach(() => jest.useFakeTimers({ doNotFake: ['setImmediate'] }))
afterEach(() => jest.useRealTimers())

const kitOf = (options: LockKitOptions) =>
  lockKit({
    rounds: 4,
    workers: 4,
    leaseMs: 60,
    slackMs: 100,
    advance: async (ms) => void (await jest.advanceTimersByTimeAsync(ms)),
    ...options,
  })

/** What fails, with the messages. The time passes that a case needs which waits for something else. */
async function failures(options: LockKitOptions): Promise<Map<string, string>> {
  const failed = new Map<string, string>()
  for (const { name, run } of kitOf(options)) {
    let settled = false
    const done = run()
      .catch((error: Error) => failed.set(name, error.message))
      .finally(() => {
        settled = true
      })
    for (let round = 0; round < 60 && !settled; round++) {
      await new Promise(setImmediate)
      await jest.advanceTimersByTimeAsync(round < 40 ? 1 : 30)
    }
    if (!settled) failed.set(name, 'It never ends.')
    else await done
    jest.clearAllTimers()
  }
  return failed
}

describe('a manager that keeps the contract passes', () => {
  for (const { name, run } of kitOf(toyOptions())) {
    test(name, async () => {
      const done = run().finally(() => clearImmediate(ticking))
      // The toy waits by looking again, so the clock has to go on where a case lets no time pass by itself.
      let ticking = setImmediate(function tick() {
        jest.advanceTimersByTime(1)
        ticking = setImmediate(tick)
      })
      await done
    })
  }
})

describe('a manager that is broken on purpose is caught', () => {
  test.each(brokenLocks)('$name', async ({ options, caught }) => {
    const failed = await failures(options)
    expect([...failed.keys()]).toEqual(expect.arrayContaining([...caught]))
  })

  test('every rule but some pairs of keys is broken by one of them', async () => {
    const names = [toyOptions(), toyOptions({}, { abilities: { fence: false, acrossProcesses: true } })]
      .flatMap((options) => kitOf(options))
      .map(({ name }) => name)
    const caught = new Set<string>()
    for (const { options } of brokenLocks) for (const name of (await failures(options)).keys()) caught.add(name)
    expect(names.filter((name) => !caught.has(name) && !name.endsWith('are two locks'))).toEqual([])
  }, 60_000)
})

describe('lockKit', () => {
  test('names every case once', () => {
    const names = kitOf(toyOptions()).map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    expect(names.length).toBeGreaterThan(30)
  })

  test('disposes of every manager that a case made, whether it passes or fails', async () => {
    const open = new Set<LockManager>()
    const opened = (manager: LockManager) => {
      open.add(manager)
      return manager
    }
    const { makeManager, makeSecond, ...options } = toyOptions({ isFree: () => true })
    const failed = await failures({
      ...options,
      makeManager: async () => opened(await makeManager()),
      makeSecond: async (manager) => opened({ ...(await makeSecond?.(manager)) } as LockManager),
      disposeManager: async (manager) => void open.delete(manager),
    })
    expect(failed.size).toBeGreaterThan(0)
    expect(open.size).toBe(0)
  })

  test.each([
    [{ abilities: { acrossProcesses: true } }, 'lockKit(): abilities.fence is undefined; say true or false.'],
    [{ makeSecond: undefined }, 'lockKit(): abilities.acrossProcesses is true; give makeSecond.'],
    [
      { abilities: { fence: true, acrossProcesses: false } },
      'lockKit(): abilities.acrossProcesses is false; leave makeSecond out.',
    ],
    [{ takeaway: 1 }, 'lockKit(): there is no option "takeaway". Did you mean "takeAway"?'],
    [{ makeManager: undefined }, 'lockKit(): give makeManager, a function.'],
    [{ leaseMs: 0 }, 'lockKit(): leaseMs is 0; give a positive integer.'],
    [{ rounds: 0.5 }, 'lockKit(): rounds is 0.5; give a positive integer.'],
    [{ workers: 1 }, 'lockKit(): workers is 1; a race needs two of them at least.'],
  ])('refuses %j at once', (wrong, message) => {
    const options = { ...toyOptions(), ...wrong } as LockKitOptions
    expect(() => lockKit(options)).toThrow(new TypeError(message))
  })
})
