import type express from 'express'
import request from 'supertest'
import {
  type ConflictMiddleware,
  type ConflictOptions,
  commitChange,
  defineResource,
  detectConflicts,
  fetchState,
  holdLock,
  memoryAdapter,
  memoryLocks,
  resourceOf,
  resourceRouter,
} from '../../lib'
import { appOf, type Doc, type Shelf, shelf } from './app'

const PATH = '/articles/:article/comments/:id'
const parentKey = (req: express.Request) => String(req.params.article)

/** A comment that belongs to an article. */
async function both() {
  return { article: await shelf({ title: 'parent' }, { tombstones: true }), comment: await shelf({ text: 'child' }) }
}

const articleOptions = ({ adapter }: Shelf, more: Partial<ConflictOptions<Doc>> = {}) => ({
  name: 'article',
  adapter,
  key: parentKey,
  ...more,
})

const titles =
  (article: ConflictMiddleware<Doc>, comment: ConflictMiddleware<Doc>): express.RequestHandler =>
  (req, res) => {
    const [parent, child] = [resourceOf(req, article), resourceOf(req, comment)]
    res.json([parent.current?.value.title, child.current?.value.text])
  }

describe('a parent whose state is fetched, and a child behind the whole chain', () => {
  const fetched = async (more: Partial<ConflictOptions<Doc>> = {}) => {
    const { article, comment } = await both()
    const parent = fetchState(articleOptions(article, { create: [], ...more }))
    const child = detectConflicts({ name: 'comment', adapter: comment.adapter })
    const app = appOf((all) => {
      all.post('/articles/:article/comments', parent, child, commitChange())
      all.get(PATH, parent, child, titles(parent, child))
      all.put(PATH, parent, child, commitChange())
      all.delete(PATH, parent, child, commitChange())
    })
    return { article, comment, app }
  }

  test('both are found by their chains', async () => {
    const { app } = await fetched()
    expect((await request(app).get('/articles/1/comments/1')).body).toEqual(['parent', 'child'])
  })

  test('conditions speak of the child', async () => {
    const { app, article, comment } = await fetched()
    const put = (tag: string) => request(app).put('/articles/1/comments/1').set('If-Match', tag).send({ text: 'new' })
    await put(article.tag).expect(412)
    await put(comment.tag).expect(200)
    expect([await article.stored(), await comment.stored()]).toEqual([{ title: 'parent' }, { text: 'new' }])
  })

  test('validators speak of the child', async () => {
    const { app, comment } = await fetched()
    expect((await request(app).get('/articles/1/comments/1')).headers.etag).toBe(comment.tag)
  })

  test.each(['get', 'put', 'delete'] as const)('%s below a parent that is missing is 404', async (method) => {
    const { app, comment } = await fetched()
    const response = await request(app)[method]('/articles/2/comments/1').set('If-Match', comment.tag).send({})
    expect([response.status, response.body.code]).toEqual([404, 'not_found'])
    expect(await comment.stored()).toEqual({ text: 'child' })
  })

  test.each(['get', 'put', 'delete'] as const)('%s below a parent that was removed is 410', async (method) => {
    const { app, article, comment } = await fetched()
    await article.adapter.remove('1', article.version)
    const response = await request(app)[method]('/articles/1/comments/1').set('If-Match', comment.tag).send({})
    expect([response.status, response.body.code]).toEqual([410, 'gone'])
    expect(await comment.stored()).toEqual({ text: 'child' })
  })

  test('a parent that is frozen freezes what is below it', async () => {
    const { app, comment } = await fetched({ lifecycle: { field: '/title', frozen: ['parent'] } })
    const response = await request(app).post('/articles/1/comments').send({ text: 'new' })
    expect([response.status, response.body.code]).toEqual([409, 'frozen'])
    expect(await comment.adapter.entries()).toHaveLength(1)
  })

  test('POST creates the child, and leaves the parent alone', async () => {
    const { app, article, comment } = await fetched()
    await request(app).post('/articles/1/comments').send({ text: 'new' }).expect(201)
    expect([await article.stored(), (await comment.adapter.entries()).length]).toEqual([{ title: 'parent' }, 2])
  })

  test('the child that is removed is the child', async () => {
    const { app, article, comment } = await fetched()
    await request(app).delete('/articles/1/comments/1').set('If-Match', comment.tag).expect(204)
    expect([await article.stored(), await comment.stored()]).toEqual([{ title: 'parent' }, undefined])
  })
})

test('a parent that is locked as well is not asked for a commit', async () => {
  const { article, comment } = await both()
  const parent = defineResource(
    articleOptions(article, { create: [], name: 'locked parent', lock: { manager: memoryLocks() } }),
  )
  const child = detectConflicts({ name: 'comment', adapter: comment.adapter })
  const app = appOf((all) => all.delete(PATH, holdLock(parent), fetchState(parent), child, commitChange()))
  const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  await request(app).delete('/articles/1/comments/1').set('If-Match', comment.tag).expect(204)
  expect([await article.stored(), await comment.stored()]).toEqual([{ title: 'parent' }, undefined])
  expect(warned).not.toHaveBeenCalled()
  warned.mockRestore()
})

test('a child that skip let pass is not committed in the shape of its parent', async () => {
  const { article, comment } = await both()
  const parent = fetchState(articleOptions(article, { create: [] }))
  const child = detectConflicts({ name: 'comment', adapter: comment.adapter, skip: () => true })
  const app = appOf((all) => all.delete(PATH, parent, child, commitChange()))
  const response = await request(app).delete('/articles/1/comments/1')
  expect([response.status, response.body.mistake]).toEqual([500, expect.stringMatching(/commitChange\(\).*skip/)])
  expect([await article.stored(), await comment.stored()]).toEqual([{ title: 'parent' }, { text: 'child' }])
})

test.each(['/articles/1/comments', '/articles/1/comments/1/likes'])(
  'DELETE %s, which the chain of the comments lets pass, removes no article',
  async (url) => {
    const { article, comment } = await both()
    const parent = fetchState(articleOptions(article, { create: [] }))
    const child = detectConflicts({ name: 'comment', adapter: comment.adapter, path: '/:id' })
    const app = appOf((all) => {
      all.use('/articles/:article/comments', parent, child, commitChange())
    })
    const response = await request(app).delete(url)
    expect(response.status).toBeGreaterThanOrEqual(400)
    expect(await article.stored()).toEqual({ title: 'parent' })
  },
)

describe('two whole chains on one request', () => {
  const chained = async () => {
    const { article, comment } = await both()
    const app = appOf((all) => {
      const [outer, inner] = [
        detectConflicts(articleOptions(article)),
        detectConflicts({ name: 'comment', adapter: comment.adapter }),
      ]
      const chains = [outer, inner]
      all.get(PATH, chains, titles(outer, inner))
      all.put(PATH, chains, commitChange())
      all.get('/failing/:article/:id', chains, ((_req, res) => {
        res.status(500).json({})
      }) as express.RequestHandler)
    })
    return { article, comment, app }
  }

  test('each chain finds its own', async () => {
    const { app } = await chained()
    expect((await request(app).get('/articles/1/comments/1')).body).toEqual(['parent', 'child'])
  })

  test('the validators are those of the inner one', async () => {
    const { app, comment } = await chained()
    expect((await request(app).get('/articles/1/comments/1')).headers.etag).toBe(comment.tag)
  })

  test('a failure shows the validators of neither', async () => {
    const { app } = await chained()
    const { headers } = await request(app).get('/failing/1/1').expect(500)
    expect([headers.etag, headers['last-modified']]).toEqual([undefined, undefined])
  })

  test('a condition that holds for both commits the inner one', async () => {
    const { app, article, comment } = await chained()
    await request(app).put('/articles/1/comments/1').set('If-Match', '*').send({ text: 'new' }).expect(200)
    expect([await article.stored(), await comment.stored()]).toEqual([{ title: 'parent' }, { text: 'new' }])
  })
})

test('the same chain twice on one request: one commit, its validators, no warning', async () => {
  const it = await shelf()
  const chain = detectConflicts({ name: 'twice', adapter: it.adapter })
  const app = appOf((all) => {
    all.use('/articles/:id', chain)
    all.put('/articles/:id', chain, commitChange())
  })
  const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  const response = await request(app).put('/articles/1').set('If-Match', it.tag).send({ title: 'second' })
  expect(response.headers.etag).toBe(`"${(await it.adapter.read('1'))?.version}"`)
  expect(await it.stored()).toEqual({ title: 'second' })
  expect(warned).not.toHaveBeenCalled()
  warned.mockRestore()
})

describe('a router of resources below the path of another resource', () => {
  test.each(['/articles/:article/comments', '/articles/:id/comments'])('mounted on %s', async (path) => {
    const it = await shelf({ text: 'child' })
    const app = appOf((all) => all.use(path, resourceRouter({ name: 'comment', adapter: it.adapter })))
    const { headers } = await request(app).post('/articles/1/comments').send({ text: 'new' }).expect(201)
    expect(headers.location).toMatch(/^\/articles\/1\/comments\/[0-9a-f-]{36}$/)
    const created = await request(app).get(String(headers.location)).expect(200)
    expect(created.body).toEqual({ text: 'new' })
    expect(await it.stored()).toEqual({ text: 'child' })
  })
  test('one router on two paths finds the parameters of each', async () => {
    const adapter = memoryAdapter<{ text: string }>()
    await adapter.write('all 1', { text: 'of all' }, null)
    await adapter.write('7 1', { text: 'of 7' }, null)
    const key = ({ params: { article = 'all', id } }: express.Request) => `${article} ${id}`
    const comments = resourceRouter({ name: 'comment', adapter, key })
    const app = appOf((all) => all.use('/comments', comments).use('/articles/:article/comments', comments))
    for (const [path, text] of [
      ['/comments/1', 'of all'],
      ['/articles/7/comments/1', 'of 7'],
      ['/comments/1', 'of all'],
    ] as const)
      expect((await request(app).get(path)).body).toEqual({ text })
  })
})
