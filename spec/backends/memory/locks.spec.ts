import { memoryLocks } from '../../../lib/backends/memory'
import { lockKit } from '../../../lib/testing'

beforeEach(() => jest.useFakeTimers({ doNotFake: ['setImmediate'] }))
afterEach(() => jest.useRealTimers())

describe('memoryLocks keeps the contract', () => {
  const kit = lockKit({
    makeManager: memoryLocks,
    abilities: { fence: true, acrossProcesses: false },
    countEntries: ({ size }) => size,
    advance: async (ms) => void (await jest.advanceTimersByTimeAsync(ms)),
  })
  for (const { name, run } of kit) test(name, run)
})

const terms = { waitMs: 1000, leaseMs: 1000, maxHoldMs: 10_000 }

describe('memoryLocks', () => {
  test('grants in the order in which it was asked', async () => {
    const locks = memoryLocks()
    const order: number[] = []
    const turns = [1, 2, 3, 4].map(async (each) => {
      const lease = await locks.acquire('a', terms)
      order.push(each)
      await lease?.release()
    })
    await Promise.all(turns)
    expect(order).toEqual([1, 2, 3, 4])
  })

  test('leaves who gave up out of the order', async () => {
    const locks = memoryLocks()
    const first = await locks.acquire('a', terms)
    const caller = new AbortController()
    const second = locks.acquire('a', { ...terms, signal: caller.signal })
    const third = locks.acquire('a', terms)
    caller.abort()
    await first?.release()
    expect(await second).toBeUndefined()
    expect(await third).toBeDefined()
  })

  test('keeps the key while it is handed on: who comes then waits', async () => {
    const locks = memoryLocks()
    const first = await locks.acquire('a', terms)
    const second = locks.acquire('a', terms)
    const released = first?.release()
    const third = locks.acquire('a', { ...terms, waitMs: 0 })
    await released
    expect(await second).toBeDefined()
    expect(await third).toBeUndefined()
  })

  test('counts the keys that are held, and keeps nothing of others', async () => {
    const locks = memoryLocks()
    const leases = await Promise.all(['a', 'b', 'c'].map((key) => locks.acquire(key, terms)))
    expect(locks.size).toBe(3)
    await Promise.all(leases.map((lease) => lease?.release()))
    expect(locks.size).toBe(0)
  })

  test('locks that run out one by one cost the same however many there are', async () => {
    const costs: number[] = []
    for (const count of [500, 2000]) {
      const locks = memoryLocks()
      for (let index = 0; index < count; index++)
        await locks.acquire(`${index}`, { ...terms, maxHoldMs: 10_000 + index })
      const looked = jest.spyOn(performance, 'now')
      await jest.advanceTimersByTimeAsync(9_999)
      looked.mockClear()
      await jest.advanceTimersByTimeAsync(count + 1)
      expect(locks.size).toBe(0)
      costs.push(looked.mock.calls.length / count)
      looked.mockRestore()
    }
    for (const cost of costs) expect(cost).toBeLessThan(10)
  })

  test('holds for the length of maxHoldMs, however long: a timer of more than 24 days does not fire at once', async () => {
    const locks = memoryLocks()
    const lease = await locks.acquire('a', { ...terms, maxHoldMs: Number.POSITIVE_INFINITY })
    const waiting = locks.acquire('a', { ...terms, waitMs: Number.POSITIVE_INFINITY })
    await jest.advanceTimersByTimeAsync(60_000)
    expect(lease?.signal.aborted).toBe(false)
    await lease?.release()
    expect(await waiting).toBeDefined()
  })
})
