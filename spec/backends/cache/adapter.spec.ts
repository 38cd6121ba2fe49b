import { type CachedAdapterOptions, cachedAdapter } from '../../../lib/backends/cache'
import { memoryAdapter } from '../../../lib/backends/memory'
import type { ResourceAdapter } from '../../../lib/contracts/adapter'
import { adapterKit, jsonValues } from '../../../lib/testing'
import { abilitiesOf } from '../abilities'

type Doc = Record<string, unknown>

const LONG: CachedAdapterOptions = { max: 100, ttlMs: 60_000 }

describe.each([false, true])('in front of memoryAdapter, tombstones: %s, it keeps the contract', (tombstones) => {
  let ms = 1e12
  const kit = adapterKit<unknown>({
    makeAdapter: () => cachedAdapter(memoryAdapter({ tombstones, now: () => ms, history: 3 }), LONG),
    values: [{ n: 1 }, { n: 2 }, { n: 3 }],
    extraValues: jsonValues,
    abilities: abilitiesOf('memoryAdapter', { tombstones, readVersion: true }),
    keepVersions: 3,
    advance: (by) => {
      ms += by
    },
  })
  for (const { name, run } of kit) test(name, run)
})

/** The database, how often it was read, and what another process does to it. */
async function database(options = LONG) {
  const stored = memoryAdapter<Doc>()
  let reads = 0
  const adapter: ResourceAdapter<Doc> = {
    ...stored,
    read(key) {
      reads += 1
      return stored.read(key)
    },
  }
  const byAnother = async (value: Doc) => stored.write('1', value, (await stored.read('1'))?.version ?? null)
  await byAnother({ n: 1 })
  const cached = cachedAdapter(adapter, options)
  return { cached, stored, byAnother, reads: () => reads }
}

test('a second read comes from memory, and readCurrent never does', async () => {
  const { cached, byAnother, reads } = await database()
  await cached.read('1')
  await byAnother({ n: 2 })
  expect([(await cached.read('1'))?.value, reads()]).toEqual([{ n: 1 }, 1])
  expect([(await cached.readCurrent('1'))?.value, reads()]).toEqual([{ n: 2 }, 2])
  expect([(await cached.read('1'))?.value, reads()]).toEqual([{ n: 2 }, 2])
})

test('a change whose outcome is unknown leaves no copy, not even of a read during it', async () => {
  const stored = memoryAdapter<Doc>()
  const first = await stored.write('1', { n: 1 }, null)
  let during: () => Promise<unknown> = async () => undefined
  const adapter: ResourceAdapter<Doc> = {
    ...stored,
    async write(...args) {
      await during()
      await stored.write(...args)
      throw new Error('the answer was lost')
    },
  }
  const cached = cachedAdapter(adapter, LONG)
  during = () => cached.read('1')
  const version = first.ok ? first.state.version : ''
  await expect(cached.write?.('1', { n: 2 }, version)).rejects.toThrow('the answer was lost')
  expect((await cached.read('1'))?.value).toEqual({ n: 2 })
})

test('what is read belongs to the caller', async () => {
  const { cached } = await database()
  for (let times = 0; times < 3; times++) {
    const state = await cached.read('1')
    expect(state?.value).toEqual({ n: 1 })
    if (state) state.value.n = 'scribbled on'
  }
})

test('copies end with their time, are bounded in number, and are forgotten when told', async () => {
  const clock = jest.spyOn(performance, 'now').mockReturnValue(1e6)
  const { cached, reads, stored } = await database({ max: 2, ttlMs: 1000 })
  await cached.read('1')
  clock.mockReturnValue(1e6 + 1001)
  // lru-cache looks at the clock once in a turn of the event loop.
  await new Promise((resolve) => setTimeout(resolve, 5))
  await cached.read('1')
  expect(reads()).toBe(2)
  for (const key of ['2', '3']) await stored.write(key, {}, null)
  for (const key of ['2', '3', '1']) await cached.read(key)
  expect(reads()).toBe(5)
  cached.forget('1')
  await cached.read('1')
  cached.forget()
  await cached.read('1')
  expect(reads()).toBe(7)
  clock.mockRestore()
})

test('what is not there is asked for each time', async () => {
  const { cached, reads } = await database()
  await cached.read('2')
  await cached.read('2')
  expect(reads()).toBe(2)
})

test('a read that was overtaken by a write leaves no copy', async () => {
  const stored = memoryAdapter<Doc>()
  await stored.write('1', { n: 1 }, null)
  const version = (await stored.read('1'))?.version ?? ''
  let goOn: () => void = () => {}
  let held: Promise<void> | undefined = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const read: ResourceAdapter<Doc>['read'] = async (key) => {
    const state = await stored.read(key)
    const waits = held
    held = undefined
    await waits
    return state
  }
  const cached = cachedAdapter({ ...stored, read }, LONG)
  const late = cached.read('1')
  await cached.write?.('1', { n: 2 }, version)
  goOn()
  expect((await late)?.value).toEqual({ n: 1 })
  expect((await cached.read('1'))?.value).toEqual({ n: 2 })
})

test('a refused write leaves what is stored; one that fails leaves nothing', async () => {
  const { cached, byAnother, stored, reads } = await database()
  await cached.read('1')
  await byAnother({ n: 2 })
  await cached.write?.('1', { n: 3 }, 'old')
  expect([(await cached.read('1'))?.value, reads()]).toEqual([{ n: 2 }, 1])
  const lost = cachedAdapter<Doc>(
    {
      ...stored,
      async write(...args) {
        await stored.write(...args)
        throw new Error('no answer')
      },
    },
    LONG,
  )
  const state = await lost.read('1')
  await expect(lost.write?.('1', { n: 4 }, state?.version ?? '')).rejects.toThrow('no answer')
  expect((await lost.read('1'))?.value).toEqual({ n: 4 })
})

test('what a transaction changed is read anew, and not before it is committed', async () => {
  const { cached } = await database()
  const before = await cached.read('1')
  await cached.transaction?.(async (tx) => {
    await tx.write?.('1', { n: 2 }, before?.version ?? '')
    expect((await cached.read('1'))?.value).toEqual({ n: 1 })
    expect(tx.transactionHandle).toBeDefined()
  })
  expect((await cached.read('1'))?.value).toEqual({ n: 2 })
})

test.each([
  [memoryAdapter(), { max: 0, ttlMs: 1 }, 'cachedAdapter(): max has to be a positive integer; got 0.'],
  [memoryAdapter(), { max: 1 }, 'cachedAdapter(): ttlMs has to be a number of milliseconds above 0; got undefined.'],
  [{ read: async () => undefined }, LONG, 'cachedAdapter(): the adapter has no read and write methods. What'],
])('what cannot work is refused at start-up: case %#', (adapter, options, message) => {
  expect(() => cachedAdapter(adapter, options as CachedAdapterOptions)).toThrow(message)
})
