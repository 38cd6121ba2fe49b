import crypto, { randomBytes } from 'node:crypto'
import type { BusListener, MessageBus } from '../../lib/contracts/bus'
import { ofAllProcesses, type Source } from '../../lib/dashboard/processes'
import type { Tally } from '../../lib/dashboard/tally'
import type { Counts } from '../../lib/dashboard/together'

const EMPTY: Counts = { since: 5, totals: {}, minutes: [], routes: [], locks: [], hot: [], refusals: [] }

/** What one process counts, as the spec wants it. Keys show the salt that they were hashed with. */
function counting(counts: (salt: string) => Partial<Counts>): Tally & { change(): void } {
  const listeners = new Set<() => void>()
  return {
    counts: (salt) => ({ ...EMPTY, ...counts(salt) }),
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    stop: () => {},
    change: () => {
      for (const listener of listeners) listener()
    },
  }
}

function ownBus(): MessageBus & { readonly texts: string[] } {
  const listeners = new Set<BusListener>()
  const texts: string[] = []
  return {
    texts,
    async publish(text) {
      texts.push(text)
      for (const { onMessage } of listeners) onMessage(text)
    },
    async subscribe(listener) {
      listeners.add(listener)
      return async () => void listeners.delete(listener)
    },
  }
}

const running: Source[] = []
afterEach(() => {
  jest.restoreAllMocks()
  for (const each of running.splice(0)) each.stop()
})
function joined(counts: Tally, bus: MessageBus): Source {
  const source = ofAllProcesses(counts, bus)
  running.push(source)
  return source
}

const spot = (key: string, more: object = {}) => ({
  ...{ resource: 'article', key, conflicts: 1, retries: 0, members: {}, kinds: { precondition_failed: 1 } },
  ...{ collisions: { disjoint: 1, overlapping: 0, unclear: 0 }, ...more },
})
const refusal = (at: number) => ({
  ...{ at, instance: `urn:uuid:${at}`, resource: 'article', route: '/articles/:id', code: 'precondition_failed' },
  ...{ status: 412, resolution: 'refetch', enforced: true },
})

test.each([
  ['asks', 'is asked'],
  ['is asked', 'asks'],
])('what several processes have counted is added up, resource by resource: the smaller salt %s', async (first) => {
  const salts = ['00', 'ff'].map((byte) => Buffer.from(byte.repeat(16), 'hex'))
  jest
    .spyOn(crypto, 'randomBytes')
    .mockImplementation(((size: number) =>
      size === 16 ? (first === 'asks' ? salts.pop() : salts.shift()) : Buffer.alloc(size, salts.length)) as never)
  const bus = ownBus()
  const process = (n: number) =>
    counting((salt) => ({
      since: n,
      totals: { refused: n },
      minutes: [
        { at: 60_000, kinds: { stale_version: n }, routes: { '/articles/:id': n } },
        { at: 60_000 * (n + 1), kinds: { [`only_${n}`]: 1 }, routes: { [`/${n}`]: 1 } },
      ],
      routes: [{ route: '/articles/:id', conflicts: n }],
      locks: [{ resource: 'article', key: '1', held: 1, waiting: n, waited: n, waitedMs: 10 }],
      hot: [spot(`hash of 1 with ${salt}`), spot(`own ${n}`, { conflicts: 5 })],
      refusals: [refusal(n)],
    }))
  joined(process(2), bus)
  const source = joined(process(1), bus)
  await source.ask()
  const { processes, since, totals, minutes, routes, locks, hot, refusals } = source.snapshot()
  expect([processes, since, totals, routes]).toEqual([2, 1, { refused: 3 }, [{ route: '/articles/:id', conflicts: 3 }]])
  expect(minutes).toEqual([
    { at: 60_000, kinds: { stale_version: 3 }, routes: { '/articles/:id': 3 } },
    { at: 120_000, kinds: { only_1: 1 }, routes: { '/1': 1 } },
    { at: 180_000, kinds: { only_2: 1 }, routes: { '/2': 1 } },
  ])
  expect(locks).toEqual([{ resource: 'article', key: '1', held: 2, waiting: 3, waited: 3, waitedMs: 20 }])
  expect(refusals.map(({ at }) => at)).toEqual([2, 1])
  expect(hot.map(({ conflicts }) => conflicts)).toEqual([5, 5, 2])
  // One hash for one key, so it is one resource.
  expect(hot[2]).toMatchObject({ collisions: { disjoint: 2 }, advice: [{ option: "merge: 'disjoint'", helps: 2 }] })
})

test('nothing is sent until somebody looks; then what changes is sent anew', async () => {
  const bus = ownBus()
  let refused = 1
  const other = counting(() => ({ totals: { refused } }))
  joined(other, bus)
  other.change()
  expect(bus.texts).toEqual([])
  const source = joined(
    counting(() => ({ totals: { refused: 0 } })),
    bus,
  )
  await source.ask()
  expect(source.snapshot().totals).toEqual({ refused: 1 })
  refused = 7
  const told = new Promise<void>((resolve) => void source.onChange(resolve))
  other.change()
  await told
  expect(source.snapshot().totals).toEqual({ refused: 7 })
})

test('every message keeps to what a bus carries, however much there is', async () => {
  const bus = ownBus()
  const noise = () => randomBytes(40).toString('base64')
  const many = Array.from({ length: 30 }, (_, at) => ({ ...refusal(at), instance: noise(), route: noise() }))
  joined(
    counting(() => ({
      refusals: many,
      hot: Array.from({ length: 10 }, () => spot(noise(), { members: { [noise()]: 1 } })),
      minutes: Array.from({ length: 60 }, (_, at) => ({ at, kinds: { [noise()]: at }, routes: { [noise()]: at } })),
    })),
    bus,
  )
  const source = joined(
    counting(() => ({})),
    bus,
  )
  await source.ask()
  for (const text of bus.texts) expect(text).toMatch(/^[!-~]{1,4000}$/)
  const { refusals, minutes } = source.snapshot()
  expect(refusals.length).toBeGreaterThan(3)
  expect(minutes.at(-1)?.at).toBe(59)
})

test('what others publish is left out, and without a bus the page shows this process', async () => {
  const bus = ownBus()
  const own = () => counting(() => ({ totals: { refused: 3 } }))
  const source = joined(own(), bus)
  for (const text of ['*', 'q83vEjRWeJA', 'dashboard!', 'dashboard!x.AAAA', 'dashboard!y.q1ZKzs9JVbKqBQA'])
    await bus.publish(text)
  expect([source.snapshot().processes, source.snapshot().totals]).toEqual([1, { refused: 3 }])
  const down: MessageBus = {
    publish: () => Promise.reject(new Error('down')),
    subscribe: () => Promise.reject(new Error('down')),
  }
  const alone = joined(own(), down)
  await alone.ask()
  expect(alone.snapshot().totals).toEqual({ refused: 3 })
})
