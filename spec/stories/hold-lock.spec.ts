import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import express, { type Request, type Response } from 'express'
import request from 'supertest'
import {
  type ConflictOptions,
  defineResource,
  detectConflicts,
  fetchState,
  holdLock,
  type Lease,
  type LockManager,
  type LockOptions,
  memoryLocks,
  resourceOf,
  respondToConflicts,
} from '../../lib'
import { gatedAdapter, type Note } from './race'

interface Working {
  readonly req: Request
  readonly res: Response
  /** Commits and answers. */
  finish(): Promise<void>
}

/** An app whose handler stays at work until the test lets it finish. */
async function workshop(lock: Partial<LockOptions> = {}, options: Partial<ConflictOptions<Note>> = {}) {
  const adapter = gatedAdapter()
  for (const id of ['1', '2']) await adapter.inner.write(id, { id, title: 'first' }, null)
  const manager = lock.manager ?? memoryLocks()
  const atWork: Working[] = []
  const arrivals: (() => void)[] = []
  const app = express()
  app.use(express.json())
  const chain = detectConflicts<Note>({
    name: 'note',
    adapter,
    isolation: 'lock',
    lock: { manager, ...lock },
    ...options,
  })
  app.all('/notes/:id', chain, (req, res, next) => {
    const finish = async () => {
      try {
        const note = resourceOf(req, chain)
        await note.commit((current) => ({ id: '1', title: `${current?.title}+${req.body?.title}` }))
        res.json({ ok: true })
      } catch (error) {
        next(error)
      }
    }
    atWork.push({ req, res, finish })
    arrivals.shift()?.()
  })
  app.use(respondToConflicts({ logger: { warn: () => undefined, error: () => undefined } }))
  const server = app.listen(0)
  await once(server, 'listening')
  const arrival = () =>
    new Promise<void>((resolve) => {
      arrivals.push(resolve)
    })
  return {
    adapter,
    manager,
    app,
    chain,
    server,
    atWork,
    arrival,
    read: async () => (await adapter.inner.read('1'))?.value.title,
  }
}

let shop: Awaited<ReturnType<typeof workshop>>
afterEach(() => {
  for (const { res } of shop.atWork) if (!res.writableEnded) res.end()
  shop.server.closeAllConnections()
  shop.server.close()
})

/** Supertest sends when it is awaited; a race needs it to be sent now. */
const post = (title: string, id = '1') => {
  const sent = request(shop.server).post(`/notes/${id}`).send({ title })
  return { answer: sent.then((response) => response) }
}

test('the second waits until the first is answered, and sees what it stored', async () => {
  shop = await workshop()
  const firstHere = shop.arrival()
  const first = post('a')
  await firstHere
  const secondHere = shop.arrival()
  const second = post('b')
  await new Promise((resolve) => shop.server.getConnections(resolve))
  expect(shop.atWork).toHaveLength(1)
  await shop.atWork[0]!.finish()
  await first.answer
  await secondHere
  await shop.atWork[1]!.finish()
  expect((await second.answer).status).toBe(200)
  expect(await shop.read()).toBe('first+a+b')
  expect(shop.adapter.calls.write).toBe(2)
})

test('another resource does not wait', async () => {
  shop = await workshop()
  const both = [shop.arrival(), shop.arrival()]
  post('a', '1')
  post('b', '2')
  await Promise.all(both)
  expect(shop.atWork).toHaveLength(2)
})

test('reads do not wait, unless `methods` says so', async () => {
  shop = await workshop()
  const here = shop.arrival()
  post('a')
  await here
  const readerHere = shop.arrival()
  void request(shop.server)
    .get('/notes/1')
    .then(
      () => undefined,
      () => undefined,
    )
  await readerHere
  expect(shop.atWork).toHaveLength(2)
})

test('who waits in vain gets 409 resource_busy, retryable, with Retry-After', async () => {
  shop = await workshop({ waitMs: 5 })
  const here = shop.arrival()
  post('a')
  await here
  const { status, body, headers } = await post('b').answer
  expect({ status, code: body.code, retryable: body.retryable }).toEqual({
    status: 409,
    code: 'resource_busy',
    retryable: true,
  })
  expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(1)
  expect(shop.atWork).toHaveLength(1)
})

test('who finds the line full gets 503 queue_full, retryable, with Retry-After', async () => {
  shop = await workshop({ maxWaiting: 0 })
  const here = shop.arrival()
  post('a')
  await here
  const { status, body, headers } = await post('b').answer
  expect({ status, code: body.code }).toEqual({ status: 503, code: 'queue_full' })
  expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(1)
})

test('a request that is refused lets the lock go', async () => {
  shop = await workshop({ waitMs: 5 })
  await request(shop.server).put('/notes/1').send({ title: 'no condition' }).expect(428)
  const here = shop.arrival()
  const next = post('a')
  await here
  await shop.atWork[0]!.finish()
  expect((await next.answer).status).toBe(200)
})

test('a client that leaves while its handler is at work does not free the lock; the end of the answer does', async () => {
  shop = await workshop({ waitMs: 5 })
  const here = shop.arrival()
  const socket = connect((shop.server.address() as AddressInfo).port, '127.0.0.1')
  socket.write('POST /notes/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n')
  await here
  const { req, res, finish } = shop.atWork[0]!
  const note = resourceOf(req, shop.chain)
  const { signal } = note
  socket.destroy()
  await once(res, 'close')
  expect(signal.aborted).toBe(true)
  expect((await post('b').answer).body.code).toBe('resource_busy')
  await finish()
  expect(await shop.read()).toBe('first+undefined')
  const again = shop.arrival()
  post('c')
  await again
  expect(shop.atWork).toHaveLength(2)
})

test('a client that leaves while it waits gives up its place at once', async () => {
  shop = await workshop({ maxWaiting: 1 })
  const here = shop.arrival()
  post('a')
  await here
  const waiting = new Promise<void>((resolve) => {
    const socket = connect((shop.server.address() as AddressInfo).port, '127.0.0.1')
    socket.write('POST /notes/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n')
    shop.server.once('request', (_req, res: Response) => {
      socket.destroy()
      res.once('close', () => resolve())
    })
  })
  await waiting
  const nextHere = shop.arrival()
  const next = post('b')
  await shop.atWork[0]!.finish()
  await nextHere
  await shop.atWork[1]!.finish()
  expect((await next.answer).status).toBe(200)
  expect(shop.atWork).toHaveLength(2)
})

test('a handler that fails gives the lock back with its answer', async () => {
  shop = await workshop()
  const here = shop.arrival()
  const failing = post('a')
  await here
  // What the handler would pass on, as Express answers it.
  shop.atWork[0]!.res.status(500).json({})
  expect((await failing.answer).status).toBe(500)
  const nextHere = shop.arrival()
  const next = post('b')
  await nextHere
  await shop.atWork[1]!.finish()
  expect((await next.answer).status).toBe(200)
})

test('a handler that throws gives it back too', async () => {
  const manager = memoryLocks()
  const adapter = gatedAdapter()
  await adapter.inner.write('1', { id: '1', title: 'first' }, null)
  const app = express()
  const chain = detectConflicts<Note>({ name: 'note', adapter, isolation: 'lock', lock: { manager } })
  app.post('/notes/:id', chain, () => {
    throw new Error('handler')
  })
  const last: express.ErrorRequestHandler = (error, _req, res, _next) => void res.status(500).send(String(error))
  app.use(last)
  shop = await workshop()
  for (let times = 0; times < 2; times++) {
    const { status, text } = await request(app).post('/notes/1')
    expect([status, text, manager.size]).toEqual([500, 'Error: handler', 0])
  }
})

test('a handler that never answers a client that left loses the lock when the time to hold it is over', async () => {
  shop = await workshop({ maxHoldMs: 50, leaseMs: 50, waitMs: 5000 })
  const here = shop.arrival()
  const socket = connect((shop.server.address() as AddressInfo).port, '127.0.0.1')
  socket.write('POST /notes/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n')
  await here
  socket.destroy()
  const nextHere = shop.arrival()
  const next = post('b')
  await nextHere
  expect(shop.atWork[0]!.res.writableEnded).toBe(false)
  await shop.atWork[1]!.finish()
  expect((await next.answer).status).toBe(200)
})

test('a client that left before it could wait takes no place', async () => {
  shop = await workshop({ maxWaiting: 1 })
  const here = shop.arrival()
  post('a')
  await here
  const { app, chain } = shop
  const gone = new Promise<unknown>((resolve) => {
    app.post('/slow/:id', (_req, res, next) => void once(res, 'close').then(() => next()), chain)
    const told: express.ErrorRequestHandler = (error, _req, _res, _next) => resolve(error.code)
    app.use(told)
  })
  const socket = connect((shop.server.address() as AddressInfo).port, '127.0.0.1')
  socket.write('POST /slow/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n')
  await once(shop.server, 'request')
  socket.destroy()
  expect(await gone).toBe('resource_busy')
  const next = post('b')
  const nextHere = shop.arrival()
  await shop.atWork[0]!.finish()
  await nextHere
  await shop.atWork[1]!.finish()
  expect((await next.answer).status).toBe(200)
})

/** Grants at once, and lets the test end the lease. */
function fragileLocks(): LockManager & { lose(): void; granted: number; released: number } {
  const controllers: AbortController[] = []
  const locks = {
    granted: 0,
    released: 0,
    lose: () => controllers.at(-1)?.abort(),
    async acquire(): Promise<Lease> {
      const controller = new AbortController()
      controllers.push(controller)
      locks.granted++
      return {
        fence: String(locks.granted),
        signal: controller.signal,
        release: async () => {
          locks.released++
        },
      }
    },
  }
  return locks
}

test('a lease that is lost as it is granted gives its turn on', async () => {
  const manager = fragileLocks()
  const { acquire } = manager
  let isLost = true
  const lost: LockManager = {
    async acquire(...terms) {
      const lease = await acquire(...terms)
      if (isLost) manager.lose()
      isLost = false
      return lease
    },
  }
  shop = await workshop({ manager: lost, waitMs: 1000 })
  const here = shop.arrival()
  post('a')
  await here
  const nextHere = shop.arrival()
  const next = post('b')
  await nextHere
  await shop.atWork[1]!.finish()
  expect((await next.answer).status).toBe(200)
})

test('a lock that was lost meanwhile: signal, and 409 lock_lost in place of the commit', async () => {
  const manager = fragileLocks()
  shop = await workshop({ manager })
  const here = shop.arrival()
  const first = post('a')
  await here
  const note = resourceOf(shop.atWork[0]!.req, shop.chain)
  expect(note.lease?.fence).toBe('1')
  const { signal } = note
  manager.lose()
  expect(signal.aborted).toBe(true)
  await shop.atWork[0]!.finish()
  const { status, body } = await first.answer
  expect({ status, code: body.code, retryable: body.retryable }).toEqual({
    status: 409,
    code: 'lock_lost',
    retryable: true,
  })
  expect(await shop.read()).toBe('first')
})

test('a lock that was lost passes its turn on', async () => {
  const manager = fragileLocks()
  shop = await workshop({ manager })
  const here = shop.arrival()
  post('a')
  await here
  const nextHere = shop.arrival()
  post('b')
  manager.lose()
  await nextHere
  expect(manager.granted).toBe(2)
})

test('a manager that fails is 503 backend_unavailable, never a grant; the next one may try', async () => {
  const manager = fragileLocks()
  const { acquire } = manager
  manager.acquire = async () => {
    manager.acquire = acquire
    throw new Error('connection refused at 10.0.0.7')
  }
  shop = await workshop({ manager })
  const refused = await post('a').answer
  expect(refused.status).toBe(503)
  expect(refused.body.code).toBe('backend_unavailable')
  expect(refused.text).not.toContain('10.0.0.7')
  const here = shop.arrival()
  post('b')
  await here
  expect(shop.atWork).toHaveLength(1)
})

test('several locks are taken in one order, whatever order they are named in', async () => {
  const manager = memoryLocks()
  const asked: string[] = []
  const watched: LockManager = {
    acquire: (key, options) => {
      asked.push(key)
      return manager.acquire(key, options)
    },
  }
  shop = await workshop({
    manager: watched,
    key: (req) => (req.params.id === '1' ? ['note:1', 'note:2'] : ['note:2', 'note:1']),
  })
  const answers = Array.from({ length: 10 }, (_, n) => post('x', n % 2 ? '1' : '2').answer)
  for (let n = 0; n < 10; n++) {
    while (shop.atWork.length <= n) await new Promise(setImmediate)
    shop.atWork[n]!.res.status(204).end()
  }
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array(10).fill(204))
  expect(asked).toEqual(Array(10).fill(['note:1', 'note:2']).flat())
})

test('of several locks none is kept when one is not to be had', async () => {
  const manager = memoryLocks()
  const options = { waitMs: 0, leaseMs: 60_000, maxHoldMs: 60_000 }
  const other = await manager.acquire('note:2', options)
  shop = await workshop({ manager, waitMs: 5, key: () => ['note:1', 'note:2'] })
  expect((await post('a').answer).body.code).toBe('resource_busy')
  const first = await manager.acquire('note:1', options)
  expect(first).toBeDefined()
  await first?.release()
  await other?.release()
})

test('two chains on one request that want the same lock do not wait for themselves', async () => {
  shop = await workshop()
  const { adapter, manager } = shop
  const options = { name: 'note', adapter, lock: { manager, waitMs: 5 } }
  const app = express()
  app.post('/notes/:id', detectConflicts<Note>(options), detectConflicts<Note>(options), (_req, res) => {
    res.status(204).end()
  })
  app.use(respondToConflicts())
  await request(app).post('/notes/1').expect(204)
  await request(app).post('/notes/1').expect(204)
})

test('the stage by itself, in front of fetchState, holds the lock for the whole request', async () => {
  shop = await workshop()
  const { adapter } = shop
  const manager = memoryLocks()
  const note = defineResource<Note>({ name: 'note', adapter, lock: { manager } })
  const app = express()
  const held: number[] = []
  app.post('/notes/:id', holdLock(note), fetchState(note), (req, res) => {
    held.push(manager.size)
    res.json(resourceOf(req, note).current?.value)
  })
  await request(app).post('/notes/1').expect(200, { id: '1', title: 'first' })
  expect(held).toEqual([1])
  expect(manager.size).toBe(0)
})

test('the stage by itself needs a lock to hold', () => {
  expect(() => holdLock<Note>({ name: 'note', adapter: gatedAdapter() })).toThrow('holdLock(): give lock: { manager }')
})

test('a name of a lock that is no text is the mistake of the app: nothing runs', async () => {
  shop = await workshop({ key: () => ['note:1', 7 as never] })
  const { status, text } = await post('a').answer
  expect({ status, isNamed: text.includes('lock.key of the note') }).toEqual({ status: 500, isNamed: true })
  expect(shop.atWork).toHaveLength(0)
})

test.each([
  [{ isolation: 'lock' }, /isolation: 'lock' needs lock/],
  [{ lock: {} }, /lock: manager has to be a LockManager/],
  [{ lock: { manager: memoryLocks(), waitMs: '5' } }, /lock: waitMs has to be a number of milliseconds; got "5"/],
  [{ lock: { manager: memoryLocks(), maxwaiting: 5 } }, /Did you mean "maxWaiting"/],
  [{ isolation: 'serializable' }, /isolation has to be one of/],
])('%j is refused at start-up', (options, message) => {
  const all = { name: 'note', adapter: gatedAdapter(), ...options } as unknown as ConflictOptions<Note>
  expect(() => detectConflicts(all)).toThrow(message)
})
