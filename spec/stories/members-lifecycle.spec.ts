import { articleApp } from './article'

/** Frozen and gone states, and the way from one to the next. */

const lifecycle = {
  field: '/status',
  initial: ['draft'],
  frozen: ['archived'],
  gone: ['deleted'],
  transitions: {
    draft: ['review', 'deleted'],
    review: ['draft', 'published'],
    published: ['archived'],
    archived: [],
    deleted: [],
  },
}
const at = (status: unknown) => ({ title: 'a', status })

describe('a frozen resource', () => {
  test.each(['put', 'patch', 'delete'] as const)('refuses %s, whatever it would change', async (method) => {
    const it = await articleApp(at('archived'), { lifecycle })
    const response = await it.send(method, method === 'delete' ? undefined : at('archived'))
    expect([response.status, response.body.code]).toEqual([409, 'frozen'])
    expect(response.body).toMatchObject({ detail: 'It is "archived".', from: 'archived', resolution: 'change-request' })
    expect(await it.stored()).toEqual(at('archived'))
  })

  test('says so before it looks at the condition or the body', async () => {
    const it = await articleApp(at('archived'), { lifecycle, schema: { type: 'object', required: ['id'] } })
    await it.bare('put').set('If-Match', '"old"').send({ n: 1 }).expect(409)
    await it.bare('put').set('If-Match', 'malformed').send({ n: 1 }).expect(409)
    await it.bare('delete').expect(409)
  })

  test('can be read', async () => {
    const it = await articleApp(at('archived'), { lifecycle })
    expect((await it.get()).body).toEqual(at('archived'))
  })
})

describe('a resource whose state says that it is gone', () => {
  test.each(['get', 'put', 'patch'] as const)('is 410 to %s', async (method) => {
    const it = await articleApp(at('deleted'), { lifecycle })
    const response = await it.send(method, method === 'get' ? undefined : at('draft'))
    expect([response.status, response.body.code]).toEqual([410, 'gone'])
    expect(response.text).not.toContain('deleted')
    expect(await it.stored()).toEqual(at('deleted'))
  })

  test('is brought about by a transition like any other', async () => {
    const it = await articleApp(at('draft'), { lifecycle })
    expect((await it.merge({ status: 'deleted' })).status).toBe(200)
    expect((await it.get()).status).toBe(410)
  })
})

describe('a transition', () => {
  test.each([
    ['draft', 'review'],
    ['review', 'draft'],
    ['published', 'archived'],
    ['review', 'review'],
  ])('from %s to %s passes, by PUT and by patch', async (from, to) => {
    for (const change of ['put', 'merge', 'patch'] as const) {
      const it = await articleApp(at(from), { lifecycle })
      const response =
        change === 'patch' ? await it.patch({ op: 'replace', path: '/status', value: to }) : await it[change](at(to))
      expect(response.status).toBe(200)
      expect(await it.stored()).toEqual(at(to))
    }
  })

  test.each<[string, unknown, object]>([
    ['draft', 'published', { from: 'draft', to: 'published', allowed: ['review', 'deleted'] }],
    ['draft', 'nowhere', { from: 'draft', to: 'nowhere', allowed: ['review', 'deleted'] }],
    ['published', 'draft', { from: 'published', to: 'draft', allowed: ['archived'] }],
    ['draft', null, { from: 'draft', allowed: ['review', 'deleted'] }],
    ['draft', undefined, { from: 'draft', allowed: ['review', 'deleted'] }],
    ['draft', ['review'], { from: 'draft', allowed: ['review', 'deleted'] }],
    ['draft', { toString: 'review' }, { from: 'draft', allowed: ['review', 'deleted'] }],
  ])('from %s to %j is refused, and says where it may go', async (from, to, facts) => {
    const it = await articleApp(at(from), { lifecycle })
    const response = await it.put(at(to))
    expect([response.status, response.body.code]).toEqual([409, 'transition_not_allowed'])
    const { from: was, to: would, allowed } = response.body
    expect({ from: was, to: would, allowed }).toEqual({ to: undefined, ...facts })
    expect(await it.stored()).toEqual(at(from))
  })

  test('is judged after the condition: a stale client learns nothing of the state', async () => {
    const it = await articleApp(at('draft'), { lifecycle })
    const response = await it.bare('put').set('If-Match', '"old"').send(at('published'))
    expect([response.status, response.body.code]).toEqual([412, 'precondition_failed'])
    expect(response.text).not.toContain('draft')
  })

  test('is judged after immutable members', async () => {
    const it = await articleApp(at('draft'), { lifecycle, immutable: ['/title'] })
    expect((await it.put({ title: 'b', status: 'published' })).body.code).toBe('immutable_field')
  })
})

describe('a new resource', () => {
  test('begins in an initial state', async () => {
    const it = await articleApp(undefined, { lifecycle })
    expect((await it.post(at('draft'))).status).toBe(201)
    for (const status of ['published', 'deleted', 'archived', 'x', undefined, null]) {
      const response = await it.post(at(status))
      expect([response.status, response.body.code]).toEqual([409, 'transition_not_allowed'])
      expect(response.body.allowed).toEqual(['draft'])
    }
    expect((await it.bare('put').send(at('published'))).status).toBe(409)
  })

  test('begins anywhere when nothing is said of that', async () => {
    const { initial: _, ...rest } = lifecycle
    const it = await articleApp(undefined, { lifecycle: rest })
    expect((await it.post(at('published'))).status).toBe(201)
    expect((await it.post({})).status).toBe(201)
  })
})

test('what was stored without a state may begin, and need not', async () => {
  const it = await articleApp({ title: 'a' }, { lifecycle })
  expect((await it.put({ title: 'b' })).status).toBe(200)
  expect((await it.put(at('published'))).body.allowed).toEqual(['draft'])
  expect((await it.put(at('draft'))).status).toBe(200)
})

test('without transitions only frozen and gone count', async () => {
  const it = await articleApp(at('a'), { lifecycle: { field: '/status', frozen: ['z'] } })
  expect((await it.put(at('b'))).status).toBe(200)
  expect((await it.put({})).status).toBe(200)
  expect((await it.put(at('z'))).status).toBe(200)
  expect((await it.put(at('b'))).body.code).toBe('frozen')
})

test('the state may be nested', async () => {
  const it = await articleApp({ meta: { status: 'draft' } }, { lifecycle: { ...lifecycle, field: '/meta/status' } })
  expect((await it.put({ meta: { status: 'published' } })).status).toBe(409)
  expect((await it.put({})).status).toBe(409)
  expect((await it.put({ meta: { status: 'review' } })).status).toBe(200)
})
