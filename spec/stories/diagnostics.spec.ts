import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RequestHandler } from 'express'
import request from 'supertest'
import {
  ConflictError,
  type ConflictOptions,
  commitChange,
  detectConflicts,
  editLocks,
  memoryAdapter,
  memoryLocks,
  memoryStore,
  resourceRouter,
  respondToConflicts,
} from '../../lib'
import { type ConflictChannel, type ConflictEvents, isHeard, publish, subscribe } from '../../lib/conflicts/events'
import { ROOT } from '../sources'
import { appOf, type Doc, shelf } from './app'

const ends: (() => void)[] = []
afterEach(() => {
  jest.restoreAllMocks()
  for (const end of ends.splice(0)) end()
})

function heard<K extends ConflictChannel>(name: K): ConflictEvents[K][] {
  const messages: ConflictEvents[K][] = []
  ends.push(subscribe(name, (message) => messages.push(message)))
  return messages
}

async function articles(options: Partial<ConflictOptions<Doc>> = {}) {
  const it = await shelf({ title: 'first', body: 'b' })
  const app = appOf((all) =>
    all.use('/articles', resourceRouter<Doc>({ name: 'article', adapter: it.adapter, ...options })),
  )
  return { ...it, app }
}

test('a refusal has one instance: in the message, in onConflict, in the log and in the problem', async () => {
  const messages = heard('conflict')
  const seen: string[] = []
  const { adapter } = await shelf()
  const app = require('express')()
  const onConflict = ({ instance }: { readonly instance: string }) => seen.push(instance)
  app.use('/articles', resourceRouter<Doc>({ name: 'article', adapter, onConflict }))
  const log = (fields: object) => void seen.push((fields as { instance: string }).instance)
  app.use(respondToConflicts({ logger: { warn: log, error: log } }))
  const { body } = await request(app).put('/articles/1').send({}).expect(428)
  expect(body.instance).toMatch(/^urn:uuid:[0-9a-f-]{36}$/)
  expect([...seen, messages[0]?.instance]).toEqual([body.instance, body.instance, body.instance])
})

test('a refusal is told with its route, its request, and what it would have changed', async () => {
  const messages = heard('conflict')
  const { app, tag } = await articles({ immutable: ['/title'] })
  await request(app).patch('/articles/1').set('If-Match', tag).send({ title: 'mine' }).expect(409)
  const [message] = messages
  expect(message).toMatchObject({ name: 'article', key: '1', method: 'PATCH', route: '/articles/:id', enforced: true })
  expect(message?.conflict.code).toBe('immutable_field')
  expect(message?.request.headers['if-match']).toBe(tag)
  expect(message?.changed()).toEqual(['/title'])
  expect(messages).toHaveLength(1)
})

test('what a handler throws is told once, and a frozen error is another occurrence for each request', async () => {
  const messages = heard('conflict')
  const kept = new ConflictError('rule_violation')
  const it = await shelf()
  const chain = detectConflicts({ name: 'article', adapter: it.adapter })
  const throws: RequestHandler = (_req, _res, next) => next(kept)
  const app = appOf((all) => all.put('/articles/:id', chain, throws))
  const instances = []
  for (const _ of [1, 2])
    instances.push((await request(app).put('/articles/1').set('If-Match', it.tag).send({}).expect(409)).body.instance)
  expect(messages.map(({ instance }) => instance)).toEqual(instances)
  expect(new Set(instances).size).toBe(2)
})

test('what a body parser refuses in front of every chain is told without a name', async () => {
  const messages = heard('conflict')
  const { app } = await articles()
  const put = request(app).put('/articles/1').set('Content-Type', 'application/json').send('{"a":')
  const { body } = await put.expect(400)
  expect(messages).toMatchObject([{ name: undefined, method: 'PUT', instance: body.instance }])
})

test('a commit is told with both versions and what it changed', async () => {
  const messages = heard('committed')
  const { app, tag, version, adapter } = await articles()
  await request(app).put('/articles/1').set('If-Match', tag).send({ title: 'first', body: 'c' }).expect(200)
  await request(app).delete('/articles/1').set('If-Match', '*').expect(204)
  expect(await adapter.read('1')).toBeUndefined()
  const [replaced, removed] = messages
  expect(replaced).toMatchObject({ outcome: 'replaced', key: '1', previousVersion: version, tries: 1 })
  expect(replaced?.changed()).toEqual(['/body'])
  expect(removed).toMatchObject({ outcome: 'removed', version: undefined, previousVersion: replaced?.version })
})

test('a commit that lost its race and is written again is told each time', async () => {
  const messages = heard('retry')
  const { adapter } = await shelf()
  let others = 2
  const contended: ConflictOptions<Doc>['adapter'] = {
    ...adapter,
    async write(key, value, expected) {
      if (others-- > 0) await adapter.write(key, { others }, (await adapter.read(key))?.version ?? null)
      return adapter.write(key, value, expected)
    },
  }
  const { app } = await articles({ adapter: contended })
  await request(app).put('/articles/1').set('If-Match', '*').send({ title: 'mine' }).expect(200)
  expect(messages.map(({ name, tries }) => [name, tries])).toEqual([
    ['article', 1],
    ['article', 2],
  ])
})

test('a merge is told beside its commit', async () => {
  const [merges, commits] = [heard('merge'), heard('committed')]
  const adapter = memoryAdapter<Doc>({ history: 10 })
  const first = await adapter.write('1', { title: 'a', body: 'b' }, null)
  const version = first.ok ? first.state.version : ''
  await adapter.write('1', { title: 'a', body: 'theirs' }, version)
  const { app } = await articles({ adapter, merge: 'disjoint' })
  await request(app).patch('/articles/1').set('If-Match', `"${version}"`).send({ title: 'mine' }).expect(200)
  expect(merges).toMatchObject([{ name: 'article', version: commits[0]?.version }])
})

test('an answer that is given again is told, with its status', async () => {
  const messages = heard('replay')
  const { app } = await articles({ idempotency: { store: memoryStore(), scope: () => 'ann' } })
  const post = () => request(app).post('/articles').set('Idempotency-Key', '"k"').send({ title: 'new' }).expect(201)
  await post()
  expect(messages).toEqual([])
  await post()
  expect(messages).toMatchObject([{ name: 'article', method: 'POST', route: '/articles', status: 201 }])
})

test('a lock is told from waiting to release, with how many wait and hold', async () => {
  const messages = heard('lock')
  const it = await shelf()
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const lock = { manager: memoryLocks(), waitMs: 20 }
  const chain = detectConflicts({ name: 'story', adapter: it.adapter, isolation: 'lock', lock })
  let entered = () => {}
  const inside = new Promise<void>((resolve) => {
    entered = resolve
  })
  const waits: RequestHandler = (_req, res) => {
    entered()
    void held.then(() => res.sendStatus(204))
  }
  const app = appOf((all) => all.put('/articles/:id', chain, waits))
  const put = () => request(app).put('/articles/1').set('If-Match', it.tag).send({})
  const first = put().then(({ status }) => status)
  await inside
  await put().expect(409)
  release()
  await first
  expect(messages.map(({ event, waiting, held: holds }) => [event, waiting, holds])).toEqual([
    ['waiting', 1, 0],
    ['granted', 0, 1],
    ['waiting', 1, 1],
    ['refused', 0, 1],
    ['released', 0, 0],
  ])
  expect(messages[3]?.waitedMs).toBeGreaterThanOrEqual(15)
})

test('a lock that is lost while the handler is at work is told, and is not released after that', async () => {
  const [messages, refusals] = [heard('lock'), heard('conflict')]
  const it = await shelf()
  const gone = new AbortController()
  const lease = { fence: '1', signal: gone.signal, release: async () => undefined }
  const lock = { manager: { acquire: async () => lease } }
  const chain = detectConflicts({ name: 'story', adapter: it.adapter, isolation: 'lock', lock })
  const loses: RequestHandler = (_req, _res, next) => {
    gone.abort(new Error('the session ended'))
    next()
  }
  const app = appOf((all) => all.put('/articles/:id', chain, loses, commitChange()))
  const { body } = await request(app).put('/articles/1').set('If-Match', it.tag).send({ title: 'mine' }).expect(409)
  expect(messages.map(({ event, held }) => [event, held])).toEqual([
    ['waiting', 0],
    ['granted', 1],
    ['lost', 0],
  ])
  expect(messages[2]).toMatchObject({ name: 'story', key: 'story:1' })
  expect(refusals).toMatchObject([{ instance: body.instance, enforced: true, conflict: { code: 'lock_lost' } }])
})

test('an edit lock that is taken, broken or given back is told', async () => {
  const messages = heard('edit-lock')
  const owner = (req: import('http').IncomingMessage) => req.headers['x-user'] as string
  const locks = editLocks({ store: memoryStore(), owner, mayBreak: () => true })
  const { app } = await articles({ editLocks: locks })
  const { headers } = await request(app).put('/articles/1/lock').set('X-User', 'ann').expect(201)
  const [token] = /[-0-9a-f]{36}/.exec(headers['lock-token'] ?? '') ?? []
  expect(token).toBeDefined()
  await request(app).delete('/articles/1/lock').set('X-User', 'ben').expect(204)
  expect(messages.map(({ name, key, event }) => [name, key, event])).toEqual([
    ['article', '1', 'taken'],
    ['article', '1', 'released'],
  ])
  expect(JSON.stringify(messages.map(({ request: _, ...rest }) => rest))).not.toContain(token)
})

test('in report mode what would have refused is told with enforced: false, and the request goes on', async () => {
  const messages = heard('conflict')
  const { app } = await articles({ preconditions: { mode: 'report' } })
  await request(app).put('/articles/1').send({ title: 'mine' }).expect(200)
  expect(messages.map(({ conflict, enforced }) => [conflict.code, enforced])).toEqual([
    ['precondition_required', false],
  ])
  expect(messages[0]?.instance).toMatch(/^urn:uuid:/)
})

test('a read of the state is told with how long it took, also when it fails', async () => {
  const messages = heard('read')
  const { app } = await articles()
  await request(app).get('/articles/1').expect(200)
  jest.spyOn(console, 'error').mockImplementation()
  const failing = { ...(await shelf()).adapter, read: () => Promise.reject(new Error('down')) }
  const { app: broken } = await articles({ adapter: failing })
  await request(broken).get('/articles/1').expect(503)
  expect(messages.map(({ name, failed }) => [name, failed])).toEqual([
    ['article', false],
    ['article', true],
  ])
})

test.each<[string, string, (app: import('express').Express, chain: RequestHandler) => void]>([
  ['a route', '/articles/:id', (app, chain) => app.put('/articles/:id', chain)],
  ['a route, asked for in other letters', '/ARTICLES/:id', (app, chain) => app.put('/ARTICLES/:id', chain)],
  ['app.use on the resource', '/articles/:id', (app, chain) => app.use('/articles/:id', chain)],
  [
    'a mount whose parameters are hidden',
    '/tenants/:param/articles/:id',
    (app, chain) => app.use('/tenants/:tenant', require('express').Router().put('/articles/:id', chain)),
  ],
])('the route of a message: %s', async (_name, route, mount) => {
  const messages = heard('conflict')
  const it = await shelf()
  const chain = detectConflicts({ name: 'article', adapter: it.adapter, key: ({ params }) => params.id as string })
  const app = appOf((all) => {
    mount(all, chain as RequestHandler)
    all.use(commitChange())
  })
  const path = route.startsWith('/tenants') ? '/Tenants/t-4711/articles/1' : '/Articles/1?x=1'
  await request(app).put(path).send({}).expect(428)
  expect(messages.map((message) => message.route)).toEqual([route])
})

test('docs/observability.md names every channel, and no other', () => {
  const channels: Record<ConflictChannel, true> = {
    ...{ conflict: true, committed: true, retry: true, merge: true, replay: true },
    ...{ lock: true, 'edit-lock': true, read: true },
  }
  const page = readFileSync(join(ROOT, 'docs/observability.md'), 'utf8')
  const named = [...page.matchAll(/^\| `express-conflict:([\w-]+)` /gm)].map(([, name]) => name)
  expect(named).toEqual(Object.keys(channels))
})

test('nothing is made while nobody listens', () => {
  expect(isHeard('conflict')).toBe(false)
  const message = jest.fn()
  publish('conflict', message)
  expect(message).not.toHaveBeenCalled()
})
