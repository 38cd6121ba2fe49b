import { memoryStore } from '../../lib'
import type { ExpiringStore } from '../../lib/contracts/store'
import { type Claim, type ClaimTerms, claimKey } from '../../lib/idempotency/claim'
import type { KeptAnswer } from '../../lib/idempotency/record'
import { storeWithDeadline } from '../../lib/idempotency/store-with-deadline'

const TERMS: ClaimTerms = { ttlMs: 100_000, leaseMs: 1000, onUnknown: 'refuse' }
const ANSWER: KeptAnswer = { status: 201, headers: [], body: Buffer.from('done') }

const COMMITTED: KeptAnswer = { status: 201, headers: [['location', '/k/1']], body: Buffer.alloc(0) }

function desk(terms: Partial<ClaimTerms> = {}) {
  let now = 0
  const calls: string[] = []
  const inner = memoryStore({ now: () => now })
  const counted = new Proxy(inner, {
    get(target, name: keyof ExpiringStore) {
      calls.push(name)
      return target[name]
    },
  })
  const store = storeWithDeadline(counted, 10_000)
  return {
    calls,
    inner,
    advance: (ms: number) => {
      now += ms
    },
    claim: (fingerprint = 'f') => claimKey(store, 'k', fingerprint, { ...TERMS, ...terms }),
  }
}

async function held(it: ReturnType<typeof desk>): Promise<Claim> {
  const seen = await it.claim()
  if (seen.outcome !== 'claimed') throw new Error(seen.outcome)
  return seen.claim
}

test('a request that nobody repeats costs two calls of the store', async () => {
  const it = desk()
  await (await held(it)).answer(ANSWER)
  expect(it.calls).toEqual(['create', 'replace'])
})

test('answered, released, lost, carried out: what the next one finds', async () => {
  const ends: [(claim: Claim) => Promise<boolean>, object][] = [
    [(claim) => claim.answer(ANSWER), { outcome: 'answered', answer: ANSWER }],
    [(claim) => claim.loseAnswer(), { outcome: 'answer-lost' }],
    [(claim) => claim.carryOut(ANSWER), { outcome: 'carried-out', answer: ANSWER }],
    [(claim) => claim.release(), { outcome: 'claimed' }],
  ]
  for (const [end, expected] of ends) {
    const it = desk()
    expect(await end(await held(it))).toBe(true)
    expect(await it.claim()).toMatchObject(expected)
  }
})

test('each of them also when somebody has asked in between', async () => {
  let { inner } = desk()
  const ends: [(claim: Claim) => Promise<boolean>, string][] = [
    [(claim) => claim.answer(ANSWER), 'answered'],
    [(claim) => claim.loseAnswer(), 'answer-lost'],
    [(claim) => claim.carryOut(ANSWER), 'carried-out'],
    [(claim) => claim.commit(COMMITTED, inner).then(() => claim.carryOut(ANSWER)), 'carried-out'],
    [(claim) => claim.commit(COMMITTED, inner).then(() => claim.answer(ANSWER)), 'answered'],
    [(claim) => claim.release(), 'claimed'],
  ]
  for (const [end, expected] of ends) {
    const it = desk()
    inner = it.inner
    const claim = await held(it)
    expect(await it.claim()).toMatchObject({ outcome: 'running' })
    expect(await end(claim)).toBe(true)
    expect((await it.claim()).outcome).toBe(expected)
  }
})

describe('between the commit and the answer', () => {
  test.each([0, 1])('a repetition, the %d. to ask, waits for the answer of a holder that is alive', async (asked) => {
    const it = desk()
    const claim = await held(it)
    if (asked > 0) await it.claim()
    expect(await claim.commit(COMMITTED, it.inner)).toBe(true)
    expect(await it.claim()).toMatchObject({ outcome: 'running' })
    it.advance(999)
    await claim.renew()
    it.advance(999)
    expect(await it.claim()).toMatchObject({ outcome: 'running' })
    expect(await claim.answer(ANSWER)).toBe(true)
    expect(await it.claim()).toEqual({ outcome: 'answered', answer: ANSWER })
  })

  test.each(['refuse', 'run-again'] as const)(
    'when the holder has died, what is known of the change is given, whatever onUnknown says: %s',
    async (onUnknown) => {
      const it = desk({ onUnknown })
      await (await held(it)).commit(COMMITTED, it.inner)
      expect(await it.claim()).toMatchObject({ outcome: 'running' })
      it.advance(1001)
      expect(await it.claim()).toEqual({ outcome: 'carried-out', answer: COMMITTED })
    },
  )
})

test('another fingerprint is found before anything else', async () => {
  const it = desk()
  const claim = await held(it)
  expect(await it.claim('g')).toEqual({ outcome: 'reused' })
  await claim.answer(ANSWER)
  expect(await it.claim('g')).toEqual({ outcome: 'reused' })
})

test('a lease begins when somebody asks, and runs out when nobody renews it', async () => {
  const it = desk()
  const claim = await held(it)
  it.advance(50_000)
  expect(await it.claim()).toMatchObject({ outcome: 'running' })
  it.advance(999)
  await claim.renew()
  it.advance(999)
  expect(await it.claim()).toMatchObject({ outcome: 'running' })
  it.advance(2)
  expect(await it.claim()).toEqual({ outcome: 'unknown' })
  // Late, but its own: nobody else has it.
  expect(await claim.answer(ANSWER)).toBe(true)
  expect((await it.claim()).outcome).toBe('answered')
})

test('a lease that was renewed before anybody asked counts', async () => {
  const it = desk()
  await (await held(it)).renew()
  it.advance(900)
  expect(await it.claim()).toMatchObject({ outcome: 'running' })
  it.advance(101)
  expect(await it.claim()).toEqual({ outcome: 'unknown' })
})

test('an answer that comes between the look at the record and the look at its lease is given, not "unknown"', async () => {
  const it = desk()
  const claim = await held(it)
  await it.claim()
  it.advance(1001)
  const { read } = it.inner
  it.inner.read = async (key) => {
    const seen = await read(key)
    // Right behind the second look, which finds no lease.
    if (key.includes('idempotency-lease')) await claim.answer(ANSWER)
    return seen
  }
  expect(await it.claim()).toMatchObject({ outcome: 'answered', answer: ANSWER })
})

test('a lease is there before the record says that it counts: who comes in between never takes the holder for dead', async () => {
  const it = desk()
  await held(it)
  const { create, replace } = it.inner
  const others: string[] = []
  const look = async () => {
    Object.assign(it.inner, { create, replace })
    others.push((await it.claim()).outcome)
  }
  // Behind the first of the two steps of the repetition that finds the claim, whichever it is.
  it.inner.create = async (key, value, ttlMs) => {
    const isCreated = await create(key, value, ttlMs)
    if (isCreated) await look()
    return isCreated
  }
  it.inner.replace = async (key, expected, value, ttlMs) => {
    const isReplaced = await replace(key, expected, value, ttlMs)
    await look()
    return isReplaced
  }
  await it.claim()
  expect(others).toEqual(['running'])
})

test('run-again: one takes over, and the first one cannot complete any more', async () => {
  const it = desk({ onUnknown: 'run-again' })
  const first = await held(it)
  await it.claim()
  it.advance(1001)
  const seen = await Promise.all([it.claim(), it.claim(), it.claim()])
  expect(seen.map(({ outcome }) => outcome).sort()).toEqual(['claimed', 'running', 'running'])
  expect(await first.answer(ANSWER)).toBe(false)
  expect(await first.carryOut(ANSWER)).toBe(false)
  expect(await first.commit(ANSWER, it.inner)).toBe(false)
  expect(await first.release()).toBe(false)
})

test('completing twice is completing once: a call of which nothing was heard may be made again', async () => {
  const it = desk()
  const claim = await held(it)
  await claim.answer(ANSWER)
  expect(await claim.answer(ANSWER)).toBe(true)
  const other = desk()
  const released = await held(other)
  await released.release()
  expect(await released.release()).toBe(true)
})

test('a claim of which nothing was heard in time is taken back when it turns out to be there', async () => {
  const inner = memoryStore()
  let late = () => {}
  const slow: ExpiringStore = {
    ...inner,
    create: (...args) =>
      new Promise((resolve) => {
        late = () => resolve(inner.create(...args))
      }),
  }
  await expect(claimKey(storeWithDeadline(slow, 20), 'k', 'f', TERMS)).rejects.toMatchObject({ applied: 'unknown' })
  late()
  await new Promise(setImmediate)
  expect(await inner.read('k')).toBeUndefined()
})

describe('a claim that may have been made is taken back', () => {
  /** Its first claim is made, and the answer to that comes when `end` is called. */
  function cut(end: Promise<unknown>) {
    const inner = memoryStore()
    let isFirst = true
    let removals = 0
    const store: ExpiringStore = {
      ...inner,
      async create(...args) {
        const made = await inner.create(...args)
        if (isFirst) {
          isFirst = false
          await end
        }
        return made
      },
      async remove(...args) {
        removals += 1
        if (removals === 1 && !isReachable) throw new Error('down')
        return inner.remove(...args)
      },
    }
    let isReachable = true
    return {
      inner,
      lose: () => {
        isReachable = false
      },
      claim: (ms: number) => claimKey(storeWithDeadline(store, ms), 'k', 'f', TERMS),
    }
  }
  const emptied = async (store: { readonly size: number; read(key: string): Promise<unknown> }) => {
    while ((await store.read('k')) !== undefined) await new Promise((resolve) => setTimeout(resolve, 5))
  }

  test('also when a repetition has looked at it meanwhile', async () => {
    let answer: () => void = () => undefined
    const it = cut(new Promise<void>((resolve) => (answer = resolve)))
    await expect(it.claim(5)).rejects.toThrow('no answer within 5 ms')
    expect(await it.claim(10_000)).toMatchObject({ outcome: 'running' })
    answer()
    await emptied(it.inner)
    expect(await it.claim(10_000)).toMatchObject({ outcome: 'claimed' })
  })

  test('also when the store cannot be reached at first', async () => {
    const it = cut(Promise.reject(new Error('cut')))
    it.lose()
    await expect(it.claim(10_000)).rejects.toThrow('cut')
    await emptied(it.inner)
    expect(await it.claim(10_000)).toMatchObject({ outcome: 'claimed' })
  })
})
