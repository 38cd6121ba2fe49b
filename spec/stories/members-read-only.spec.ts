import Ajv from 'ajv'
import { articleApp, named } from './article'

/** Members that the schema calls `readOnly`: only the server sets them. */

const article = {
  title: 'a',
  created: '2026-01-01',
  meta: { by: 'me', lang: 'en' },
  items: [
    { no: 1, at: 1, n: 1 },
    { no: 2, at: 2, n: 2 },
  ],
}
const readOnly = { readOnly: true }
const plain = {
  type: 'object',
  properties: {
    title: { type: 'string' },
    created: { type: 'string', ...readOnly },
    meta: { properties: { by: readOnly } },
    items: { items: { properties: { at: { type: 'number', ...readOnly } } } },
  },
}
const behindRef = {
  $ref: '#/$defs/article',
  $defs: {
    article: {
      type: 'object',
      properties: {
        created: { $ref: '#/$defs/time' },
        meta: { $ref: '#/$defs/meta' },
        items: { $ref: '#/$defs/items' },
      },
    },
    time: { type: 'string', ...readOnly },
    meta: { properties: { by: { $ref: '#/$defs/person' } } },
    person: { allOf: [{ type: 'string' }, readOnly] },
    items: { items: { $ref: '#/$defs/item' } },
    item: { properties: { at: readOnly } },
  },
}
const behindAllOf = {
  allOf: [
    { properties: { created: readOnly } },
    { allOf: [{ properties: { meta: { allOf: [{ properties: { by: readOnly } }] } } }] },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    { if: { required: ['items'] }, then: { properties: { items: { items: { properties: { at: readOnly } } } } } },
  ],
}
const draft07 = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  definitions: { time: readOnly },
  properties: {
    created: { $ref: '#/definitions/time' },
    meta: { properties: { by: readOnly } },
    items: { items: { properties: { at: readOnly } } },
  },
}
const arrayKeys = { '/items': '/no' }
const [first, second] = article.items as [object, object]

describe.each([
  ['in plain sight', { schema: plain }],
  ['behind $ref', { schema: behindRef }],
  ['behind allOf and if', { schema: behindAllOf }],
  ['in draft-07', { schema: draft07 }],
  ["in the app's own Ajv", { schema: plain, ajv: new Ajv({ strictTypes: false }) }],
  [
    "in schemas that the app's own Ajv knows",
    {
      schema: { allOf: [{ $ref: 'article' }] },
      ajv: new Ajv({ strictTypes: false, schemas: { article: plain } }),
    },
  ],
  [
    "in schemas that the app's own Ajv knows by their $id",
    {
      schema: { $ref: 'http://example.com/article#/definitions/a' },
      ajv: new Ajv({
        strictTypes: false,
        schemas: [
          { ...draft07, $id: 'http://example.com/article', definitions: { a: draft07, ...draft07.definitions } },
        ],
      }),
    },
  ],
  ['in a compiled validator', { schema: new Ajv({ strictTypes: false }).compile(draft07) }],
])('%s', (_place, options) => {
  const own = { ...options, arrayKeys }

  test.each<[string, object, object]>([
    [
      'are carried over where a PUT leaves them out',
      { title: 'b' },
      { title: 'b', created: '2026-01-01', meta: { by: 'me' } },
    ],
    ['pass where a PUT sends them as they are', { ...article, title: 'b' }, { ...article, title: 'b' }],
    [
      'are carried over to the items they belong to',
      { items: [{ no: 3 }, { no: 2 }, { no: 1, at: 1 }] },
      {
        created: '2026-01-01',
        meta: { by: 'me' },
        items: [{ no: 3 }, { no: 2, at: 2 }, { no: 1, at: 1 }],
      },
    ],
    [
      'of a new item are ignored',
      { ...article, items: [first, second, { no: 3, at: 9 }] },
      { ...article, items: [first, second, { no: 3 }] },
    ],
  ])('they %s', async (_name, body, stored) => {
    const it = await articleApp(article, own)
    const response = await it.put(body)
    expect(response.body).toEqual(stored)
    expect(response.status).toBe(200)
  })

  test.each<[string, object, string[]]>([
    ['changed', { ...article, created: '2027' }, ['changed /created']],
    ['nested and changed', { ...article, meta: { by: 'you' } }, ['changed /meta/by']],
    ['changed in an item that moved', { ...article, items: [second, { ...first, at: 3 }] }, ['changed /items/1/at']],
    [
      'all changed',
      { created: '2', meta: { by: 'x' }, items: [{ no: 1, at: 7 }] },
      ['changed /created', 'changed /items/0/at', 'changed /meta/by'],
    ],
  ])('a PUT that sends them %s is refused, and each is named', async (_name, body, members) => {
    const it = await articleApp(article, own)
    const response = await it.put(body)
    expect([response.status, response.body.code]).toEqual([409, 'immutable_field'])
    expect(named(response)).toEqual(members)
    expect(await it.stored()).toEqual(article)
  })

  test('a PUT that adds one which is not stored is refused', async () => {
    const it = await articleApp({ title: 'a', items: [{ no: 1 }] }, own)
    expect(named(await it.put({ title: 'a', created: 'now' }))).toEqual(['added /created'])
    expect(named(await it.put({ title: 'a', items: [{ no: 1, at: 1 }] }))).toEqual(['added /items/0/at'])
    expect(await it.stored()).toEqual({ title: 'a', items: [{ no: 1 }] })
  })

  test('a patch that changes, adds or takes out one is refused', async () => {
    const it = await articleApp(article, own)
    for (const [response, member] of [
      [await it.merge({ created: '2027' }), 'changed /created'],
      [await it.merge({ created: null }), 'removed /created'],
      [await it.merge({ meta: null }), 'removed /meta/by'],
      [await it.patch({ op: 'remove', path: '/created' }), 'removed /created'],
      [await it.patch({ op: 'replace', path: '/items/1/at', value: 7 }), 'changed /items/1/at'],
      [await it.patch({ op: 'copy', from: '/title', path: '/created' }), 'changed /created'],
    ] as const) {
      expect([response.status, response.body.code]).toEqual([409, 'immutable_field'])
      expect(named(response)).toEqual([member])
    }
    expect(await it.stored()).toEqual(article)
  })

  test('a patch that leaves them alone, or says what is stored, passes', async () => {
    const it = await articleApp(article, own)
    expect((await it.merge({ title: 'b' })).status).toBe(200)
    expect((await it.merge({ created: '2026-01-01' })).status).toBe(200)
    expect((await it.patch({ op: 'move', from: '/items/0', path: '/items/1' })).status).toBe(200)
    expect(await it.stored()).toEqual({ ...article, title: 'b', items: [second, first] })
  })

  test('they are ignored on create', async () => {
    const it = await articleApp(undefined, own)
    const expected = {
      title: 'a',
      meta: { lang: 'en' },
      items: [
        { no: 1, n: 1 },
        { no: 2, n: 2 },
      ],
    }
    expect((await it.bare('put').send(article)).body).toEqual(expected)
    expect((await it.post(article)).body).toEqual(expected)
  })
})

test('they are ignored on create although something else of the body is not valid yet', async () => {
  const schema = { ...plain, required: ['id'] }
  const it = await articleApp(undefined, { schema, keyPointer: '/id', generateKey: () => '7' })
  const response = await it.post({ title: 'a', created: 5 })
  expect([response.status, response.body]).toEqual([201, { title: 'a', id: '7' }])
})

test('behind members of any name they are carried over too', async () => {
  const schema = { additionalProperties: { properties: { by: readOnly } } }
  const it = await articleApp({ a: { by: 'me' }, b: { by: 'you' } }, { schema })
  expect((await it.put({ a: {}, c: { n: 1 } })).body).toEqual({ a: { by: 'me' }, b: { by: 'you' }, c: { n: 1 } })
  expect(named(await it.put({ a: { by: 'you' } }))).toEqual(['changed /a/by'])
})

test('readOnly: false says nothing', async () => {
  const it = await articleApp({ a: 1, b: 1 }, { schema: { properties: { a: readOnly, b: { readOnly: false } } } })
  expect((await it.put({ a: 1, b: 2 })).status).toBe(200)
})

test('S6: looking for them runs no pattern, and compares no items', async () => {
  const schema = {
    properties: {
      by: readOnly,
      text: { maxLength: 100, pattern: '^(a+)+$' },
      list: { maxItems: 2, uniqueItems: true },
    },
  }
  const it = await articleApp({ by: 'me' }, { schema })
  const started = performance.now()
  const text = `${'a'.repeat(120)}b`
  expect((await it.put({ text })).status).toBe(422)
  expect((await it.post({ text })).status).toBe(422)
  expect((await it.put({ list: Array.from({ length: 8000 }, (_, n) => ({ n })) })).status).toBe(422)
  expect(performance.now() - started).toBeLessThan(3000)
})
