import { once } from 'node:events'
import type { Server } from 'node:http'
import express, { type RequestHandler } from 'express'
import {
  type ConflictMiddleware,
  type ConflictOptions,
  commitChange,
  detectConflicts,
  type ExpiringStore,
  honorIdempotencyKey,
  memoryLocks,
  memoryStore,
  resourceOf,
  respondToConflicts,
} from '../../lib'
import { type Answer, type Ask, ask, gate } from './payments'
import { gatedAdapter, type Note } from './race'

let server: Server
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

const FIRST: Note = { id: '1', title: 'first' }
const replayed = ({ headers }: Answer) => headers.get('idempotency-replayed')
const code = ({ status, json }: Answer) => `${status} ${json.code}`

async function desk(
  options: Partial<ConflictOptions<Note>> = {},
  {
    handler,
    store = memoryStore(),
  }: { handler?: (chain: ConflictMiddleware<Note>) => RequestHandler; store?: ExpiringStore } = {},
) {
  const adapter = gatedAdapter()
  const made = await adapter.inner.write('1', FIRST, null)
  let runs = 0
  const counted: RequestHandler = (_req, _res, next) => {
    runs += 1
    next()
  }
  const app = express()
  app.use(express.json())
  const chain = detectConflicts<Note>({
    name: 'note',
    adapter,
    idempotency: { store, scope: (req) => req.get('User') ?? '' },
    ...options,
  })
  const last = handler ? handler(chain) : commitChange()
  app.post('/notes', chain, counted, last)
  app.all('/notes/:id', chain, counted, last)
  app.use(respondToConflicts({ logger: { warn: () => undefined, error: () => undefined } }))
  const mistake: express.ErrorRequestHandler = (error, _req, res, _next) => {
    res.status(error.status ?? 500).json({ mistake: String(error) })
  }
  app.use(mistake)
  server = app.listen(0)
  await once(server, 'listening')
  return {
    adapter,
    tag: made.ok ? `"${made.state.version}"` : '',
    runs: () => runs,
    put: (title: string, tag: string | undefined, how: Ask = {}) =>
      ask(server, {
        method: 'PUT',
        path: '/notes/1',
        body: { id: '1', title },
        ...how,
        headers: { ...(tag ? { 'If-Match': tag } : {}), ...how.headers },
      }),
    stored: async () => (await adapter.inner.read('1'))?.value.title,
    async change(title: string) {
      const current = await adapter.inner.read('1')
      const result = await adapter.inner.write('1', { id: '1', title }, current?.version ?? null)
      return result.ok ? `"${result.state.version}"` : ''
    },
  }
}

test('a PUT that succeeded, sent again with its key: the first answer, with the tag of then; nothing is read or written', async () => {
  const it = await desk()
  const first = await it.put('mine', it.tag)
  expect(first.status).toBe(200)
  const calls = { ...it.adapter.calls }
  const second = await it.put('mine', it.tag)
  expect([second.status, second.text, replayed(second)]).toEqual([200, first.text, 'true'])
  expect(second.headers.get('etag')).toBe(first.headers.get('etag'))
  expect(it.adapter.calls).toEqual(calls)
  expect(it.runs()).toBe(1)
})

test('the same without a key: already applied, where the app says so', async () => {
  const it = await desk({ alreadyApplied: ['PUT'] })
  const first = await it.put('mine', it.tag, { key: '' })
  const second = await it.put('mine', it.tag, { key: '' })
  expect([second.status, second.headers.get('etag'), replayed(second)]).toEqual([200, first.headers.get('etag'), null])
  expect(it.adapter.calls.write).toBe(1)
})

test('a key with a stale If-Match: 412, and the key is free for the request that is made from the new state', async () => {
  const it = await desk()
  const newer = await it.change('theirs')
  expect(code(await it.put('mine', it.tag))).toBe('412 precondition_failed')
  const merged = await it.put('mine and theirs', newer)
  expect([merged.status, replayed(merged)]).toEqual([200, null])
  expect(await it.stored()).toBe('mine and theirs')
})

test('a key that was claimed and then lost its race is 412 as well, and free', async () => {
  const it = await desk()
  it.adapter.stopBefore('write', () => it.change('theirs'))
  expect(code(await it.put('mine', it.tag))).toBe('412 precondition_failed')
  const current = await it.adapter.inner.read('1')
  expect((await it.put('mine', `"${current?.version}"`)).status).toBe(200)
})

test('the resource changed again: a repetition still gets the first answer, and changes nothing', async () => {
  const it = await desk()
  const first = await it.put('mine', it.tag)
  await it.change('theirs')
  const second = await it.put('mine', it.tag)
  expect([second.status, second.text, replayed(second)]).toEqual([200, first.text, 'true'])
  expect(await it.stored()).toBe('theirs')
  // The tag of then is stale by now, and says so when it is used.
  expect(code(await it.put('again', second.headers.get('etag') ?? '', { key: '"k-2"' }))).toBe(
    '412 precondition_failed',
  )
})

test('two keys for one change are two changes: one commits, the other is stale', async () => {
  const it = await desk()
  const [a, b] = [await it.put('mine', it.tag, { key: '"a"' }), await it.put('mine', it.tag, { key: '"b"' })]
  expect([a.status, code(b), it.adapter.calls.write]).toEqual([200, '412 precondition_failed', 1])
  expect(code(await it.put('other', it.tag, { key: '"c"' }))).toBe('412 precondition_failed')
})

test('two keys for one POST are two resources', async () => {
  const it = await desk()
  const post = (key: string) => ask(server, { path: '/notes', key, body: { title: 'new' } })
  const [a, again, b] = [await post('"a"'), await post('"a"'), await post('"b"')]
  expect(again.headers.get('location')).toBe(a.headers.get('location'))
  expect(b.headers.get('location')).not.toBe(a.headers.get('location'))
  expect(it.runs()).toBe(2)
})

describe('with a lock', () => {
  async function atWork(onInProgress: 'refuse' | 'wait') {
    const [begun, finish] = [gate(), gate()]
    const locks = memoryLocks()
    const asked: string[] = []
    const it = await desk(
      {
        isolation: 'lock',
        lock: {
          manager: {
            acquire(key, options) {
              asked.push(key)
              return locks.acquire(key, options)
            },
          },
        },
        idempotency: { store: memoryStore(), scope: () => 'ann', onInProgress },
      },
      {
        handler: (chain) => async (req, res, next) => {
          begun.open()
          await finish.passed
          await resourceOf(req, chain)
            .commit()
            .then(() => res.json({ done: true }), next)
        },
      },
    )
    const first = it.put('mine', it.tag)
    await begun.passed
    return { ...it, first, finish: finish.open, asked, locks }
  }

  test('a duplicate does not wait for the lock that its first holds', async () => {
    const it = await atWork('refuse')
    expect(code(await it.put('mine', it.tag))).toBe('409 idempotency_in_progress')
    expect(it.asked).toEqual(['note:1'])
    it.finish()
    expect((await it.first).status).toBe(200)
  })

  test('a replay takes no lock, not even while another request holds it', async () => {
    const it = await atWork('wait')
    const duplicate = it.put('mine', it.tag)
    it.finish()
    expect([(await it.first).status, replayed(await duplicate)]).toEqual([200, 'true'])
    expect(it.asked).toEqual(['note:1'])
    const held = await it.locks.acquire('note:1', { waitMs: 0, leaseMs: 10_000, maxHoldMs: 10_000 })
    expect(held).toBeDefined()
    expect(replayed(await it.put('mine', it.tag))).toBe('true')
    await held?.release()
  })
})

describe('who may see what came of it', () => {
  test('a caller who was refused since then gets no replay', async () => {
    let isRevoked = false
    const it = await desk({ allow: () => !isRevoked })
    expect((await it.put('mine', it.tag)).status).toBe(200)
    isRevoked = true
    expect(code(await it.put('mine', it.tag))).toBe('403 denied')
    isRevoked = false
    expect(replayed(await it.put('mine', it.tag))).toBe('true')
  })

  test('a removal can be repeated, although there is nothing left to ask about', async () => {
    const it = await desk({ allow: (_req, current) => (current ? true : 'Never asked.'), create: [] })
    const remove = () =>
      ask(server, { method: 'DELETE', path: '/notes/1', body: undefined, headers: { 'If-Match': it.tag } })
    expect((await remove()).status).toBe(204)
    const again = await remove()
    expect([again.status, replayed(again)]).toEqual([204, 'true'])
  })
})

test('a handler that fails behind its commit: the repetition learns that the change was made', async () => {
  const it = await desk(
    {},
    {
      handler: (chain) => async (req, _res, next) => {
        const { state } = await resourceOf(req, chain).commit()
        next(new Error(`behind the commit of ${state?.version}`))
      },
    },
  )
  expect((await it.put('mine', it.tag)).status).toBe(500)
  const again = await it.put('mine', it.tag)
  const version = (await it.adapter.inner.read('1'))?.version
  expect([again.status, replayed(again), again.headers.get('etag')]).toEqual([204, 'true', `"${version}"`])
  expect(it.runs()).toBe(1)
})

test('a chain that cannot reach its data has done nothing: the key is free', async () => {
  const it = await desk()
  it.adapter.stopBefore('read', () => Promise.reject(Object.assign(new Error('down'), { code: 'ECONNREFUSED' })))
  expect(code(await it.put('mine', it.tag))).toBe('503 backend_unavailable')
  expect((await it.put('mine', it.tag)).status).toBe(200)
})

test('what has to be refused before anything is asked claims nothing', async () => {
  const store = memoryStore()
  const it = await desk({}, { store })
  expect(code(await it.put('mine', it.tag, { headers: { 'Content-Type': 'text/plain' } }))).toBe(
    '415 unsupported_media_type',
  )
  expect(store.size).toBe(0)
})

test('the stage by itself, in front of a chain: one claim for one request', async () => {
  const store = memoryStore()
  const idempotency = { store, scope: () => 'ann' }
  const adapter = gatedAdapter()
  await adapter.inner.write('1', FIRST, null)
  const app = express()
  app.use(express.json())
  app.use('/notes', honorIdempotencyKey({ name: 'all', idempotency }))
  app.put(
    '/notes/:id',
    honorIdempotencyKey<Note>({ name: 'note', adapter, idempotency }),
    detectConflicts<Note>({ name: 'note', adapter, preconditions: { required: false } }),
    commitChange(),
  )
  app.use(respondToConflicts())
  server = app.listen(0)
  await once(server, 'listening')
  const put = () => ask(server, { method: 'PUT', path: '/notes/1', body: { id: '1', title: 'mine' } })
  expect([(await put()).status, replayed(await put()), store.size]).toEqual([200, 'true', 1])
  expect(adapter.calls.write).toBe(1)
})
