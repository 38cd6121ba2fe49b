import { memoryStore } from '../../../lib/backends/memory'
import { isStoreFault } from '../../../lib/contracts/store-fault'
import { storeKit } from '../../../lib/testing'

const clock = () => {
  let ms = 1000
  return {
    now: () => ms,
    advance: (by: number) => {
      ms += by
    },
  }
}

describe('memoryStore keeps the contract', () => {
  const { now, advance } = clock()
  const abilities = { within: false, acrossProcesses: false }
  for (const { name, run } of storeKit({ makeStore: () => memoryStore({ now }), abilities, advance })) test(name, run)
})

describe('memoryStore', () => {
  test('goes by a clock that nobody sets, unless it is given one', async () => {
    jest.useFakeTimers()
    const store = memoryStore()
    await store.create('a', 'one', 1000)
    jest.setSystemTime(Date.now() + 3_600_000)
    expect(await store.read('a')).toBe('one')
    jest.advanceTimersByTime(1000)
    expect(await store.read('a')).toBeUndefined()
    jest.useRealTimers()
  })

  test('runs no timer', async () => {
    jest.useFakeTimers()
    await memoryStore().create('a', 'one', 1000)
    expect(jest.getTimerCount()).toBe(0)
    jest.useRealTimers()
  })

  test('what has expired goes as others come, without a look at all of it', async () => {
    const { now, advance } = clock()
    const store = memoryStore({ now })
    for (let index = 0; index < 20_000; index++) {
      await store.create(`${index}`, 'one', 1000)
      advance(1)
      expect(store.size).toBeLessThan(3000)
    }
  })

  test('bounded, it refuses what is too much, and keeps what is there', async () => {
    const { now, advance } = clock()
    const store = memoryStore({ now, maxRecords: 2 })
    await store.create('a', 'one', 1000)
    await store.create('b', 'one', 2000)
    const error = await store.create('c', 'one', 1000).catch((reason: unknown) => reason)
    expect(isStoreFault(error) && error.applied).toBe('no')
    expect(String(error)).toContain('memoryStore(): full, it holds maxRecords (2) and none has expired.')
    expect(await store.replace('a', 'one', 'two', 1000)).toBe(true)
    expect(await store.create('b', 'two', 1000)).toBe(false)
    advance(1000)
    expect(await store.create('c', 'one', 1000)).toBe(true)
    await expect(store.create('d', 'one', 1000)).rejects.toThrow('full')
    expect(await store.remove('b', 'one')).toBe(true)
    expect(await store.create('d', 'one', 1000)).toBe(true)
    expect(store.size).toBe(2)
  })

  test('bounded, a record that was given less time makes room in time', async () => {
    const { now, advance } = clock()
    const store = memoryStore({ now, maxRecords: 1 })
    await store.create('a', 'one', 5000)
    await expect(store.create('b', 'one', 1000)).rejects.toThrow('full')
    await store.replace('a', 'one', 'one', 100)
    advance(100)
    expect(await store.create('b', 'one', 1000)).toBe(true)
  })

  test.each([
    ['one time to live', () => 0],
    ['many times to live', (index: number) => (index * 37) % 500],
  ])(
    'full of records with %s that expire one by one, a creation costs the same however many there are',
    async (_, more) => {
      const costs = [1000, 4000].map(async (maxRecords) => {
        const { now, advance } = clock()
        const asked = jest.fn(now)
        const store = memoryStore({ now: asked, maxRecords })
        for (let index = 0; index < maxRecords; index++) {
          await store.create(`${index}`, 'one', maxRecords + more(index))
          advance(1)
        }
        advance(500)
        asked.mockClear()
        for (let index = 0; index < 1000; index++) {
          expect(await store.create(`new ${index}`, 'one', maxRecords + more(index))).toBe(true)
          advance(1)
        }
        expect(store.size).toBeLessThanOrEqual(maxRecords)
        return asked.mock.calls.length / 1000
      })
      for (const cost of await Promise.all(costs)) expect(cost).toBeLessThan(20)
    },
  )

  test('a record that is renewed expires when its last time is over, and the queue holds it once', async () => {
    const { now, advance } = clock()
    const store = memoryStore({ now, maxRecords: 2 })
    await store.create('a', 'one', 100)
    await store.create('b', 'one', 50)
    advance(40)
    await store.replace('a', 'one', 'one', 1000)
    await store.replace('b', 'one', 'one', 500)
    advance(400)
    await expect(store.create('c', 'one', 1000)).rejects.toThrow('full')
    advance(100)
    expect(await store.create('c', 'one', 1000)).toBe(true)
    expect(await store.read('a')).toBe('one')
    expect(await store.read('b')).toBeUndefined()
  })

  test('a key that is removed and made again lives its second life in full', async () => {
    const { now, advance } = clock()
    const store = memoryStore({ now, maxRecords: 1 })
    for (let index = 0; index < 1000; index++) {
      await store.create('a', 'one', 100)
      await store.remove('a', 'one')
    }
    await store.create('a', 'two', 200)
    advance(150)
    await expect(store.create('b', 'one', 10)).rejects.toThrow('full')
    expect(await store.read('a')).toBe('two')
    advance(50)
    expect(await store.create('b', 'one', 10)).toBe(true)
  })

  test('full, it does not look at all records for each that it refuses', async () => {
    const { now } = clock()
    const asked = jest.fn(now)
    const store = memoryStore({ now: asked, maxRecords: 1000 })
    for (let index = 0; index < 1000; index++) await store.create(`${index}`, 'one', 1000)
    await expect(store.create('more', 'one', 1000)).rejects.toThrow('full')
    asked.mockClear()
    for (let index = 0; index < 100; index++) await store.create('more', 'one', 1000).catch(() => {})
    expect(asked.mock.calls.length).toBeLessThan(1000)
  })

  test('nothing is expected where nothing is', async () => {
    const store = memoryStore()
    expect(await store.replace('a', undefined as never, 'one', 1000)).toBe(false)
    expect(await store.read('a')).toBeUndefined()
  })

  test.each([
    [{ maxRecord: 1 }, 'memoryStore(): there is no option "maxRecord". Did you mean "maxRecords"?'],
    [{ maxRecords: 0 }, 'memoryStore(): maxRecords is 0; give a positive integer, or leave it out.'],
    [{ now: 5 }, 'memoryStore(): now is 5; give a function that returns milliseconds.'],
  ])('refuses %j at start-up', (wrong, message) => {
    expect(() => memoryStore(wrong as object)).toThrow(new TypeError(message))
  })
})
