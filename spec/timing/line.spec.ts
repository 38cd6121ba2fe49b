import { line, lockQueue, type Waited } from '../../lib/timing/line'

test('first come, first served', () => {
  const waiting = line<string>()
  for (const each of ['a', 'b', 'c']) waiting.join(each)
  expect([waiting.length, waiting.next(), waiting.next(), waiting.next(), waiting.next(), waiting.length]).toEqual([
    3,
    'a',
    'b',
    'c',
    undefined,
    0,
  ])
})

test.each([
  [0, ['b', 'c', 'd']],
  [1, ['a', 'c', 'd']],
  [2, ['a', 'b', 'd']],
])('who leaves from place %i leaves the order of the others as it was', (place, order) => {
  const waiting = line<string>()
  const leave = ['a', 'b', 'c'].map((each) => waiting.join(each))[place]
  leave?.()
  leave?.()
  waiting.join('d')
  expect(waiting.length).toBe(3)
  expect([waiting.next(), waiting.next(), waiting.next(), waiting.next()]).toEqual([...order, undefined])
})

test('who was served has left', () => {
  const waiting = line<string>()
  const leave = waiting.join('a')
  waiting.join('b')
  expect(waiting.next()).toBe('a')
  leave()
  expect([waiting.length, waiting.next()]).toEqual([1, 'b'])
})

const LONG_MS = 60_000
const over = new AbortController()
afterAll(() => over.abort())
const patient = { waitMs: LONG_MS, maxWaiting: 10, signal: over.signal }

/** The way out of a turn that was granted. */
function doneOf(waited: Waited): () => void {
  if (waited.outcome !== 'turn') throw new Error(`expected a turn, got ${waited.outcome}`)
  return waited.done
}

/** Who came out, in which order. */
function watch(entries: readonly (readonly [string, Promise<Waited>])[]): string[] {
  const order: string[] = []
  for (const [name, waited] of entries) void waited.then(({ outcome }) => order.push(`${name}: ${outcome}`))
  return order
}

test('the first gets its turn at once, the others in the order in which they came', async () => {
  const queue = lockQueue()
  const first = doneOf(await queue.wait('k', patient))
  const [second, third] = [queue.wait('k', patient), queue.wait('k', patient)]
  const order = watch([
    ['second', second],
    ['third', third],
  ])
  first()
  const secondDone = doneOf(await second)
  expect(order).toEqual(['second: turn'])
  secondDone()
  doneOf(await third)()
  expect(order).toEqual(['second: turn', 'third: turn'])
})

test('keys do not wait for each other', async () => {
  const queue = lockQueue()
  await queue.wait('a', patient)
  expect(await queue.wait('b', patient)).toMatchObject({ outcome: 'turn' })
})

test('done twice gives one turn', async () => {
  const queue = lockQueue()
  const first = doneOf(await queue.wait('k', patient))
  const second = queue.wait('k', patient)
  const third = queue.wait('k', patient)
  const order = watch([['third', third]])
  first()
  first()
  await second
  await Promise.resolve()
  expect(order).toEqual([])
})

test('a full line turns the next one away', async () => {
  const queue = lockQueue()
  await queue.wait('k', { ...patient, maxWaiting: 1 })
  void queue.wait('k', { ...patient, maxWaiting: 1 })
  expect(await queue.wait('k', { ...patient, maxWaiting: 1 })).toEqual({ outcome: 'full' })
})

test('with maxWaiting 0 nobody waits', async () => {
  const queue = lockQueue()
  const first = doneOf(await queue.wait('k', { ...patient, maxWaiting: 0 }))
  expect(await queue.wait('k', { ...patient, maxWaiting: 0 })).toEqual({ outcome: 'full' })
  first()
  expect(await queue.wait('k', { ...patient, maxWaiting: 0 })).toMatchObject({ outcome: 'turn' })
})

test('who waited too long goes, and its place with it', async () => {
  const queue = lockQueue()
  const first = doneOf(await queue.wait('k', patient))
  expect(await queue.wait('k', { ...patient, waitMs: 1 })).toEqual({ outcome: 'late' })
  const third = queue.wait('k', patient)
  first()
  expect(await third).toMatchObject({ outcome: 'turn' })
})

test('who gives up goes at once, and its place with it', async () => {
  const queue = lockQueue()
  const first = doneOf(await queue.wait('k', patient))
  const leaver = new AbortController()
  const second = queue.wait('k', { ...patient, signal: leaver.signal })
  const third = queue.wait('k', patient)
  leaver.abort()
  expect(await second).toEqual({ outcome: 'left' })
  first()
  expect(await third).toMatchObject({ outcome: 'turn' })
})

test('who has given up before it came does not hold up anybody', async () => {
  const queue = lockQueue()
  expect(await queue.wait('k', { ...patient, signal: AbortSignal.abort() })).toEqual({ outcome: 'left' })
  expect(queue.size).toBe(0)
})

test('no line stays behind when nobody holds or waits', async () => {
  const queue = lockQueue()
  const first = doneOf(await queue.wait('k', patient))
  const late = await queue.wait('k', { ...patient, waitMs: 1 })
  expect(late.outcome).toBe('late')
  expect(queue.size).toBe(1)
  first()
  expect(queue.size).toBe(0)
})

test('how long it will take is told from the length of the line and how long turns took', async () => {
  let now = 0
  const queue = lockQueue(() => now)
  expect(queue.retryAfterS('k')).toBe(1)
  const first = doneOf(await queue.wait('k', patient))
  now = 20_000
  first()
  // 20 s count a fifth: 4 s for each, and up to twice that, so that not all come back at once.
  doneOf(await queue.wait('k', patient))
  void queue.wait('k', patient)
  expect(queue.retryAfterS('k')).toBeGreaterThanOrEqual(8)
  expect(queue.retryAfterS('k')).toBeLessThanOrEqual(16)
})

test('nobody is told to stay away for more than a minute', async () => {
  let now = 0
  const queue = lockQueue(() => now)
  const first = doneOf(await queue.wait('k', patient))
  now = 10_000_000
  first()
  expect(queue.retryAfterS('k')).toBe(60)
})
