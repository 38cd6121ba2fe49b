import type { RequestHandler } from 'express'
import request from 'supertest'
import {
  type ConflictOptions,
  checkPreconditions,
  commitChange,
  defineResource,
  detectConflicts,
  fetchState,
  type ResourceDefinition,
  type Rule,
  resourceOf,
  validateChange,
} from '../../lib'
import { appOf, type Doc, PASSED, shelf, tells } from './app'

type Options = Partial<ConflictOptions<Doc>>

/** The stages, each by itself. */
async function staged(options: Options = {}) {
  const it = await shelf()
  const article = defineResource<Doc>({ name: 'article', adapter: it.adapter, ...options })
  const stages = [fetchState(article), validateChange(article), checkPreconditions(article)]
  const app = appOf((all) => {
    all.get('/articles/:id', stages, (async (req, res) => {
      res.json(resourceOf(req, article).representation)
    }) as RequestHandler)
    all.put('/articles/:id', stages, commitChange())
  })
  return { ...it, app }
}

const put = ({ app }: { app: Parameters<typeof request>[0] }, tag: string, body: Doc = { title: 'second' }) =>
  request(app).put('/articles/1').set('If-Match', tag).send(body)

test('stages one by one do what the chain does', async () => {
  const it = await staged()
  expect((await request(it.app).get('/articles/1')).headers.etag).toBe(it.tag)
  expect((await put(it, '"old"').expect(412)).body.code).toBe('precondition_failed')
  await put(it, it.tag).expect(200)
  expect(await it.stored()).toEqual({ title: 'second' })
})

test('304 is early', async () => {
  const it = await staged()
  await request(it.app).get('/articles/1').set('If-None-Match', it.tag).expect(304)
})

test('all options of the definition hold', async () => {
  const rule: Rule<Doc> = ({ proposed }) => (proposed?.title === 'forbidden' ? { detail: 'Not that title.' } : null)
  const it = await staged({
    lifecycle: { field: '/title', frozen: ['frozen'] },
    rules: [rule],
    preconditions: { versionField: '/revision', weak: 'accept' },
    hidden: ['/secret'],
  })
  expect((await put(it, it.tag, { title: 'forbidden' })).body.code).toBe('rule_violation')
  expect((await request(it.app).get('/articles/1')).body).toEqual({ title: 'first', revision: it.version })
  await put(it, it.tag, { title: 'frozen' }).expect(200)
  expect((await put(it, '*')).body.code).toBe('frozen')
})

test('a stage without fetchState in front is a mistake of the app, and nothing is written', async () => {
  const it = await shelf()
  const app = appOf((all) =>
    all.put('/articles/:id', checkPreconditions({ name: 'article', adapter: it.adapter }), commitChange()),
  )
  const { status, body } = await put({ app }, it.tag)
  expect([status, body.mistake]).toEqual([
    500,
    expect.stringMatching(/Mount fetchState\(\) in front of it.* const article = defineResource/),
  ])
  expect(await it.stored()).toEqual({ title: 'first' })
})

test('a stage with another definition than fetchState is one, too', async () => {
  const [it, other] = [await shelf(), await shelf()]
  const app = appOf((all) =>
    all.put(
      '/articles/:id',
      fetchState({ name: 'article', adapter: it.adapter }),
      checkPreconditions({ name: 'article', adapter: other.adapter }),
      commitChange(),
    ),
  )
  expect((await put({ app }, it.tag)).status).toBe(500)
  expect(await it.stored()).toEqual({ title: 'first' })
})

test('what fetchState lets pass, the others let pass', async () => {
  const it = await shelf()
  const article = defineResource<Doc>({ name: 'article', adapter: it.adapter, skip: () => true })
  const last = checkPreconditions(article)
  const app = appOf((all) =>
    all.put('/articles/:id', fetchState(article), validateChange(article), last, tells(it, last)),
  )
  expect((await put({ app }, '"old"')).body).toEqual(PASSED)
})

describe('resourceOf', () => {
  type Article = ResourceDefinition<Doc>
  const asked = async (ask: (req: Parameters<typeof resourceOf>[0], article: Article) => unknown, url: string) => {
    const { adapter } = await shelf()
    const article = defineResource<Doc>({ name: 'article', adapter })
    const handler: RequestHandler = (req, res) => {
      res.json(ask(req, article))
    }
    const app = appOf((all) => {
      all.put('/bare', handler)
      all.put('/articles/:id', fetchState(article), handler)
    })
    return (await request(app).put(url).send({})).body
  }

  test('where no chain ran is a mistake, with the way out', async () => {
    const body = await asked((req, article) => resourceOf(req, article).key, '/bare')
    expect(body.mistake).toMatch(/no chain of this article ran on the request. Mount detectConflicts/)
  })

  test('with another definition is a mistake, though the adapter is the same', async () => {
    const body = await asked((req, { adapter }) => {
      const other = detectConflicts({ name: 'article', adapter })
      return resourceOf(req, other).key
    }, '/articles/1')
    expect(body.mistake).toMatch(/give it this very definition/)
  })

  test('after fetchState has the state, and nothing that was proposed', async () => {
    const body = await asked((req, article) => {
      const { name, key, action, current, proposed, signal } = resourceOf(req, article)
      return [name, key, action, current?.value, proposed ?? null, signal.aborted]
    }, '/articles/1')
    expect(body).toEqual(['article', '1', 'replace', { title: 'first' }, null, false])
  })
})

test('a PUT without validateChange shows no tag of what the handler made: nothing says that it is what was sent', async () => {
  const { adapter, stored } = await shelf()
  const article = defineResource<Doc>({ name: 'article', adapter })
  const handler: RequestHandler = (req, res, next) => {
    resourceOf(req, article)
      .commit({ title: 'own' })
      .then(({ representation }) => res.json(representation), next)
  }
  const app = appOf((all) => all.put('/articles/:id', fetchState(article), handler))
  const { status, headers } = await request(app).put('/articles/1').send({ title: 'sent' })
  expect([status, headers.etag, headers['last-modified']]).toEqual([200, undefined, undefined])
  expect(await stored()).toEqual({ title: 'own' })
})
