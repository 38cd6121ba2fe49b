import { EventEmitter } from 'node:events'
import type { ClaimOutcome } from '../../lib/idempotency/claim'
import { lookTogether } from '../../lib/idempotency/look-together'

beforeEach(() => jest.useFakeTimers())
afterEach(() => jest.useRealTimers())

const RUNNING: ClaimOutcome = { outcome: 'running', token: 't' }
const FOUND: ClaimOutcome = { outcome: 'unknown' }
const CLAIMED = { outcome: 'claimed', claim: {} } as ClaimOutcome

/** A claim that requests of one process look at. */
function claim(now: ClaimOutcome = RUNNING) {
  const store = {}
  const it = {
    now,
    looks: 0,
    ask(waitMs = 10_000, client: Client = new Client()) {
      const asked = { outcome: 'waiting', client }
      const look = async () => {
        it.looks += 1
        return it.now
      }
      lookTogether(store, 'id', { waitMs, client }, look).then(
        (found) => Object.assign(asked, found),
        (error) => Object.assign(asked, { outcome: String(error) }),
      )
      return asked
    },
    many: (count: number) => Array.from({ length: count }, () => it.ask()),
  }
  return it
}

class Client extends EventEmitter {
  destroyed = false
  leave() {
    this.destroyed = true
    this.emit('close')
  }
}

const outcomes = (asked: readonly { outcome: string }[]) => {
  const counts: Record<string, number> = {}
  for (const { outcome } of asked) counts[outcome] = (counts[outcome] ?? 0) + 1
  return counts
}

test('300 that wait cost as many looks as one does, and all get what is found', async () => {
  const it = claim()
  const asked = it.many(300)
  await jest.advanceTimersByTimeAsync(9_000)
  expect(it.looks).toBeLessThan(90)
  it.now = FOUND
  await jest.advanceTimersByTimeAsync(251)
  expect(outcomes(asked)).toEqual({ unknown: 300 })
})

test('one gets the claim, the next one looks at once, and the rest wait for it', async () => {
  const it = claim()
  const asked = it.many(3)
  await jest.advanceTimersByTimeAsync(1000)
  const seen: ClaimOutcome[] = [CLAIMED, RUNNING]
  Object.defineProperty(it, 'now', { get: () => seen.shift() ?? FOUND })
  while (seen.length === 2) await jest.advanceTimersByTimeAsync(1)
  expect(seen).toEqual([])
  expect(outcomes(asked)).toEqual({ claimed: 1, waiting: 2 })
  await jest.advanceTimersByTimeAsync(11)
  expect(outcomes(asked)).toEqual({ claimed: 1, unknown: 2 })
})

test('when nobody could wait any longer all are told that it is running, without a look for each', async () => {
  const it = claim()
  const asked = it.many(300)
  await jest.advanceTimersByTimeAsync(9_000)
  const before = it.looks
  await jest.advanceTimersByTimeAsync(2_000)
  expect(outcomes(asked)).toEqual({ running: 300 })
  expect(it.looks - before).toBeLessThan(20)
})

test('one that waits longer goes on where the first one gives up', async () => {
  const it = claim()
  const first = it.ask(1_000)
  const second = it.ask(5_000)
  await jest.advanceTimersByTimeAsync(2_000)
  expect([first.outcome, second.outcome]).toEqual(['running', 'waiting'])
  it.now = FOUND
  await jest.advanceTimersByTimeAsync(251)
  expect(second.outcome).toBe('unknown')
})

test.each([
  ['that looks', 0],
  ['that waits', 1],
])('a client %s and leaves holds up nobody', async (_, place) => {
  const it = claim()
  const asked = it.many(3)
  await jest.advanceTimersByTimeAsync(100)
  asked[place]?.client.leave()
  await jest.advanceTimersByTimeAsync(300)
  expect(outcomes(asked)).toEqual({ running: 1, waiting: 2 })
  expect(asked[place]?.client.listenerCount('close')).toBe(0)
  it.now = FOUND
  await jest.advanceTimersByTimeAsync(251)
  expect(outcomes(asked)).toEqual({ running: 1, unknown: 2 })
})

test('no more than 1000 wait behind the one that looks', async () => {
  const it = claim()
  const asked = it.many(1005)
  await jest.advanceTimersByTimeAsync(0)
  expect(outcomes(asked)).toEqual({ waiting: 1001, running: 4 })
})

test('a store that fails fails for all who wait, and the next one looks anew', async () => {
  const it = claim()
  const asked = it.many(3)
  await jest.advanceTimersByTimeAsync(100)
  it.now = undefined as never
  await jest.advanceTimersByTimeAsync(251)
  expect(Object.keys(outcomes(asked))).toEqual([expect.stringContaining('TypeError')])
  it.now = FOUND
  const next = it.ask()
  await jest.advanceTimersByTimeAsync(0)
  expect(next.outcome).toBe('unknown')
})

test('nothing stays behind: no timer, no listener', async () => {
  const it = claim()
  const asked = it.many(10)
  await jest.advanceTimersByTimeAsync(20_000)
  expect(jest.getTimerCount()).toBe(0)
  expect(asked.map(({ client }) => client.listenerCount('close'))).toEqual(Array(10).fill(0))
})
