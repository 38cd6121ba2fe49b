import type { RequestHandler } from 'express'
import request from 'supertest'
import {
  asyncHandler,
  type ConflictOptions,
  commitChange,
  detectConflicts,
  fetchState,
  memoryStore,
  type Purge,
  reportChange,
  resourceOf,
  resourceRouter,
} from '../../lib'
import { subscribe } from '../../lib/conflicts/events'
import { appOf, type Doc, shelf } from './app'

async function articles(options: Partial<ConflictOptions<Doc>> = {}, inFront?: RequestHandler) {
  const it = await shelf()
  const router = resourceRouter<Doc>({ name: 'article', adapter: it.adapter, cacheGroups: true, ...options })
  const app = appOf((all) => all.use('/articles', inFront ?? ((_req, _res, next) => next()), router))
  return { ...it, app }
}

const groups = ({ headers }: request.Response) => [headers['cache-groups'], headers['cache-group-invalidation']]

describe('cacheGroups', () => {
  test.each(['get', 'head'] as const)('%s: what the answer belongs to', async (method) => {
    const { app } = await articles()
    expect(groups(await request(app)[method]('/articles/1').expect(200))).toEqual(['"article:1"', undefined])
  })

  test.each(['early', 'late'] as const)('304, %s: too', async (notModified) => {
    const { app, tag } = await articles({ preconditions: { notModified } })
    const response = await request(app).get('/articles/1').set('If-None-Match', tag).expect(304)
    expect(groups(response)).toEqual(['"article:1"', undefined])
  })

  test('a change: what is stale', async () => {
    const { app, tag } = await articles({ generateKey: () => 'a b' })
    const put = await request(app).put('/articles/1').set('If-Match', tag).send({}).expect(200)
    const patch = await request(app).patch('/articles/1').set('If-Match', '*').send({ a: 1 }).expect(200)
    const removed = await request(app).delete('/articles/1').set('If-Match', '*').expect(204)
    for (const response of [put, patch, removed])
      expect(groups(response)).toEqual([undefined, '"article:1", "article"'])
    const created = await request(app).post('/articles').send({}).expect(201)
    expect(groups(created)).toEqual([undefined, '"article:a%20b", "article"'])
  })

  test('nothing on a refusal, a QUERY or OPTIONS, and nothing unless it is asked for', async () => {
    const { app } = await articles()
    expect(groups(await request(app).get('/articles/2').expect(404))).toEqual([undefined, undefined])
    expect(groups(await request(app).put('/articles/1').send({}).expect(428))).toEqual([undefined, undefined])
    expect(groups(await request(app).options('/articles/1'))).toEqual([undefined, undefined])
    const without = await articles({ cacheGroups: false })
    expect(groups(await request(without.app).get('/articles/1'))).toEqual([undefined, undefined])
    const change = request(without.app).put('/articles/1').set('If-Match', '*').send({})
    expect(groups(await change.expect(200))).toEqual([undefined, undefined])
  })

  test('behind the groups of a layer in front', async () => {
    const { app } = await articles({}, (_req, res, next) => void next(res.set('Cache-Groups', '"site"') && undefined))
    expect(groups(await request(app).get('/articles/1'))).toEqual(['"site", "article:1"', undefined])
  })

  test('a handler that writes by itself, an action, and one that fails after its commit', async () => {
    const it = await shelf()
    const options = { name: 'article', adapter: it.adapter, cacheGroups: true }
    const byApp = detectConflicts<Doc>({ ...options, writes: 'by-app' })
    const chain = detectConflicts<Doc>(options)
    const app = appOf((all) => {
      all.put('/own/:id', byApp, (_req, res) => void res.sendStatus(204))
      all.post('/articles/:id/publish', byApp, (_req, res) => void res.redirect(303, '/articles/1'))
      all.put(
        '/articles/:id',
        chain,
        asyncHandler(async (req) => {
          await resourceOf(req, chain).commit()
          throw new Error('after the commit')
        }),
      )
      all.patch('/articles/:id', chain, reportChange())
    })
    const stale = [undefined, '"article:1", "article"']
    expect(groups(await request(app).put('/own/1').set('If-Match', '*').send({}).expect(204))).toEqual(stale)
    expect(groups(await request(app).post('/articles/1/publish').expect(303))).toEqual(stale)
    expect(groups(await request(app).put('/articles/1').set('If-Match', '*').send({}).expect(500))).toEqual(stale)
    const dry = await request(app).patch('/articles/1').set('If-Match', '*').send({ a: 1 }).expect(200)
    expect(groups(dry)).toEqual([undefined, undefined])
  })

  test('a child, and not its parent', async () => {
    const [parent, child] = [await shelf(), await shelf()]
    const above = fetchState({ name: 'shop', adapter: parent.adapter, key: () => '1', cacheGroups: true })
    const chain = detectConflicts<Doc>({ name: 'item', adapter: child.adapter, cacheGroups: true })
    const app = appOf((all) => all.put('/shops/:shop/items/:id', above, chain, commitChange()))
    const response = await request(app).put('/shops/1/items/1').set('If-Match', '*').send({}).expect(200)
    expect(groups(response)).toEqual([undefined, '"item:1", "item"'])
  })

  test('the first answer once more: said once', async () => {
    const { app } = await articles({ idempotency: { store: memoryStore(), scope: () => 'all' } })
    const send = () => request(app).put('/articles/1').set({ 'If-Match': '*', 'Idempotency-Key': 'k' }).send({ a: 1 })
    for (const response of [await send(), await send()])
      expect(groups(response)).toEqual([undefined, '"article:1", "article"'])
  })
})

describe('purge() of a commit, in onCommitted and in the message: paths and groups', () => {
  async function purged(
    send: (app: Parameters<typeof request>[0]) => request.Test,
    options: Partial<ConflictOptions<Doc>> = {},
  ) {
    const seen: Purge[] = []
    const { app } = await articles({ cacheGroups: false, onCommitted: ({ purge }) => seen.push(purge()), ...options })
    const end = subscribe('committed', ({ purge }) => seen.push(purge()))
    await send(app)
    end()
    const [first] = seen
    expect(seen).toEqual([first, first])
    return first
  }

  const groupsOf1 = ['article:1', 'article']

  test('a change: the resource, and the lists above it; without query, host and slashes at the end', async () => {
    const expected = { paths: ['/articles/1', '/articles'], groups: groupsOf1 }
    for (const path of ['/articles/1', '/articles/1?draft=1', '/articles/1/'])
      expect(await purged((app) => request(app).put(path).set('If-Match', '*').send({}))).toEqual(expected)
    expect(await purged((app) => request(app).delete('/articles/1').set('If-Match', '*'))).toEqual(expected)
  })

  test('a creation: where it is now, and where it was sent to', async () => {
    const generateKey = () => 'new one'
    const create = (app: Parameters<typeof request>[0]) => request(app).post('/articles').send({})
    const groups = ['article:new%20one', 'article']
    expect(await purged(create, { generateKey })).toEqual({ paths: ['/articles/new%20one', '/articles'], groups })
    const location = (_req: unknown, key: string) => `https://example.org/papers/${key.length}/`
    expect(await purged(create, { generateKey, location })).toEqual({
      paths: ['/papers/7', '/papers', '/articles'],
      groups,
    })
  })

  test('where the app says that the resource is', async () => {
    const location = (_req: unknown, key: string) => `/papers/${key}`
    const change = (app: Parameters<typeof request>[0]) => request(app).put('/articles/1').set('If-Match', '*').send({})
    expect(await purged(change, { location })).toEqual({ paths: ['/papers/1', '/papers'], groups: groupsOf1 })
  })

  test('an action: the resource that it was done to', async () => {
    const it = await shelf()
    const seen: Purge[] = []
    const onCommitted = ({ purge }: { purge(): Purge }) => seen.push(purge())
    const chain = detectConflicts<Doc>({ name: 'article', adapter: it.adapter, onCommitted })
    const app = appOf((all) =>
      all.post(
        '/articles/:id/publish',
        chain,
        asyncHandler(async (req, res) => {
          await resourceOf(req, chain).commit((value) => ({ ...value, isPublic: true }))
          res.sendStatus(204)
        }),
      ),
    )
    await request(app).post('/articles/1/publish').expect(204)
    expect(seen).toEqual([{ paths: ['/articles/1', '/articles'], groups: groupsOf1 }])
  })
})
