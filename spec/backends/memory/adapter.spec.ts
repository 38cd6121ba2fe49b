import { type MemoryAdapterOptions, memoryAdapter } from '../../../lib/backends/memory'
import { isStoreFault } from '../../../lib/contracts/store-fault'
import { adapterKit, jsonValues } from '../../../lib/testing'
import { abilitiesOf } from '../abilities'

describe.each([false, true])('with tombstones: %s, the memory adapter keeps the contract', (tombstones) => {
  let ms = 1e12
  const kit = adapterKit<unknown>({
    makeAdapter: () => memoryAdapter({ tombstones, now: () => ms }),
    values: [{ n: 1 }, { n: 2 }, { n: 3 }],
    extraValues: jsonValues,
    abilities: abilitiesOf('memoryAdapter', { tombstones }),
    advance: (by) => {
      ms += by
    },
  })
  for (const { name, run } of kit) test(name, run)
})

describe('a memory adapter with history', () => {
  describe.each([false, true])('with tombstones: %s', (tombstones) => {
    const kit = adapterKit<unknown>({
      makeAdapter: () => memoryAdapter({ history: 2, tombstones }),
      values: [{ n: 1 }, { n: 2 }, { n: 3 }],
      abilities: abilitiesOf('memoryAdapter', { readVersion: true, tombstones }),
      keepVersions: 2,
    })
    for (const { name, run } of kit) test(name, run)
  })

  test('keeps so many versions before the current one, and no more', async () => {
    const adapter = memoryAdapter<number>({ history: 2 })
    let state = await created(adapter, 'a', 0)
    const versions = [state.version]
    for (let value = 1; value < 5; value++) {
      const written = await adapter.write('a', value, state.version)
      if (written.ok) state = written.state
      versions.push(state.version)
    }
    const seen = await Promise.all(versions.map((version) => adapter.readVersion?.('a', version)))
    expect(seen.map((each) => each?.value)).toEqual([undefined, undefined, 2, 3, 4])
    await adapter.remove('a', state.version)
    expect(await adapter.readVersion?.('a', state.version)).toBeUndefined()
  })

  test('a transaction that is rolled back adds no old version', async () => {
    const adapter = memoryAdapter<number>({ history: 2 })
    const { version } = await created(adapter, 'a', 1)
    let inside = ''
    const failing = adapter.transaction(async (tx) => {
      const written = await tx.write?.('a', 2, version)
      if (written?.ok) inside = written.state.version
      expect(await tx.readVersion?.('a', version)).toMatchObject({ value: 1 })
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect(await adapter.readVersion?.('a', inside)).toBeUndefined()
    expect(await adapter.readVersion?.('a', version)).toMatchObject({ value: 1 })
  })
})

/** Stores a value under a key of which nothing is known yet. */
async function created<T>(adapter: ReturnType<typeof memoryAdapter<T>>, key: string, value: T) {
  const result = await adapter.write(key, value, null)
  if (!result.ok) throw new Error(`${key} is taken`)
  return result.state
}

describe('a memory adapter that is bounded', () => {
  test('refuses a resource too many with a fault that says nothing was written', async () => {
    const adapter = memoryAdapter<number>({ maxResources: 1 })
    const kept = await created(adapter, 'a', 1)
    const error = await adapter.write('b', 2, null).catch((reason: unknown) => reason)
    expect(isStoreFault(error) && error.applied).toBe('no')
    expect(String(error)).toContain('memoryAdapter(): full, it holds maxResources (1) and evicts nothing.')
    expect(await adapter.read('a')).toEqual(kept)
    expect(await adapter.read('b')).toBeUndefined()
  })

  test('still replaces what it holds when it is full', async () => {
    const adapter = memoryAdapter<number>({ maxResources: 1 })
    const { version } = await created(adapter, 'a', 1)
    expect(await adapter.write('a', 2, version)).toMatchObject({ ok: true, state: { value: 2 } })
  })

  test('answers a lost race before it complains of being full', async () => {
    const adapter = memoryAdapter<number>({ maxResources: 1 })
    const { version } = await created(adapter, 'a', 1)
    expect(await adapter.write('b', 2, version)).toEqual({ ok: false, current: undefined })
  })

  test('has room again after a removal', async () => {
    const adapter = memoryAdapter<number>({ maxResources: 1 })
    const { version } = await created(adapter, 'a', 1)
    await adapter.remove('a', version)
    expect(await created(adapter, 'b', 2)).toMatchObject({ value: 2 })
  })

  test('counts a tombstone as a resource, and brings it back when it is full', async () => {
    const adapter = memoryAdapter<number>({ maxResources: 1, tombstones: true })
    const { version } = await created(adapter, 'a', 1)
    await adapter.remove('a', version)
    await expect(adapter.write('b', 2, null)).rejects.toThrow('full')
    const tombstone = await adapter.read('a')
    expect(await adapter.write('a', 2, tombstone?.version ?? null)).toMatchObject({ ok: true })
  })
})

describe('versions', () => {
  test('of two adapters never coincide, as two runs of a process must not', async () => {
    const one = await created(memoryAdapter<number>(), 'a', 1)
    const other = memoryAdapter<number>()
    const kept = await created(other, 'a', 1)
    expect(kept.version).not.toBe(one.version)
    expect(await other.write('a', 2, one.version)).toEqual({ ok: false, current: kept })
  })

  test('are short and hold nothing that an entity tag cannot', async () => {
    const { version } = await created(memoryAdapter<number>(), 'a', 1)
    expect(version).toMatch(/^[\w-]{8}\.1$/)
  })
})

describe('what is stored', () => {
  test('is the JSON of a value: members that are undefined are left out, dates become text', async () => {
    const adapter = memoryAdapter<unknown>()
    const state = await created(adapter, 'a', { at: new Date(0), nothing: undefined })
    expect(state.value).toEqual({ at: '1970-01-01T00:00:00.000Z' })
    expect(Object.keys((await adapter.read('a'))?.value as object)).toEqual(['at'])
  })

  test.each([
    [undefined, 'memoryAdapter(): a value of type undefined is not JSON; write null or an object.'],
    [() => 1, 'memoryAdapter(): a value of type function is not JSON; write null or an object.'],
    [{ n: [Number.NaN] }, 'memoryAdapter(): NaN at "0" is not JSON; write a finite number or null.'],
    [{ n: Number.NEGATIVE_INFINITY }, 'memoryAdapter(): -Infinity at "n" is not JSON; write a finite number or null.'],
    [{ n: 1n }, 'BigInt'],
  ])('is never %p', async (value, message) => {
    const adapter = memoryAdapter<unknown>()
    const error = await adapter.write('a', value, null).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(TypeError)
    expect(String(error)).toContain(message)
    expect(await adapter.read('a')).toBeUndefined()
  })

  test('may hold null beside finite numbers', async () => {
    expect(await created(memoryAdapter<unknown>(), 'a', { no: null, n: 1 })).toMatchObject({
      value: { no: null, n: 1 },
    })
  })

  test('is dated by the clock that is given, and later than what its key had before', async () => {
    let ms = 5000
    const adapter = memoryAdapter<number>({ now: () => ms })
    const { version, lastModified } = await created(adapter, 'a', 1)
    expect(lastModified).toEqual(new Date(5000))
    await adapter.remove('a', version)
    ms = 1000
    expect((await created(adapter, 'a', 1)).lastModified).toEqual(new Date(6000))
    ms = 9000
    expect((await created(adapter, 'b', 1)).lastModified).toEqual(new Date(9000))
  })
})

describe('entries', () => {
  test('are all resources in the order of their creation, without tombstones', async () => {
    const adapter = memoryAdapter<{ n: number }>({ tombstones: true })
    const a = await created(adapter, 'a', { n: 1 })
    const b = await created(adapter, 'b', { n: 2 })
    const c = await created(adapter, 'c', { n: 3 })
    await adapter.remove('b', b.version)
    const result = await adapter.write('a', { n: 4 }, a.version)
    expect(await adapter.entries()).toEqual([
      { key: 'a', state: result.ok && result.state },
      { key: 'c', state: c },
    ])
  })

  test('belong to the caller', async () => {
    const adapter = memoryAdapter<{ n: number }>()
    await created(adapter, 'a', { n: 1 })
    for (const { state } of await adapter.entries()) state.value.n = 2
    expect((await adapter.read('a'))?.value).toEqual({ n: 1 })
  })
})

describe('options', () => {
  test.each([
    [{ history: -1 }, 'history is -1; give how many versions to keep, or leave it out.'],
    [{ maxResource: 1 }, 'there is no option "maxResource". Did you mean "maxResources"?'],
    [{ maxResources: 0 }, 'maxResources is 0; give a positive integer, or leave it out.'],
    [{ maxResources: 1.5 }, 'maxResources is 1.5; give a positive integer, or leave it out.'],
    [{ maxResources: '7' }, 'maxResources is 7; give a positive integer, or leave it out.'],
    [{ maxResources: Number.POSITIVE_INFINITY }, 'maxResources is Infinity; give a positive integer, or leave it out.'],
    [{ tombstones: 'yes' }, 'tombstones is yes; give true or false.'],
    [{ now: 5 }, 'now is 5; give a function that returns milliseconds, such as Date.now.'],
  ])('%j are refused at start-up', (options, message) => {
    const make = () => memoryAdapter(options as MemoryAdapterOptions)
    expect(make).toThrow(new TypeError(`memoryAdapter(): ${message}`))
  })
})

test('a key that a transaction found missing is held: others create it only when the transaction is over', async () => {
  const adapter = memoryAdapter<string>()
  let others: Promise<unknown> = Promise.resolve()
  const order: string[] = []
  await adapter.transaction(async (tx) => {
    expect(await tx.read('new')).toBeUndefined()
    others = adapter.write('new', 'theirs', null).then(({ ok }) => order.push(`theirs: ${ok}`))
    await new Promise(setImmediate)
    const mine = await tx.write?.('new', 'mine', null)
    order.push(`mine: ${mine?.ok}`)
  })
  await others
  expect(order).toEqual(['mine: true', 'theirs: false'])
  expect((await adapter.read('new'))?.value).toBe('mine')
})
