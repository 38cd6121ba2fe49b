import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import express, { type RequestHandler } from 'express'
import {
  type ConflictMiddleware,
  detectConflicts,
  memoryAdapter,
  type ResourceAdapter,
  resourceOf,
  respondToConflicts,
} from '../../lib'
import { gate } from './payments'

interface Counter {
  count: number
}

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** A counter that every POST adds one to, over an adapter that stops where a spec says. */
async function counting() {
  const inner = memoryAdapter<Counter>()
  await inner.write('1', { count: 0 }, null)
  const calls = { read: 0, write: 0 }
  const stops = {
    read: (_nth: number): Promise<unknown> | undefined => undefined,
    write: (_nth: number): Promise<unknown> | undefined => undefined,
  }
  const adapter: ResourceAdapter<Counter> = {
    ...inner,
    async read(key) {
      await stops.read(++calls.read)
      return inner.read(key)
    },
    async write(key, value, expected) {
      await stops.write(++calls.write)
      return inner.write(key, value, expected)
    },
  }
  const app = express()
  const left = gate()
  app.use((_req, res, next) => {
    res.once('close', () => res.writableEnded || setImmediate(left.open))
    next()
  })
  app.use(express.json())
  const count =
    (chain: ConflictMiddleware<Counter>): RequestHandler =>
    (req, res, next) => {
      const { commit } = resourceOf(req, chain)
      const { value } = req.query
      if (value) {
        commit({ count: Number(value) }).then(({ outcome }) => res.json({ outcome }), next)
        return
      }
      const done = req.method === 'POST' ? commit((current) => ({ count: (current?.count ?? 0) + 1 })) : commit()
      done.then(({ outcome }) => res.json({ outcome }), next)
    }
  const patient = detectConflicts<Counter>({ name: 'counter', adapter })
  const hasty = detectConflicts<Counter>({ name: 'hasty counter', adapter, deadlineMs: 50 })
  app.use('/counters/:id', patient, count(patient))
  app.use('/hasty/:id', hasty, count(hasty))
  app.use(respondToConflicts({ logger: { warn: () => undefined, error: () => undefined } }))
  const server = app.listen(0)
  await once(server, 'listening')
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    calls,
    /** A client has left. */
    left: left.passed,
    stops,
    count: async () => (await inner.read('1'))?.value.count,
    tag: async () => `"${(await inner.read('1'))?.version}"`,
    send: async (init: RequestInit = {}, kind = 'counters', query = '') =>
      (await fetch(`${url}/${kind}/1${query}`, { method: 'POST', ...init })).status,
  }
}

/** Opens when as many calls have come; all of them go on then. */
function crowd(size: number) {
  const { open, passed } = gate()
  return (nth: number) => {
    if (nth === size) open()
    return nth <= size ? passed : undefined
  }
}

test('requests that collide take turns: each writes twice at the most, and none is refused', async () => {
  const it = await counting()
  it.stops.write = crowd(20)
  const answers = await Promise.all(Array.from({ length: 20 }, () => it.send()))
  expect(new Set(answers)).toEqual(new Set([200]))
  expect(await it.count()).toBe(20)
  expect(it.calls.write).toBe(20 + 19)
})

/** Two have collided, and the loser stands before its second write, until `goOn` is called. */
async function contended() {
  const it = await counting()
  const [standing, goOn] = [gate(), gate()]
  const both = crowd(2)
  it.stops.write = (nth) => {
    if (nth !== 3) return both(nth)
    standing.open()
    return goOn.passed
  }
  const first = [it.send(), it.send()]
  await standing.passed
  return { ...it, goOn: goOn.open, first: () => Promise.all(first) }
}

async function reads(it: Awaited<ReturnType<typeof counting>>, count: number) {
  const enough = gate()
  it.stops.read = (nth) => {
    if (nth === count) setImmediate(enough.open)
    return undefined
  }
  return enough.passed
}

test('one that comes while others take turns waits for its own, and writes once', async () => {
  const it = await contended()
  const all = reads(it, it.calls.read + 5)
  const later = Array.from({ length: 5 }, () => it.send())
  await all
  expect(it.calls.write).toBe(3)
  it.goOn()
  expect(await it.first()).toEqual([200, 200])
  expect(await Promise.all(later)).toEqual([200, 200, 200, 200, 200])
  expect(it.calls.write).toBe(3 + 5)
  expect(await it.count()).toBe(7)
})

test('one that names a version does not wait for others to outdate it', async () => {
  const it = await contended()
  const change = { headers: { 'If-Match': await it.tag(), 'Content-Type': 'application/json' }, body: '{"count":100}' }
  expect(await it.send({ method: 'PUT', ...change })).toBe(200)
  it.goOn()
  expect(await it.first()).toEqual([200, 200])
  expect(await it.count()).toBe(101)
})

test('a value of the handler’s own does not wait: it would be written over what it was not made from', async () => {
  const it = await contended()
  expect(await it.send({}, 'counters', '?value=50')).toBe(200)
  expect(await it.count()).toBe(50)
  it.goOn()
  expect(await it.first()).toEqual([200, 200])
  expect(await it.count()).toBe(51)
})

test('a client that leaves gives up its place', async () => {
  const it = await contended()
  const leaver = new AbortController()
  const all = reads(it, it.calls.read + 2)
  const leaving = it.send({ signal: leaver.signal }).catch(() => 'left')
  const stays = it.send()
  await all
  leaver.abort()
  expect(await leaving).toBe('left')
  await it.left
  it.goOn()
  expect(await stays).toBe(200)
  expect(await it.count()).toBe(3)
})

test('nobody waits for a turn beyond its deadline: 409', async () => {
  const it = await contended()
  expect(await it.send({}, 'hasty')).toBe(409)
  it.goOn()
  expect(await it.first()).toEqual([200, 200])
  expect(await it.count()).toBe(2)
})

test('where nothing collides any more, a change costs one read and one write', async () => {
  const it = await contended()
  it.goOn()
  await it.first()
  const { read, write } = { ...it.calls }
  expect(await it.send()).toBe(200)
  expect([it.calls.read - read, it.calls.write - write]).toEqual([1, 1])
})
