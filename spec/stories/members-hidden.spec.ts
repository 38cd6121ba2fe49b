import express from 'express'
import request from 'supertest'
import { contentHash, detectConflicts, memoryAdapter, reportChange, respondToConflicts } from '../../lib'
import { type Article, articleApp, named, PATCH } from './article'

/** Members that clients neither see nor send. */

const secrets = /s3cret|t0ken|k3y/
const article = {
  id: '1',
  secret: 's3cret',
  meta: { token: 't0ken', lang: 'en' },
  items: [
    { no: 1, key: 'k3y-1' },
    { no: 2, key: 'k3y-2' },
  ],
}
const shown = { id: '1', meta: { lang: 'en' }, items: [{ no: 1 }, { no: 2 }] }
const options = { hidden: ['/secret', '/meta/token', '/items/*/key'], arrayKeys: { '/items': '/no' } }

test('are in no representation', async () => {
  const it = await articleApp(article, options)
  expect((await it.get()).body).toEqual(shown)
  for (const response of [
    await it.put(shown),
    await it.merge({ title: 'a' }),
    await it.patch({ op: 'add', path: '/title', value: 'b' }),
  ]) {
    expect(response.status).toBe(200)
    expect(response.text).not.toMatch(secrets)
  }
})

test('are in no dry run', async () => {
  const adapter = memoryAdapter<Article>()
  await adapter.write('1', article, null)
  const app = express()
  const chain = detectConflicts({ name: 'article', adapter, preconditions: { required: false }, ...options })
  app.patch('/articles/:id/report', express.json({ type: '*/*' }), chain, reportChange())
  app.use(respondToConflicts())
  const operations = [
    { op: 'add', path: '/title', value: 'a' },
    { op: 'add', path: '/secret', value: 'x' },
  ]
  const { body } = await request(app)
    .patch('/articles/1/report')
    .type(PATCH)
    .send(JSON.stringify(operations))
    .expect(200)
  expect(body).toEqual({
    action: 'patch',
    changes: true,
    changed: ['/title'],
    proposed: { ...shown, title: 'a' },
  })
})

describe('are carried over', () => {
  test.each<[string, object, object]>([
    ['as they are', shown, article],
    ['where their parent is left out', { id: '1' }, { id: '1', secret: 's3cret', meta: { token: 't0ken' } }],
    ['where their parent became null', { meta: null }, { secret: 's3cret', meta: { token: 't0ken' } }],
    ['where their parent became an array', { meta: [] }, { secret: 's3cret', meta: { token: 't0ken' } }],
    [
      'whatever is sent for them',
      { ...shown, secret: 'x', meta: { token: 1 }, items: [{ no: 1, key: 0 }] },
      {
        id: '1',
        secret: 's3cret',
        meta: { token: 't0ken' },
        items: [{ no: 1, key: 'k3y-1' }],
      },
    ],
    [
      'with their items',
      { ...shown, items: [{ no: 2 }, { no: 3 }, { no: 1 }] },
      {
        ...article,
        items: [{ no: 2, key: 'k3y-2' }, { no: 3 }, { no: 1, key: 'k3y-1' }],
      },
    ],
    ['but not to items that are gone', { ...shown, items: [] }, { ...article, items: [] }],
  ])('by PUT %s', async (_name, body, stored) => {
    const it = await articleApp(article, options)
    expect((await it.put(body)).status).toBe(200)
    expect(await it.stored()).toEqual(stored)
  })

  test.each<[string, object, object]>([
    ['of another member', { title: 'a' }, { ...article, title: 'a' }],
    ['that sends them', { secret: 'x', meta: { token: 'x' } }, article],
    ['that removes them', { secret: null, meta: { token: null } }, article],
    ['that removes their parent', { meta: null }, { ...article, meta: { token: 't0ken' } }],
    ['of items', { items: [{ no: 2 }] }, { ...article, items: [{ no: 2, key: 'k3y-2' }] }],
  ])('by a merge patch %s', async (_name, patch, stored) => {
    const it = await articleApp(article, options)
    expect((await it.merge(patch)).status).toBe(200)
    expect(await it.stored()).toEqual(stored)
  })

  test.each<[string, object[], object]>([
    ['that adds them', [{ op: 'add', path: '/secret', value: 'x' }], article],
    [
      'that moves something onto them',
      [{ op: 'move', from: '/meta/lang', path: '/secret' }],
      { ...article, meta: { token: 't0ken' } },
    ],
    ['that removes their parent', [{ op: 'remove', path: '/meta' }], { ...article, meta: { token: 't0ken' } }],
    [
      'that moves an item',
      [{ op: 'move', from: '/items/0', path: '/items/1' }],
      { ...article, items: [article.items[1], article.items[0]] },
    ],
    [
      'that replaces the document',
      [{ op: 'replace', path: '', value: {} }],
      { secret: 's3cret', meta: { token: 't0ken' } },
    ],
  ])('by a JSON Patch %s', async (_name, operations, stored) => {
    const it = await articleApp(article, options)
    expect((await it.patch(...operations)).status).toBe(200)
    expect(await it.stored()).toEqual(stored)
  })

  test('whole arrays and maps of them', async () => {
    const it = await articleApp({ tokens: ['t0ken'], keys: { a: 'k3y' } }, { hidden: ['/tokens/*', '/keys/*'] })
    expect((await it.get()).body).toEqual({ tokens: [], keys: {} })
    expect((await it.put({ tokens: ['x'], keys: { b: 'x' } })).status).toBe(200)
    expect(await it.stored()).toEqual({ tokens: ['t0ken'], keys: { a: 'k3y' } })
    expect((await it.put({})).status).toBe(200)
    expect(await it.stored()).toEqual({ tokens: ['t0ken'], keys: { a: 'k3y' } })
  })
})

describe('S11: a JSON Patch cannot get at them', () => {
  test.each<[object]>([
    [{ op: 'test', path: '/secret', value: 's3cret' }],
    [{ op: 'test', path: '/meta', value: article.meta }],
    [{ op: 'copy', from: '/secret', path: '/public' }],
    [{ op: 'move', from: '/secret', path: '/public' }],
    [{ op: 'remove', path: '/secret' }],
    [{ op: 'replace', path: '/secret', value: 'x' }],
    [{ op: 'copy', from: '/items/0/key', path: '/public' }],
    [{ op: 'add', path: '/secret/0', value: 'x' }],
  ])('%j fails as if nothing were there', async (operation) => {
    const it = await articleApp(article, options)
    const response = await it.patch(operation)
    expect([response.status, response.body.code]).toEqual([409, 'patch_failed'])
    expect(response.text).not.toMatch(/t0ken|k3y/)
    expect(await it.stored()).toEqual(article)
  })

  test.each<[object]>([
    [{ op: 'copy', from: '', path: '/public' }],
    [{ op: 'copy', from: '/meta', path: '/public' }],
    [{ op: 'copy', from: '/items', path: '/public' }],
  ])('%j copies nothing of them', async (operation) => {
    const it = await articleApp(article, options)
    const response = await it.patch(operation)
    expect(response.status).toBe(200)
    expect(JSON.stringify((await it.stored())?.public)).not.toMatch(secrets)
  })
})

test('cannot be given to a new resource', async () => {
  const it = await articleApp(undefined, options)
  const response = await it.bare('put').send(article)
  expect([response.status, response.body]).toEqual([201, shown])
  expect(await it.stored()).toEqual(shown)
})

test('are in no problem, whether the schema, a transition or another member stands in the way', async () => {
  const it = await articleApp(article, {
    ...options,
    immutable: ['/id', '/secret'],
    schema: { properties: { title: { maxLength: 1 } } },
    lifecycle: { field: '/status', initial: ['a'], transitions: { a: [] } },
  })
  const responses = [
    await it.put({ id: '2' }),
    await it.merge({ title: 'long' }),
    await it.merge({ status: 'b' }),
    await it.bare('put').set('If-Match', '"old"').send({ id: '1' }),
  ]
  expect(responses.map(({ status }) => status)).toEqual([409, 422, 409, 412])
  for (const { text, headers } of responses) expect(text + JSON.stringify(headers)).not.toMatch(secrets)
})

test('a change of one alone changes no content hash', async () => {
  const it = await articleApp(article, { ...options, tag: contentHash() })
  const { etag } = (await it.get()).headers
  await it.store({ ...article, secret: 'other' })
  expect((await it.get()).headers.etag).toBe(etag)
})

test('stay where they are when two items have one identity: nothing tells which secret belongs to which', async () => {
  const items = [
    { no: 1, text: 'a', key: 'k3y-1' },
    { no: 1, text: 'b', key: 'k3y-2' },
  ]
  const it = await articleApp({ items }, options)
  const response = await it.put({
    items: [
      { no: 1, text: 'b' },
      { no: 1, text: 'a' },
    ],
  })
  expect([response.status, named(response)]).toEqual([409, ['changed /items']])
  expect(await it.stored()).toEqual({ items })
})

describe('that the schema calls readOnly as well', () => {
  const both = {
    hidden: ['/secret'],
    schema: { properties: { secret: { type: 'string', readOnly: true } } },
  }

  test('stand in the way of no patch', async () => {
    const it = await articleApp({ secret: 's3cret' }, both)
    expect((await it.merge({ title: 'a' })).status).toBe(200)
    expect((await it.patch({ op: 'add', path: '/title', value: 'b' })).status).toBe(200)
    expect(await it.stored()).toEqual({ secret: 's3cret', title: 'b' })
  })

  test('answer a right guess like a wrong one', async () => {
    const it = await articleApp({ secret: 's3cret' }, both)
    const [right, wrong] = [await it.put({ secret: 's3cret' }), await it.put({ secret: 'wrong' })]
    expect([right.status, named(right)]).toEqual([wrong.status, named(wrong)])
    expect(await it.stored()).toEqual({ secret: 's3cret' })
  })

  test('and immutable answer a right guess like a wrong one', async () => {
    const it = await articleApp({ secret: 's3cret' }, { ...both, immutable: ['/secret'] })
    expect((await it.put({ secret: 's3cret' })).status).toBe((await it.put({ secret: 'wrong' })).status)
  })
})
