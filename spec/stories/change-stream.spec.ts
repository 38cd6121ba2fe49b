import type { ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import request from 'supertest'
import {
  type ChangeStream,
  type ChangeStreamOptions,
  type ConflictOptions,
  changeStream,
  defineResource,
  detectConflicts,
  editLocks,
  memoryAdapter,
  memoryStore,
  resourceOf,
  resourceRouter,
  signature,
} from '../../lib'
import { isHeard } from '../../lib/conflicts/events'
import { appOf, type Doc, shelf } from './app'
import { type Stream, type StreamEvent, watch } from './stream'

const ends: (() => unknown)[] = []
afterEach(async () => {
  jest.useRealTimers()
  for (const end of ends.splice(0).reverse()) await end()
})

async function newsroom(options: Partial<ConflictOptions<Doc>> = {}, bounds?: ChangeStreamOptions) {
  const it = await shelf({ title: 'first', secret: 's' }, { tombstones: true })
  const article = defineResource<Doc>({ name: 'article', adapter: it.adapter, ...options })
  const changes: ChangeStream = changeStream(article, bounds)
  const responses: ServerResponse[] = []
  const app = appOf((all) => {
    all.use((_req, res, next) => {
      responses.push(res)
      next()
    })
    all.get('/articles/:id/changes', changes)
    all.use('/articles', resourceRouter(article))
  })
  const server: Server = app.listen(0)
  ends.push(() => new Promise((resolve) => server.close(resolve)))
  const streams: Stream[] = []
  ends.push(() => {
    for (const stream of streams) stream.leave()
    changes.stop()
  })
  const open = async (headers: Record<string, string> = {}, path = '/articles/1/changes') => {
    const stream = await watch(server, path, headers)
    streams.push(stream)
    return stream
  }
  const save = (value: Doc, user = 'ann') =>
    request(server).put('/articles/1').set({ 'If-Match': '*', User: user }).send(value)
  return { ...it, changes, server, open, save, article, responses }
}

const gone = async (stream: Stream) => {
  stream.leave()
  await stream.ended
}

test('who watches is told of the version that is stored, and of each one after it', async () => {
  const { open, save, adapter, tag } = await newsroom()
  const stream = await open()
  expect(stream.response.statusCode).toBe(200)
  expect(stream.response.headers).toMatchObject({
    'content-type': 'text/event-stream',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
  })
  const first = await stream.next()
  expect(first).toEqual({
    id: tag.slice(1, -1),
    event: 'changed',
    data: { etag: tag, lastModified: expect.any(String) },
  })
  const { headers } = await save({ title: 'second' }).expect(200)
  const second = await stream.next()
  const state = await adapter.read('1')
  expect(second.data).toEqual({ etag: headers.etag, lastModified: state?.lastModified?.toISOString() })
  expect(stream.text()).toMatch(/^retry: \d{4}\n\n/)
})

test('nothing of what is stored is shown but what expose allows, to each caller', async () => {
  const { open, save } = await newsroom({
    expose: ({ value }, req) => (req.get('User') === 'ann' ? { by: value.by } : undefined),
  })
  const [ann, bob] = [await open({ User: 'ann' }), await open({ User: 'bob' })]
  await Promise.all([ann.next(), bob.next()])
  await save({ title: 'second', by: 'Ben' }).expect(200)
  expect((await ann.next()).data.state).toEqual({ by: 'Ben' })
  expect((await bob.next()).data).toEqual({ etag: expect.any(String), lastModified: expect.any(String) })
})

test('with a signature for a tag, no version is told', async () => {
  const { open, version } = await newsroom({ tag: signature({ secret: 'x'.repeat(32) }) })
  const { id, data } = await (await open()).next()
  expect([id, data.etag]).not.toContain(version)
  expect(data.etag).toBe(`"${id}"`)
})

describe('what was missed', () => {
  test('is told when the client comes back with an older Last-Event-ID', async () => {
    const { open, save } = await newsroom()
    const stream = await open()
    const { id = '' } = await stream.next()
    await gone(stream)
    await save({ title: 'second' }).expect(200)
    await save({ title: 'third' }).expect(200)
    const { etag } = (await save({ title: 'fourth' }).expect(200)).headers
    expect((await (await open({ 'Last-Event-ID': id })).next()).data.etag).toBe(etag)
  })

  test('is nothing where Last-Event-ID names what is stored', async () => {
    const { open, save, version } = await newsroom()
    const stream = await open({ 'Last-Event-ID': version })
    const { etag } = (await save({ title: 'second' }).expect(200)).headers
    expect((await stream.next()).data.etag).toBe(etag)
  })

  test('is what was saved between the read and the first event, too', async () => {
    let whileReading: (() => Promise<unknown>) | undefined
    const it = memoryAdapter<Doc>()
    await it.write('1', { title: 'first' }, null)
    const adapter = {
      ...it,
      async read(key: string) {
        const state = await it.read(key)
        const [act] = [whileReading]
        whileReading = undefined
        await act?.()
        return state
      },
    }
    const { open, save } = await newsroom({ adapter })
    whileReading = () => save({ title: 'second' })
    const stream = await open()
    const told: StreamEvent[] = [await stream.next(), await stream.next()]
    expect(told.map(({ data }) => data.etag)).toEqual([expect.any(String), `"${(await it.read('1'))?.version}"`])
  })

  test('is not each step, where changes come faster than they are told', async () => {
    const { open, save, adapter } = await newsroom()
    const stream = await open()
    await stream.next()
    for (let count = 0; count < 30; count++) await save({ count }).expect(200)
    const last = `"${(await adapter.read('1'))?.version}"`
    const told: unknown[] = []
    while (told.at(-1) !== last) told.push((await stream.next()).data.etag)
    expect(told.length).toBeLessThan(30)
  })
})

describe('who may watch', () => {
  const hides: Partial<ConflictOptions<Doc>> = {
    allow: (req, current) => (current?.value.for === 'all' || req.get('User') === 'ann' ? true : { as: 'not_found' }),
  }

  test.each([
    ['/articles/2/changes', 404],
    ['/articles/1/changes', 404],
  ])('who may not read it, or nobody: %s is %d', async (path, status) => {
    const { server } = await newsroom(hides)
    const { body } = await request(server).get(path).set('User', 'bob').expect(status)
    expect(body.code).toBe('not_found')
  })

  test('allow is asked again: a client that may no longer see it is not told what happened, and the stream ends', async () => {
    const { open, save, adapter } = await newsroom(hides)
    await adapter.write('1', { for: 'all' }, (await adapter.read('1'))?.version ?? '')
    const [ann, bob] = [await open({ User: 'ann' }), await open({ User: 'bob' })]
    await Promise.all([ann.next(), bob.next()])
    await save({ for: 'ann' }).expect(200)
    await bob.ended
    expect(bob.unread).toEqual([])
    expect((await ann.next()).event).toBe('changed')
  })

  test('an allow that fails ends the stream', async () => {
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    let fails = false
    const { open, save } = await newsroom({
      allow: (req) => {
        if (fails && req.method === 'GET') throw new Error('no answer')
        return true
      },
    })
    const stream = await open()
    await stream.next()
    fails = true
    await save({ title: 'second' }).expect(200)
    await stream.ended
    expect(stream.unread).toEqual([])
    expect(String(warned.mock.calls[0]?.[0])).toBe('Error: no answer')
    warned.mockRestore()
  })

  test('more than maxWatchers are refused, and are let in when others have left', async () => {
    const { open, server } = await newsroom({}, { maxWatchers: 2 })
    const [first] = [await open(), await open()]
    const { headers, body } = await request(server).get('/articles/1/changes').expect(503)
    expect(body).toMatchObject({ code: 'queue_full', retryable: true, detail: expect.stringContaining('2 clients') })
    expect(headers['retry-after']).toMatch(/^\d+$/)
    await gone(first)
    const again = await open()
    expect(again.response.statusCode).toBe(200)
  })

  test('a refused one takes no place', async () => {
    const { open, server } = await newsroom({}, { maxWatchers: 1 })
    for (let times = 0; times < 3; times++) await request(server).get('/articles/2/changes').expect(404)
    expect((await open()).response.statusCode).toBe(200)
  })

  test('HEAD says what GET would, and holds nothing open', async () => {
    const { server } = await newsroom({}, { maxWatchers: 1 })
    for (let times = 0; times < 3; times++) {
      const { headers } = await request(server).head('/articles/1/changes').expect(200)
      expect(headers['content-type']).toBe('text/event-stream')
    }
  })
})

test('a removal is told, and ends the stream; a client that comes back is answered 410', async () => {
  const { open, server } = await newsroom()
  const stream = await open()
  await stream.next()
  await request(server).delete('/articles/1').set('If-Match', '*').expect(204)
  expect(await stream.next()).toEqual({ event: 'removed', data: {} })
  await stream.ended
  await request(server).get('/articles/1/changes').expect(410)
})

test('who edits is told, and when it ends: by release, and because nobody renewed it', async () => {
  // The lease runs out by the clock of the process, and the record by that of the store, when the test says so.
  let nowMs = 0
  const leaseMs = 300
  const store = memoryStore({ now: () => nowMs })
  const owner = (req: { get(name: string): string | undefined }) => req.get('User')
  const locks = editLocks({ store, owner, leaseMs, describeHolder: ({ owner }) => ({ name: owner }) })
  const { open, server } = await newsroom({ editLocks: locks })
  const [ann, bob] = [await open({ User: 'ann' }), await open({ User: 'bob' })]
  expect([(await ann.next()).event, (await ann.next()).event]).toEqual(['changed', 'released'])
  await bob.next()
  await bob.next()
  const take = () => request(server).put('/articles/1/lock').set('User', 'ann').expect(201)
  const { headers } = await take()
  expect(await bob.next()).toEqual({
    event: 'locked',
    data: { locked: true, mine: false, lockedUntil: expect.any(String), holder: { name: 'ann' } },
  })
  expect((await ann.next()).data.mine).toBe(true)
  const late = await open({ User: 'cay' })
  expect([(await late.next()).event, (await late.next()).event]).toEqual(['changed', 'locked'])
  await request(server).delete('/articles/1/lock').set({ User: 'ann', 'Lock-Token': headers['lock-token'] }).expect(204)
  expect(await bob.next()).toEqual({ event: 'released', data: { locked: false } })
  await take()
  expect((await bob.next()).event).toBe('locked')
  nowMs += leaseMs
  expect(await bob.next()).toEqual({ event: 'released', data: { locked: false } })
})

test('a job says what it has changed', async () => {
  const { open, change, changes } = await newsroom()
  const stream = await open()
  await stream.next()
  const tag = await change({ title: 'by a job' })
  changes.changed('1')
  changes.changed('nobody watches this')
  expect((await stream.next()).data.etag).toBe(tag)
})

test('a handler that writes by itself is heard', async () => {
  const it = await shelf()
  const article = defineResource<Doc>({ name: 'article', adapter: { read: it.adapter.read }, writes: 'by-app' })
  const changes = changeStream(article)
  const app = appOf((all) => {
    all.get('/articles/:id/changes', changes)
    all.put('/articles/:id', detectConflicts(article), async (req, res) => {
      const result = await it.adapter.write('1', req.body, it.version)
      resourceOf(req, article).written(result.ok && { version: result.state.version })
      res.sendStatus(204)
    })
  })
  const server = app.listen(0)
  const stream = await watch(server, '/articles/1/changes')
  ends.push(
    () => new Promise((resolve) => server.close(resolve)),
    () => changes.stop(),
  )
  await stream.next()
  await request(server).put('/articles/1').set('If-Match', it.tag).send({ title: 'x' }).expect(204)
  expect((await stream.next()).data.etag).toBe(`"${(await it.adapter.read('1'))?.version}"`)
})

test('while nobody watches, commits pay nothing; one read serves all who do', async () => {
  const it = memoryAdapter<Doc>()
  await it.write('1', { title: 'first' }, null)
  let reads = 0
  const read = (key: string) => {
    reads += 1
    return it.read(key)
  }
  const { open, save } = await newsroom({ adapter: { ...it, read } })
  expect([isHeard('committed'), isHeard('edit-lock')]).toEqual([false, false])
  const streams = await Promise.all(Array.from({ length: 20 }, () => open()))
  await Promise.all(streams.map((stream) => stream.next()))
  expect(isHeard('committed')).toBe(true)
  reads = 0
  await save({ title: 'second' }).expect(200)
  await Promise.all(streams.map((stream) => stream.next()))
  expect(reads).toBe(2)
  await Promise.all(streams.slice(1).map(gone))
  expect(isHeard('committed')).toBe(true)
  await gone(streams[0] as Stream)
  while (isHeard('committed')) await new Promise(setImmediate)
  expect(isHeard('edit-lock')).toBe(false)
})

test('a read that fails is made again', async () => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'performance', 'Date', 'queueMicrotask'] })
  const it = memoryAdapter<Doc>()
  await it.write('1', { title: 'first' }, null)
  let fails = 0
  const read = (key: string) => (fails-- > 0 ? Promise.reject(new Error('down')) : it.read(key))
  const { open, changes } = await newsroom({ adapter: { ...it, read } })
  const stream = await open()
  const { id } = await stream.next()
  await it.write('1', { title: 'second' }, id ?? '')
  fails = 1
  changes.changed('1')
  while (stream.unread.length === 0) {
    await jest.advanceTimersByTimeAsync(500)
    await new Promise(setImmediate)
  }
  expect(fails).toBeLessThan(0)
  expect((await stream.next()).data.etag).toBe(`"${(await it.read('1'))?.version}"`)
})

test('a heartbeat keeps the connection open', async () => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'performance', 'Date', 'queueMicrotask', 'setTimeout'] })
  const { open } = await newsroom()
  const stream = await open()
  await stream.next()
  const beats = () =>
    stream
      .text()
      .split('\n')
      .filter((line) => line === ':').length
  const came = new Promise((resolve) => stream.response.on('data', resolve))
  jest.advanceTimersByTime(15_000)
  await came
  expect(beats()).toBe(1)
})

describe('a client that does not read', () => {
  const ONLY_INTERVALS = ['nextTick', 'setImmediate', 'performance', 'Date', 'queueMicrotask', 'setTimeout'] as const

  /** As a connection is whose buffers are full. */
  function stuck([res]: readonly ServerResponse[]) {
    let isFull = true
    Object.defineProperty(res, 'writableNeedDrain', { get: () => isFull })
    return () => {
      isFull = false
      res?.emit('drain')
    }
  }

  test('is told when it reads again, of the newest version', async () => {
    const { open, save, responses } = await newsroom()
    const [slow, other] = [await open(), await open()]
    await Promise.all([slow.next(), other.next()])
    const goOn = stuck(responses)
    await save({ title: 'second' }).expect(200)
    await other.next()
    const { etag } = (await save({ title: 'third' }).expect(200)).headers
    expect((await other.next()).data.etag).toBe(etag)
    expect(slow.unread).toEqual([])
    goOn()
    expect((await slow.next()).data.etag).toBe(etag)
  })

  test('is cut off when it reads nothing for two heartbeats', async () => {
    jest.useFakeTimers({ doNotFake: [...ONLY_INTERVALS] })
    const { open, responses } = await newsroom()
    const stream = await open()
    await stream.next()
    stuck(responses)
    jest.advanceTimersByTime(15_000)
    expect(responses[0]?.destroyed).toBe(false)
    jest.advanceTimersByTime(15_000)
    await stream.ended
    expect(responses[0]?.destroyed).toBe(true)
  })
})

test('stop ends the streams, and refuses new ones for another process to serve', async () => {
  const { open, changes, server } = await newsroom()
  const stream = await open()
  await stream.next()
  changes.stop()
  await stream.ended
  expect(isHeard('committed')).toBe(false)
  await request(server).get('/articles/1/changes').expect(503)
})

test('a definition with a path of its own, mounted on a route', async () => {
  const it = await shelf()
  const article = defineResource<Doc>({ name: 'article', adapter: it.adapter, path: '/:id' })
  const changes = changeStream(article)
  const app = appOf((all) => all.get('/articles/:id/changes', changes))
  const server = app.listen(0)
  ends.push(
    () => new Promise((resolve) => server.close(resolve)),
    () => changes.stop(),
  )
  expect((await (await watch(server, '/articles/1/changes')).next()).data.etag).toBe(it.tag)
})
