import express from 'express'
import request from 'supertest'
import {
  type ConflictOptions,
  commitChange,
  detectConflicts,
  type EditLockOptions,
  editLockRouter,
  editLocks,
  type MemoryStore,
  memoryAdapter,
  memoryStore,
  resourceRouter,
  respondToConflicts,
} from '../../lib'
import type { ExpiringStore } from '../../lib/contracts/store'

interface Note {
  readonly title: string
}

interface Desk {
  readonly app: express.Express
  readonly store: MemoryStore
  readonly adapter: ReturnType<typeof memoryAdapter<Note>>
  advance(ms: number): void
  tag(): Promise<string>
  take(user: string, headers?: Record<string, string>, path?: string): Promise<request.Response>
  look(user: string): Promise<request.Response>
  free(user: string, token?: string): Promise<request.Response>
  /** A change with the current tag. */
  put(user: string, token?: string, headers?: Record<string, string>): Promise<request.Response>
}

type Mount = (app: express.Express, options: ConflictOptions<Note>) => unknown

const tokenIn = ({ headers }: request.Response) => String(headers['lock-token'])

/** Notes that ann and ben edit. Who asks stands in a header, as an authentication in front of it would have it. */
async function desk(
  locks: Partial<EditLockOptions> = {},
  options: Partial<ConflictOptions<Note>> = {},
  mount: Mount = (app, all) => app.use('/notes', resourceRouter(all)),
): Promise<Desk> {
  let nowMs = 0
  const store = memoryStore({ now: () => nowMs })
  const adapter = memoryAdapter<Note>({ tombstones: true })
  await adapter.write('1', { title: 'first' }, null)
  const app = express()
  app.use(express.json())
  const owner = (req: express.Request) => req.get('user')
  mount(app, { name: 'note', adapter, editLocks: editLocks({ store, owner, ...locks }), ...options })
  app.use(respondToConflicts({ logger: { warn: () => {}, error: () => {} } }))
  const tag = async () => `"${(await adapter.read('1'))?.version}"`
  return {
    app,
    store,
    adapter,
    advance: (ms) => {
      nowMs += ms
    },
    tag,
    take: async (user, headers = {}, path = '/notes/1/lock') =>
      request(app)
        .put(path)
        .set({ user, ...headers }),
    look: async (user) => request(app).get('/notes/1/lock').set({ user }),
    free: async (user, token) => {
      const test = request(app).delete('/notes/1/lock').set({ user })
      return token === undefined ? test : test.set('Lock-Token', token)
    },
    put: async (user, token, headers = {}) => {
      const test = request(app)
        .put('/notes/1')
        .set({ user, 'If-Match': await tag(), ...headers })
      if (token !== undefined) test.set('If', `(${token})`)
      return test.send({ title: `of ${user}` })
    },
  }
}

describe('taking, renewing and releasing', () => {
  test('a lock is taken with a token, the entity tag of the resource, and the time until which it holds', async () => {
    const it = await desk()
    const taken = await it.take('ann')
    expect(taken.status).toBe(201)
    expect(taken.headers).toMatchObject({ etag: await it.tag(), 'cache-control': 'no-store' })
    expect(tokenIn(taken)).toMatch(/^<urn:uuid:[0-9a-f-]{36}>$/)
    expect(taken.body).toEqual({ locked: true, mine: true, lockedUntil: expect.any(String) })
    expect(Math.abs(Date.parse(taken.body.lockedUntil) - Date.now() - 60_000)).toBeLessThan(15_000)
  })

  test('who holds it renews it with the token, and keeps the token', async () => {
    const it = await desk({ leaseMs: 1000 })
    const token = tokenIn(await it.take('ann'))
    for (let time = 0; time < 5; time++) {
      it.advance(900)
      const renewed = await it.take('ann', { 'Lock-Token': token })
      expect(renewed.status).toBe(200)
      expect(tokenIn(renewed)).toBe(token)
    }
    expect((await it.take('ben')).status).toBe(423)
  })

  test('others are told until when, and when to come back', async () => {
    const it = await desk({ leaseMs: 30_000 })
    const { body } = await it.take('ann')
    const refused = await it.take('ben')
    expect(refused.status).toBe(423)
    expect(refused.body).toMatchObject({
      code: 'locked',
      retryable: true,
      resolution: 'wait',
      lockedUntil: body.lockedUntil,
    })
    expect(refused.body.holder).toBeUndefined()
    const seconds = Number(refused.headers['retry-after'])
    expect(seconds).toBeGreaterThan(10)
    expect(seconds).toBeLessThanOrEqual(33)
  })

  test('a lock that is not renewed is over by itself, and the next one takes it', async () => {
    const it = await desk({ leaseMs: 1000 })
    const token = tokenIn(await it.take('ann'))
    it.advance(1000)
    expect((await it.look('ben')).body).toEqual({ locked: false })
    expect((await it.take('ben')).status).toBe(201)
    expect((await it.take('ann', { 'Lock-Token': token })).status).toBe(423)
  })

  test('a token whose lock is over takes the lock again, with another token', async () => {
    const it = await desk({ leaseMs: 1000 })
    const token = tokenIn(await it.take('ann'))
    it.advance(1000)
    const again = await it.take('ann', { 'Lock-Token': token })
    expect(again.status).toBe(201)
    expect(tokenIn(again)).not.toBe(token)
  })

  test('a lock that was released is free at once; a release too many is no error', async () => {
    const it = await desk()
    const token = tokenIn(await it.take('ann'))
    expect((await it.free('ann', token)).status).toBe(204)
    expect((await it.free('ann', token)).status).toBe(204)
    expect((await it.take('ben')).status).toBe(201)
  })

  test('a late release does not end the lock that another has taken since', async () => {
    const it = await desk({ leaseMs: 1000 })
    const token = tokenIn(await it.take('ann'))
    it.advance(1000)
    await it.take('ben')
    const late = await it.free('ann', token)
    expect(late.status).toBe(412)
    expect(late.body).toMatchObject({ code: 'precondition_failed', field: 'Lock-Token' })
    expect((await it.look('ben')).body).toMatchObject({ locked: true, mine: true })
  })

  test('of many who take it at once one gets it', async () => {
    const it = await desk()
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => it.take(`user ${index}`)))
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 423)).toHaveLength(19)
  })

  test('nobody takes a lock anonymously', async () => {
    const it = await desk()
    const answer = await request(it.app).put('/notes/1/lock')
    expect([answer.status, answer.body.code]).toEqual([403, 'denied'])
  })

  test('what is not there cannot be locked, and what is gone neither', async () => {
    const it = await desk()
    expect((await it.take('ann', {}, '/notes/2/lock')).status).toBe(404)
    await it.adapter.remove('1', (await it.adapter.read('1'))?.version ?? '')
    expect((await it.take('ann')).status).toBe(410)
    expect(it.store.size).toBe(0)
  })

  test('who may not change a resource, and what is frozen, gets no lock', async () => {
    const denied = await desk({}, { allow: (req) => req.get('user') === 'ann' })
    expect((await denied.take('ben')).status).toBe(403)
    const frozen = await desk({}, { lifecycle: { field: '/title', frozen: ['first'] } })
    expect((await frozen.take('ann')).body.code).toBe('frozen')
  })

  test.each(['a', '<a', '<a>, <b>'])('a Lock-Token that cannot be read is 400: %s', async (token) => {
    const it = await desk()
    for (const answer of [await it.take('ann', { 'Lock-Token': token }), await it.free('ann', token)]) {
      expect(answer.status).toBe(400)
      expect(answer.body).toMatchObject({ code: 'malformed_condition', field: 'Lock-Token' })
    }
  })

  test('the lock has its own methods', async () => {
    const it = await desk()
    const options = await request(it.app).options('/notes/1/lock')
    expect([options.status, options.headers.allow]).toEqual([204, 'GET, HEAD, PUT, DELETE, OPTIONS'])
    const post = await request(it.app).post('/notes/1/lock')
    expect([post.status, post.body.code]).toEqual([405, 'method_not_allowed'])
    expect((await request(it.app).head('/notes/1/lock')).status).toBe(200)
  })
})

describe('looking', () => {
  test('says whether it is locked and whether by the caller, and nothing of the holder or the token', async () => {
    const it = await desk()
    expect((await it.look('ben')).body).toEqual({ locked: false })
    const token = tokenIn(await it.take('ann'))
    for (const [user, mine] of [
      ['ann', true],
      ['ben', false],
    ] as const) {
      const seen = await it.look(user)
      expect(seen.body).toEqual({ locked: true, mine, lockedUntil: expect.any(String) })
      expect(JSON.stringify([seen.body, seen.headers])).not.toContain(token.slice(10, -1))
      expect(seen.headers.etag).toBeUndefined()
    }
  })

  test('the holder is described by the app alone', async () => {
    const it = await desk({
      describeHolder: ({ owner, since }) => ({ name: owner.toUpperCase(), year: since.getFullYear() }),
    })
    await it.take('ann')
    const holder = { name: 'ANN', year: new Date().getFullYear() }
    expect((await it.look('ben')).body.holder).toEqual(holder)
    expect((await it.put('ben')).body.holder).toEqual(holder)
    expect((await it.take('ben')).body.holder).toEqual(holder)
  })

  test('the store keeps no token', async () => {
    const records: string[] = []
    const inner = memoryStore()
    const store = {
      ...inner,
      create(key: string, value: string, ms: number) {
        records.push(value)
        return inner.create(key, value, ms)
      },
    }
    const it = await desk({ store: store as ExpiringStore })
    const token = tokenIn(await it.take('ann'))
    expect(records).toHaveLength(1)
    expect(records[0]).not.toContain(token.slice(10, -1))
  })
})

describe('changing', () => {
  test('others are answered with 423, whichever change they make, and nothing is changed', async () => {
    const it = await desk()
    await it.take('ann')
    const tag = await it.tag()
    const change = { user: 'ben', 'If-Match': tag }
    for (const answer of [
      await it.put('ben'),
      await request(it.app).patch('/notes/1').set(change).type('application/merge-patch+json').send({ title: 'x' }),
      await request(it.app).delete('/notes/1').set(change),
    ]) {
      expect(answer.status).toBe(423)
      expect(answer.body).toMatchObject({ code: 'locked', lockedUntil: expect.any(String) })
    }
    expect(await it.tag()).toBe(tag)
  })

  test('reads are never blocked, and do not ask the store', async () => {
    const it = await desk({ store: broken() })
    expect((await request(it.app).get('/notes/1')).status).toBe(200)
    expect((await request(it.app).head('/notes/1')).status).toBe(200)
  })

  test('the holder changes it with the token', async () => {
    const it = await desk()
    const token = tokenIn(await it.take('ann'))
    expect((await it.put('ann', token)).status).toBe(200)
    expect((await it.put('ann', token)).status).toBe(200)
  })

  test('another window of the holder, which has no token, is held off too', async () => {
    const it = await desk()
    await it.take('ann')
    expect((await it.put('ann')).status).toBe(423)
  })

  test('a token is the holder’s: nobody else uses it', async () => {
    const it = await desk()
    const token = tokenIn(await it.take('ann'))
    expect((await it.put('ben', token)).status).toBe(423)
    expect((await it.take('ben', { 'Lock-Token': token })).status).toBe(423)
    expect((await it.free('ben', token)).status).toBe(412)
    expect((await it.look('ann')).body.locked).toBe(true)
  })

  test('a token of another resource is none', async () => {
    const it = await desk()
    await it.adapter.write('2', { title: 'second' }, null)
    await it.take('ann')
    const other = tokenIn(await it.take('ann', {}, '/notes/2/lock'))
    expect((await it.put('ann', other)).status).toBe(423)
  })

  test('the holder whose lock is over is told, and loses nothing', async () => {
    const it = await desk({ leaseMs: 1000 })
    const token = tokenIn(await it.take('ann'))
    it.advance(1000)
    const late = await it.put('ann', token)
    expect(late.status).toBe(412)
    expect(late.body).toMatchObject({ code: 'precondition_failed', field: 'If', resolution: 'refetch' })
    await it.take('ben')
    expect((await it.put('ann', token)).status).toBe(423)
  })

  test('a write that slipped in between the look and the lock is a 412 for the holder', async () => {
    const it = await desk()
    const before = await it.tag()
    await it.put('ben')
    const taken = await it.take('ann')
    expect(taken.headers.etag).not.toBe(before)
    const stale = await it.put('ann', tokenIn(taken), { 'If-Match': before })
    expect([stale.status, stale.body.field]).toEqual([412, 'If-Match'])
    expect((await it.put('ann', tokenIn(taken), { 'If-Match': String(taken.headers.etag) })).status).toBe(200)
  })

  test('the entity tag is read after the grant', async () => {
    const store = memoryStore()
    const it = await desk({
      store: {
        ...store,
        // Another write comes at the last moment before the grant.
        create: async (key, value, ms) => {
          const current = await it.adapter.read('1')
          await it.adapter.write('1', { title: 'slipped in' }, current?.version ?? null)
          return store.create(key, value, ms)
        },
      },
    })
    const taken = await it.take('ann')
    expect(taken.headers.etag).toBe(await it.tag())
  })

  test('the holder who removes the resource ends the lock', async () => {
    const it = await desk()
    const token = tokenIn(await it.take('ann'))
    const removed = await request(it.app)
      .delete('/notes/1')
      .set({ user: 'ann', 'If-Match': await it.tag(), If: `(${token})` })
    expect(removed.status).toBe(204)
    expect(it.store.size).toBe(0)
  })

  test('the holder who removes the resource in a transaction ends the lock', async () => {
    const it = await desk({}, { isolation: 'transaction' })
    const token = tokenIn(await it.take('ann'))
    const removed = await request(it.app)
      .delete('/notes/1')
      .set({ user: 'ann', 'If-Match': await it.tag(), If: `(${token})` })
    expect(removed.status).toBe(204)
    expect(it.store.size).toBe(0)
  })

  test.each([
    [204, 0, 'removes the resource by itself'],
    [202, 1, 'will remove it later'],
    [409, 1, 'removes nothing'],
  ])('an answer of %i to DELETE leaves %i locks: the app %s', async (status, locks) => {
    const it = await desk({}, { writes: 'by-app' }, (app, options) => {
      app.use('/notes', editLockRouter(options))
      app.delete('/notes/:id', detectConflicts(options), (_req, res) => res.sendStatus(status))
    })
    const token = tokenIn(await it.take('ann'))
    const change = { user: 'ann', 'If-Match': await it.tag(), If: `(${token})` }
    expect((await request(it.app).delete('/notes/1').set(change)).status).toBe(status)
    expect(it.store.size).toBe(locks)
  })

  test('creating on the collection is nobody’s lock', async () => {
    const it = await desk()
    await it.take('ann')
    expect((await request(it.app).post('/notes').set('user', 'ben').send({ title: 'new' })).status).toBe(201)
  })
})

describe('If, as RFC 4918 §10.4 has it', () => {
  test.each([
    ['a token and the current tag', (token: string, tag: string) => `(${token} [${tag}])`, 200],
    ['a tag that is old in the first list, the token in the second', (token: string) => `(["old"]) (${token})`, 200],
    [
      'the token submitted, and a list that always holds',
      (token: string) => `(${token} ["old"]) (Not <DAV:no-lock>)`,
      200,
    ],
    ['the token and an old tag', (token: string) => `(${token} ["old"])`, 412],
    ['the token denied', (token: string) => `(Not ${token})`, 412],
    ['the resource by its path', (token: string) => `</notes/1> (${token})`, 200],
    ['the resource by its URL', (token: string) => `<http://localhost/notes/1> (${token})`, 200],
    ['another resource', (token: string) => `</notes/2> (${token})`, 412],
    ['no token', (_: string, tag: string) => `([${tag}])`, 423],
  ])('%s', async (_, field, status) => {
    const it = await desk()
    const token = tokenIn(await it.take('ann'))
    const answer = await it.put('ann', undefined, { If: field(token, await it.tag()) })
    expect(answer.status).toBe(status)
  })

  test('what cannot be read is 400, somebody else’s lock or not', async () => {
    const it = await desk()
    const malformed = { If: '(<urn:uuid:1>' }
    const answer = await it.put('ben', undefined, malformed)
    expect(answer.status).toBe(400)
    expect(answer.body).toMatchObject({ code: 'malformed_condition', field: 'If' })
    await it.take('ann')
    expect((await it.put('ben', undefined, malformed)).status).toBe(400)
  })

  test('a chain without edit locks does not look at it', async () => {
    const it = await desk({}, {}, (app, { editLocks, ...options }) => app.use('/notes', resourceRouter(options)))
    expect((await it.put('ann', undefined, { If: 'anything' })).status).toBe(200)
  })
})

describe('precedence: 404, 403, frozen, then 423, then the rest', () => {
  const bad = { 'If-Match': 'nonsense' }
  test('before what is wrong with the request', async () => {
    const it = await desk({}, { schema: { properties: { title: { type: 'number' } } } })
    await it.take('ann')
    expect((await it.put('ben', undefined, bad)).status).toBe(423)
    const unconditional = await request(it.app).put('/notes/1').set('user', 'ben').send({ title: 'x' })
    expect(unconditional.status).toBe(423)
  })

  test('behind what the caller may not do', async () => {
    const it = await desk({}, { allow: (req) => req.get('user') === 'ann' })
    await it.take('ann')
    expect((await it.put('ben')).status).toBe(403)
  })

  test('behind a resource that is gone', async () => {
    const it = await desk()
    await it.take('ann')
    await it.adapter.remove('1', (await it.adapter.read('1'))?.version ?? '')
    expect((await it.put('ben')).status).toBe(410)
  })
})

describe('breaking', () => {
  test('others may not, unless the app says so', async () => {
    const it = await desk()
    await it.take('ann')
    const answer = await it.free('ben')
    expect([answer.status, answer.body.code]).toEqual([403, 'denied'])
    expect((await it.put('ben')).status).toBe(423)
  })

  test('whom mayBreak lets, takes over: the old token is worth nothing then', async () => {
    const asked: string[] = []
    const it = await desk({
      mayBreak: (req, { owner }) => {
        asked.push(owner)
        return req.get('user') === 'chief'
      },
    })
    const token = tokenIn(await it.take('ann'))
    expect((await it.free('ben')).status).toBe(403)
    expect((await it.free('chief')).status).toBe(204)
    expect(asked).toEqual(['ann', 'ann'])
    const taken = await it.take('chief')
    expect(taken.status).toBe(201)
    expect((await it.put('ann', token)).status).toBe(423)
    expect((await it.put('chief', tokenIn(taken))).status).toBe(200)
  })

  test('who may not know of the resource does not learn of its lock', async () => {
    const allow = (req: express.Request) => (req.get('user') === 'ann' ? undefined : { as: 'not_found' as const })
    const it = await desk({}, { allow })
    const token = tokenIn(await it.take('ann'))
    const answers = [await it.look('ben'), await it.take('ben'), await it.free('ben'), await it.free('ben', token)]
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual(Array(4).fill([404, 'not_found']))
    expect((await it.free('ann', token)).status).toBe(204)
  })

  test('the owner may, from a window that has no token', async () => {
    const it = await desk()
    await it.take('ann')
    expect((await it.free('ann')).status).toBe(204)
    expect((await it.take('ann')).status).toBe(201)
  })
})

describe('a lock whose owner is gone', () => {
  test('is gone as soon as somebody asks', async () => {
    const alive = new Set(['ann', 'ben'])
    const it = await desk({ ownerIsAlive: async (owner) => alive.has(owner) })
    await it.take('ann')
    expect((await it.put('ben')).status).toBe(423)
    alive.delete('ann')
    expect((await it.put('ben')).status).toBe(200)
    expect(it.store.size).toBe(0)
    await it.take('ben')
    alive.delete('ben')
    alive.add('ann')
    expect((await it.take('ann')).status).toBe(201)
  })

  test('when nobody can say whether it is, nothing is changed', async () => {
    const it = await desk({ ownerIsAlive: () => Promise.reject(new Error('the session store is down')) })
    await it.take('ann')
    const answer = await it.put('ben')
    expect([answer.status, answer.body.code]).toEqual([503, 'backend_unavailable'])
  })
})

describe('a store that is down', () => {
  test('holds up every change, and every lock', async () => {
    const it = await desk({ store: broken() })
    for (const answer of [await it.put('ann'), await it.take('ann'), await it.look('ann'), await it.free('ann')]) {
      expect(answer.status).toBe(503)
      expect(answer.body).toMatchObject({ code: 'backend_unavailable', retryable: true })
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
    }
    expect((await it.adapter.read('1'))?.value).toEqual({ title: 'first' })
  })

  test('one that gives no answer is given up after deadlineMs', async () => {
    const it = await desk({ store: { ...broken(), read: () => new Promise(() => {}) } }, { deadlineMs: 20 })
    expect((await it.put('ann')).status).toBe(503)
  })

  test('a grant that comes too late is given back', async () => {
    const inner = memoryStore()
    let grant = () => {}
    const late = new Promise<void>((resolve) => {
      grant = resolve
    })
    const create = async (key: string, value: string, ms: number) => {
      const isCreated = await inner.create(key, value, ms)
      await late
      return isCreated
    }
    const it = await desk({ store: { ...inner, create } }, { deadlineMs: 20 })
    expect((await it.take('ann')).status).toBe(503)
    expect(inner.size).toBe(1)
    grant()
    await new Promise(setImmediate)
    expect(inner.size).toBe(0)
  })

  test('a lock that nobody was told of is given back', async () => {
    const it = await desk()
    const read = it.adapter.read
    let reads = 0
    it.adapter.read = (key) => (++reads === 2 ? Promise.reject(new Error('down')) : read(key))
    expect((await it.take('ann')).status).toBe(503)
    expect(it.store.size).toBe(0)
  })
})

function broken(): ExpiringStore {
  const fail = () => Promise.reject(new Error('no route'))
  return { read: fail, create: fail, replace: fail, remove: fail }
}

describe('a chain of one’s own', () => {
  const ownChain: Mount = (app, options) => {
    app.use('/notes', editLockRouter(options))
    app.put('/notes/:id', detectConflicts(options), commitChange())
  }

  test('is guarded alike', async () => {
    const it = await desk({}, {}, ownChain)
    const token = tokenIn(await it.take('ann'))
    expect((await it.put('ben')).status).toBe(423)
    expect((await it.put('ann', token)).status).toBe(200)
    expect((await it.free('ann', token)).status).toBe(204)
    expect((await it.put('ben')).status).toBe(200)
  })

  test('above the resource, with path', async () => {
    const it = await desk({}, {}, (app, options) => {
      app.use('/notes', editLockRouter(options))
      app.use('/notes', detectConflicts({ ...options, path: '/:id' }), commitChange())
    })
    await it.take('ann')
    expect((await it.put('ben')).status).toBe(423)
  })

  test('an app that writes by itself is guarded too', async () => {
    const it = await desk({}, { writes: 'by-app' }, (app, options) => {
      app.use('/notes', editLockRouter(options))
      app.put('/notes/:id', detectConflicts(options), (_req, res) => void res.sendStatus(204))
    })
    await it.take('ann')
    expect((await it.put('ben')).status).toBe(423)
  })

  test('onConflict is told of refusals', async () => {
    const told: string[] = []
    const it = await desk({}, { onConflict: ({ method, conflict }) => void told.push(`${method} ${conflict.code}`) })
    await it.take('ann')
    await it.take('ben')
    await it.free('ben')
    await it.put('ben')
    expect(told).toEqual(['PUT locked', 'DELETE denied', 'PUT locked'])
  })
})

describe('wrong options are found when the app starts', () => {
  const store = memoryStore()
  const owner = () => 'ann'
  test.each([
    [undefined, 'editLocks(): expected options, got undefined.'],
    [{ owner }, 'editLocks(): store has to be an ExpiringStore, such as memoryStore(); got undefined.'],
    [{ store }, 'editLocks(): owner has to be a function; got undefined.'],
    [{ store, owner, leaseMs: 0 }, 'editLocks(): leaseMs has to be a number of milliseconds above 0; got 0.'],
    [{ store, owner, ownerAlive: owner }, 'editLocks(): there is no option "ownerAlive". Did you mean "ownerIsAlive"?'],
  ])('%j', (options, message) => {
    expect(() => editLocks(options as EditLockOptions)).toThrow(new TypeError(message))
  })

  test('the option takes what editLocks() gives, and editLockRouter needs it', () => {
    const options = { name: 'note', adapter: memoryAdapter<Note>() }
    expect(() => resourceRouter({ ...options, editLocks: { store, owner } as never })).toThrow(
      'resourceRouter(): editLocks has to be what editLocks({ store, owner }) gives; got {"store":{"size":0}}.',
    )
    expect(() => editLockRouter(options)).toThrow('editLockRouter(): give editLocks: editLocks({ store, owner }).')
  })

  test('an owner that is no string is a mistake of the app', async () => {
    const it = await desk({ owner: () => 7 as never })
    expect((await it.take('ann')).status).toBe(500)
  })

  test('an expose that throws is one too, and not the end of the process', async () => {
    const it = await desk(
      {},
      {
        expose: () => {
          throw new Error('expose')
        },
      },
    )
    await it.take('ann')
    expect([(await it.take('ben')).status, (await it.look('ann')).status]).toEqual([500, 200])
  })
})

describe('DELETE of a lock tells nothing of a resource that is hidden', () => {
  const allow = (req: express.Request) => (req.get('user') === 'ann' ? undefined : { as: 'not_found' as const })
  const ofBen = async (it: Desk, token?: string, key = '1') => {
    const test = request(it.app).delete(`/notes/${key}/lock`).set('user', 'ben')
    const { status, body } = await (token === undefined ? test : test.set('Lock-Token', token))
    return [status, body.code]
  }

  test.each([undefined, '<urn:uuid:1>'])(
    'whether it is locked, free or was never there: 404, token %s',
    async (token) => {
      const it = await desk({}, { allow })
      expect(await ofBen(it, token)).toEqual([404, 'not_found'])
      await it.take('ann')
      expect(await ofBen(it, token)).toEqual([404, 'not_found'])
      expect(await ofBen(it, token, '2')).toEqual([404, 'not_found'])
      expect((await it.look('ann')).body.locked).toBe(true)
    },
  )

  test('not even to one who may break locks; its owner may release it', async () => {
    let isHidden = false
    const it = await desk({ mayBreak: () => true }, { allow: () => (isHidden ? { as: 'not_found' } : undefined) })
    const token = tokenIn(await it.take('ann'))
    isHidden = true
    expect(await ofBen(it)).toEqual([404, 'not_found'])
    expect((await it.free('ann', token)).status).toBe(204)
  })
})

test('a malformed If is 400, locked or not: 423 would say that the token is wrong', async () => {
  const it = await desk()
  const token = tokenIn(await it.take('ann'))
  for (const field of ['(<urn:uuid:1>', token.slice(1, -1)]) {
    const answer = await it.put('ann', undefined, { If: field })
    expect([answer.status, answer.body.code, answer.body.field]).toEqual([400, 'malformed_condition', 'If'])
  }
  expect((await it.put('ann', undefined, { If: `(${token} ["with a space"]) (${token})` })).status).toBe(200)
})

test.each<[string, string, number]>([
  ['the path', '/notes/1', 200],
  ['the path with encoded letters, dots and a slash', '/x/../%6eotes/%31/', 200],
  ['a URL of this host', 'http://app.example/notes/1', 200],
  ['a URL of the host that a proxy in front has', 'HTTPS://front.example:443/notes/1', 200],
  ['a URL without a path', 'http://app.example', 412],
  ['another path', '/notes/2', 412],
])('a list about %s', async (_, resource, status) => {
  const it = await desk()
  const token = tokenIn(await it.take('ann'))
  const answer = await it.put('ann', undefined, { If: `<${resource}> (${token})` })
  expect([answer.status, answer.body.field]).toEqual([status, status === 412 ? 'If' : undefined])
  // What is not so of another resource is not known here.
  const not = await it.put('ann', undefined, { If: `<${resource}> (Not <DAV:no-lock> ${token})` })
  expect(not.status).toBe(status)
})
