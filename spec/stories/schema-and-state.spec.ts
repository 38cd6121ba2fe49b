import Ajv from 'ajv'
import addFormats from 'ajv-formats'
import express from 'express'
import request from 'supertest'
import {
  type ConflictOptions,
  detectConflicts,
  memoryAdapter,
  resourceOf,
  resourceRouter,
  respondToConflicts,
} from '../../lib'
import type { Doc } from './app'

/** Where a schema and a change meet what is stored. */

const readOnly = { readOnly: true }
const MERGE = 'application/merge-patch+json'
const JSON_PATCH = 'application/json-patch+json'

async function resource(value: Doc, options: Partial<ConflictOptions<Doc>>) {
  const adapter = memoryAdapter<Doc>()
  await adapter.write('1', value, null)
  const app = express()
  app.use('/r', resourceRouter<Doc>({ name: 'r', adapter, preconditions: { required: false }, ...options }))
  app.use(respondToConflicts())
  return {
    app,
    stored: async (key = '1') => (await adapter.read(key))?.value,
    get: () => request(app).get('/r/1'),
    put: (body: unknown) =>
      request(app)
        .put('/r/1')
        .send(body as object),
    post: (body: unknown) =>
      request(app)
        .post('/r')
        .send(body as object),
    patch: (body: unknown, type = MERGE) =>
      request(app).patch('/r/1').set('Content-Type', type).send(JSON.stringify(body)),
  }
}

describe('read-only identities of items stay', () => {
  const schema = {
    properties: {
      list: {
        items: {
          properties: { no: readOnly, made: readOnly, sub: { items: { properties: { id: readOnly, at: readOnly } } } },
        },
      },
    },
  }
  const arrayKeys = { '/list': '/no', '/list/*/sub': '/id' }
  const [one, two] = [
    {
      no: 1,
      t: 'a',
      made: 'x',
      sub: [
        { id: 1, at: 'p' },
        { id: 2, at: 'q' },
      ],
    },
    { no: 2, t: 'b', made: 'y' },
  ]
  const article = { title: 't', list: [one, two] }
  const open = () => resource(article, { schema, arrayKeys })

  test.each<[string, unknown, unknown, string?]>([
    ['a patch of something else', { title: 'u' }, { ...article, title: 'u' }, MERGE],
    [
      'a patch in another order, without what only the server sets',
      {
        list: [
          { no: 2, t: 'b' },
          { no: 1, t: 'A', sub: [{ id: 2 }, { id: 1 }] },
        ],
      },
      {
        title: 't',
        list: [
          two,
          {
            ...one,
            t: 'A',
            sub: [
              { id: 2, at: 'q' },
              { id: 1, at: 'p' },
            ],
          },
        ],
      },
      MERGE,
    ],
    [
      'a JSON Patch',
      [{ op: 'replace', path: '/list/1/t', value: 'B' }],
      { title: 't', list: [one, { ...two, t: 'B' }] },
      JSON_PATCH,
    ],
    [
      'a JSON Patch that moves an item',
      [{ op: 'move', from: '/list/1', path: '/list/0' }],
      { title: 't', list: [two, one] },
      JSON_PATCH,
    ],
    ['an item that is removed', { list: [{ no: 2, t: 'b' }] }, { title: 't', list: [two] }, MERGE],
    [
      'an item that is added, which keeps the identity it came with and nothing else that is not the client’s',
      {
        list: [
          { no: 1, t: 'a', sub: [{ id: 1 }, { id: 2 }] },
          { no: 9, t: 'n', made: 'mine' },
        ],
      },
      { title: 't', list: [one, { no: 9, t: 'n' }] },
      MERGE,
    ],
  ])('%s', async (_, patch, stored, type) => {
    const it = await open()
    expect((await it.patch(patch, type)).status).toBe(200)
    expect(await it.stored()).toEqual(stored)
  })

  test('a PUT of what GET gave, and of it in another order', async () => {
    const it = await open()
    await it.put((await it.get()).body).expect(200)
    expect(await it.stored()).toEqual(article)
    await it.put({ title: 't', list: [two, one] }).expect(200)
    expect(await it.stored()).toEqual({ title: 't', list: [two, one] })
  })

  test('a changed one is refused where it now stands', async () => {
    const it = await open()
    const answer = await it.put({ title: 't', list: [{ ...two, made: 'z' }, one] })
    expect([answer.status, answer.body.conflicts]).toEqual([409, [{ pointer: '/list/0/made', kind: 'changed' }]])
  })

  test('a creation keeps them', async () => {
    const it = await open()
    const { headers } = await it.post({ list: [{ no: 1, made: 'mine' }] }).expect(201)
    expect(await it.stored(decodeURIComponent(headers.location?.split('/').at(-1) ?? ''))).toEqual({
      list: [{ no: 1 }],
    })
  })

  test('a handler that writes by itself finds them in what is proposed', async () => {
    const app = express()
    const adapter = { read: async () => ({ value: article as Doc, version: '1' }) }
    const chain = detectConflicts<Doc>({
      name: 'r',
      adapter,
      writes: 'by-app',
      schema,
      arrayKeys,
      preconditions: { required: false },
    })
    app.patch(
      '/r/:id',
      express.json({ type: '*/*' }),
      chain,
      (req, res) => void res.status(299).json(resourceOf(req, chain).proposed),
    )
    const { status, body } = await request(app).patch('/r/1').set('Content-Type', MERGE).send('{"list":[{"no":2}]}')
    expect([status, body]).toEqual([299, { title: 't', list: [{ no: 2, made: 'y' }] }])
  })
})

describe('only subschemas that hold annotate', () => {
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  const then = (schema: object) => ({ then: schema })
  const price = { properties: { price: readOnly } }
  const sold = { properties: { status: { const: 'sold' }, price: readOnly }, required: ['status'] }
  const status = (schema: object) => ({ properties: { status: schema }, required: ['status'] })

  test.each<[string, object, Doc]>([
    ['else of a pattern', { if: status({ pattern: '^draft' }), else: price }, { status: 'sold', price: 10 }],
    ['else of a format', { if: status({ format: 'email' }), else: price }, { status: 'sold', price: 10 }],
    ['then of a format', { if: status({ format: 'email' }), ...then(price) }, { status: 'a@b.example', price: 10 }],
    [
      'else of uniqueItems',
      { if: { properties: { list: { uniqueItems: true } } }, else: price },
      { list: [1, 1], price: 10 },
    ],
    ['then of not', { if: { not: status({ const: 'draft' }) }, ...then(price) }, { status: 'sold', price: 10 }],
    ['a branch of oneOf', { oneOf: [sold, status({ const: 'draft' })] }, { status: 'sold', price: 10 }],
    ['a branch of anyOf', { anyOf: [sold, { type: 'object' }] }, { status: 'sold', price: 10 }],
    ['dependentSchemas', { dependentSchemas: { status: price } }, { status: 'sold', price: 10 }],
    [
      'unevaluatedProperties',
      { properties: { status: {} }, unevaluatedProperties: readOnly },
      { status: 'sold', price: 10 },
    ],
    ['patternProperties', { patternProperties: { '^pr': readOnly } }, { price: 10 }],
    ['a recursive $ref', { properties: { child: { $ref: '#' }, price: readOnly } }, { price: 10, child: { price: 1 } }],
    [
      '$dynamicRef',
      {
        $id: 'https://example.com/strict',
        $dynamicAnchor: 'node',
        $ref: 'tree',
        properties: { price: readOnly },
        $defs: {
          tree: {
            $id: 'https://example.com/tree',
            $dynamicAnchor: 'node',
            properties: { child: { $dynamicRef: '#node' } },
          },
        },
      },
      { price: 10, child: { price: 1 } },
    ],
  ])('%s', async (_, schema, value) => {
    const it = await resource(value, { schema })
    expect((await it.patch({ price: 1 })).body.code).toBe('immutable_field')
    if (value.child) expect((await it.patch({ child: { price: 2 } })).body.code).toBe('immutable_field')
    const { price: _price, ...rest } = value
    expect((await it.put(rest)).status).toBe(200)
    expect(await it.stored()).toEqual(value)
  })

  test.each<[string, object, Doc]>([
    ['then', { if: status({ const: 'sold' }), ...then(price) }, { status: 'draft', price: 10 }],
    ['else', { if: status({ const: 'draft' }), else: price }, { status: 'draft', price: 10 }],
    ['if', { if: sold, ...then({}) }, { status: 'draft', price: 10 }],
    ['oneOf', { oneOf: [sold, status({ const: 'draft' })] }, { status: 'draft', price: 10 }],
    ['anyOf', { anyOf: [sold, { type: 'object' }] }, { status: 'draft', price: 10 }],
    ['not', { not: sold }, { status: 'draft', price: 10 }],
    ['dependentSchemas', { dependentSchemas: { sold: price } }, { status: 'draft', price: 10 }],
    [
      'contains',
      { properties: { list: { contains: { type: 'object', properties: { x: readOnly }, required: ['y'] } } } },
      { price: 10, list: [{ x: 1 }, { x: 2, y: 1 }] },
    ],
  ])('and not %s that does not hold', async (_, schema, value) => {
    const it = await resource(value, { schema })
    expect((await it.patch({ price: 1 })).status).toBe(200)
    expect((await it.stored())?.price).toBe(1)
  })

  test('per item: what holds for one says nothing of another', async () => {
    const item = { if: { properties: { kind: { const: 'a' } } }, ...then({ properties: { x: readOnly } }) }
    const value = {
      list: [
        { id: 1, kind: 'a', x: 1 },
        { id: 2, kind: 'b', x: 1 },
      ],
    }
    const it = await resource(value, {
      schema: { properties: { list: { items: item } } },
      arrayKeys: { '/list': '/id' },
    })
    const [a, b] = value.list
    expect((await it.put({ list: [{ ...b, x: 9 }, a] })).status).toBe(200)
    const answer = await it.put({ list: [b, { ...a, x: 9 }] })
    expect(answer.body.conflicts).toEqual([{ pointer: '/list/1/x', kind: 'changed' }])
  })

  test('the app’s own formats and keywords decide', async () => {
    const ajv = new Ajv({ strict: false, formats: { even: (text: string) => text.length % 2 === 0 } })
    addFormats(ajv)
    ajv.addKeyword({
      keyword: 'loud',
      validate: (_: boolean, text: string) => text === text.toUpperCase(),
      type: 'string',
    })
    const schema = {
      if: status({ format: 'even' }),
      ...then(price),
      else: { if: status({ loud: true }), ...then(price) },
    }
    for (const [state, code] of [
      ['even', 409],
      ['odd', 200],
      ['ODD', 409],
    ] as const) {
      const it = await resource({ status: state, price: 10 }, { schema, ajv })
      expect([state, (await it.patch({ price: 1 })).status]).toEqual([state, code])
    }
  })
})

describe('hidden members never change their owner', () => {
  const users = [
    { id: 1, role: 'admin', pw: 'p1' },
    { id: 2, role: 'user', pw: 'p2' },
  ]
  const seen = users.map(({ pw: _, ...rest }) => rest)
  const own = { immutable: ['/users/*/role'], hidden: ['/users/*/pw'], arrayKeys: { '/users': '/id' } }

  test.each<[string, unknown]>([
    ['an object', { 0: seen[1], 1: seen[0] }],
    ['an object with their names', { 1: seen[0], 2: seen[1] }],
  ])('%s in place of the array is refused', async (_, body) => {
    for (const options of [own, { hidden: own.hidden, arrayKeys: own.arrayKeys }, { hidden: own.hidden }]) {
      const it = await resource({ users }, options)
      expect((await it.patch({ users: body })).body.code).toBe('immutable_field')
      expect((await it.put({ users: body })).body.code).toBe('immutable_field')
      expect((await it.patch([{ op: 'replace', path: '/users', value: body }], JSON_PATCH)).body.code).toBe(
        'immutable_field',
      )
      expect(await it.stored()).toEqual({ users })
    }
  })

  test('an array in place of an object is refused', async () => {
    const it = await resource({ users: { 0: users[0], 1: users[1] } }, { hidden: own.hidden })
    expect((await it.patch({ users: [seen[1], seen[0]] })).body.code).toBe('immutable_field')
  })

  const items = [
    { n: 'a', cost: 1 },
    { n: 'b', cost: 2 },
  ]
  const shown = items.map(({ n }) => ({ n }))

  test.each<[string, unknown]>([
    ['moved', [shown[1], shown[0]]],
    ['removed', [shown[1]]],
    ['changed', [{ n: 'z' }, shown[1]]],
    ['put in front', [{ n: 'z' }, ...shown]],
  ])('items that nothing tells apart cannot be %s', async (_, list) => {
    const it = await resource({ items }, { hidden: ['/items/*/cost'] })
    const answer = await it.put({ items: list })
    expect([answer.status, answer.body.conflicts]).toEqual([409, [{ pointer: '/items', kind: 'changed' }]])
    expect(JSON.stringify(answer.body)).not.toContain('cost')
    expect((await it.patch({ items: list })).status).toBe(409)
    expect(await it.stored()).toEqual({ items })
  })

  test.each<[string, unknown, unknown]>([
    ['left as they are', shown, items],
    ['added to at the end', [...shown, { n: 'c' }], [...items, { n: 'c' }]],
    ['all removed', [], []],
  ])('but %s', async (_, list, stored) => {
    const it = await resource({ items }, { hidden: ['/items/*/cost'] })
    expect((await it.put({ items: list })).status).toBe(200)
    expect(await it.stored()).toEqual({ items: stored })
  })

  test('two items of one identity are not told apart by it', async () => {
    const twins = [
      { id: 1, n: 'a', pw: 'p' },
      { id: 1, n: 'b', pw: 'q' },
    ]
    const it = await resource({ users: twins }, { hidden: own.hidden, arrayKeys: own.arrayKeys })
    expect(
      (
        await it.put({
          users: [
            { id: 1, n: 'b' },
            { id: 1, n: 'a' },
          ],
        })
      ).status,
    ).toBe(409)
    expect(
      (
        await it.put({
          users: [
            { id: 1, n: 'a' },
            { id: 1, n: 'b' },
          ],
        })
      ).status,
    ).toBe(200)
    expect(await it.stored()).toEqual({ users: twins })
  })
})

describe('write-only members', () => {
  const schema = {
    type: 'object',
    properties: {
      name: { type: 'string' },
      pw: { type: 'string', writeOnly: true },
      deep: { properties: { pin: { writeOnly: true } } },
    },
    required: ['pw'],
    additionalProperties: false,
  }
  const value = { name: 'a', pw: 's', deep: { pin: 1 } }
  const open = (options: Partial<ConflictOptions<Doc>> = {}) => resource(value, { schema, ...options })

  test('are never shown', async () => {
    const it = await open()
    expect((await it.get()).body).toEqual({ name: 'a', deep: {} })
    const put = await it.put({ name: 'b', pw: 't' })
    expect([put.status, put.body]).toEqual([200, { name: 'b', deep: {} }])
    expect(put.headers.etag).toBeUndefined()
    expect((await it.post({ name: 'c', pw: 'u' })).body).toEqual({ name: 'c' })
  })

  test('are kept when they are left out, and replaced when they are sent', async () => {
    const it = await open()
    await it.put({ name: 'b' }).expect(200)
    expect(await it.stored()).toEqual({ name: 'b', pw: 's', deep: { pin: 1 } })
    await it.patch({ pw: 't' }).expect(200)
    expect(await it.stored()).toEqual({ name: 'b', pw: 't', deep: { pin: 1 } })
    await it.patch([{ op: 'add', path: '/pw', value: 'v' }], JSON_PATCH).expect(200)
    expect(await it.stored()).toEqual({ name: 'b', pw: 'v', deep: { pin: 1 } })
  })

  test('a merge patch removes one by null', async () => {
    const it = await open()
    await it.patch({ deep: { pin: null } }).expect(200)
    expect(await it.stored()).toEqual({ name: 'a', pw: 's', deep: {} })
    expect((await it.patch({ pw: null })).body.code).toBe('schema_invalid')
  })

  test.each([
    ['test', [{ op: 'test', path: '/pw', value: 's' }]],
    ['copy', [{ op: 'copy', from: '/pw', path: '/name' }]],
    ['move', [{ op: 'move', from: '/deep/pin', path: '/name' }]],
  ])('a JSON Patch cannot %s one', async (_, patch) => {
    const it = await open()
    expect((await it.patch(patch, JSON_PATCH)).body.code).toBe('patch_failed')
    expect(await it.stored()).toEqual(value)
  })

  test('of items stay with their items', async () => {
    const item = { properties: { pw: { writeOnly: true } } }
    const list = [
      { id: 1, pw: 'p' },
      { id: 2, pw: 'q' },
    ]
    const keyed = { schema: { properties: { list: { items: item } } }, arrayKeys: { '/list': '/id' } }
    const it = await resource({ list }, keyed)
    await it.put({ list: [{ id: 2 }, { id: 1, pw: 'new' }, { id: 3 }] }).expect(200)
    expect(await it.stored()).toEqual({ list: [{ id: 2, pw: 'q' }, { id: 1, pw: 'new' }, { id: 3 }] })
    const other = await resource({ list }, { schema: keyed.schema })
    expect((await other.put({ list: [{ id: 2 }, { id: 1 }] })).status).toBe(409)
  })

  describe('that another branch of the schema would show', () => {
    const branch = {
      if: { properties: { kind: { const: 'private' } }, required: ['kind'] },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: { properties: { pin: { writeOnly: true } } },
    }
    const open = () => resource({ kind: 'private', pin: 1 }, { schema: branch })

    test('are left out by a PUT that leaves them out', async () => {
      const it = await open()
      await it.put({ kind: 'private', title: 'a' }).expect(200)
      expect(await it.stored()).toEqual({ kind: 'private', title: 'a', pin: 1 })
      expect((await it.put({ kind: 'public' }).expect(200)).body).toEqual({ kind: 'public' })
      expect(await it.stored()).toEqual({ kind: 'public' })
    })

    test.each([
      ['a merge patch', { kind: 'public' }, MERGE],
      ['a JSON Patch', [{ op: 'replace', path: '/kind', value: 'public' }], JSON_PATCH],
    ])('refuse %s that says nothing of them', async (_, patch, type) => {
      const it = await open()
      const { status, body } = await it.patch(patch, type)
      expect([status, body.code, body.conflicts]).toEqual([
        409,
        'immutable_field',
        [{ pointer: '/pin', kind: 'shown' }],
      ])
      expect(await it.stored()).toEqual({ kind: 'private', pin: 1 })
    })

    test('are shown, or removed, if the request says so', async () => {
      const it = await open()
      expect((await it.patch({ kind: 'public', pin: 2 })).body).toEqual({ kind: 'public', pin: 2 })
      const other = await open()
      expect((await other.patch({ kind: 'public', pin: null })).body).toEqual({ kind: 'public' })
    })

    test('of one item and not of another', async () => {
      const list = [
        { id: 1, kind: 'private', pin: 1 },
        { id: 2, kind: 'private', pin: 2 },
      ]
      const options = { schema: { properties: { list: { items: branch } } }, arrayKeys: { '/list': '/id' } }
      const it = await resource({ list }, options)
      const changed = [
        { id: 2, kind: 'private' },
        { id: 1, kind: 'public' },
      ]
      expect((await it.patch({ list: changed })).body.conflicts).toEqual([{ pointer: '/list/1/pin', kind: 'shown' }])
      expect((await it.put({ list: changed })).body).toEqual({ list: changed })
      expect(await it.stored()).toEqual({ list: [{ ...changed[0], pin: 2 }, changed[1]] })
    })
  })
})

describe('members that are required, and only the server sets', () => {
  const schema = {
    type: 'object',
    properties: { id: { type: 'string', ...readOnly }, made: { $ref: '#/$defs/made' }, title: { type: 'string' } },
    required: ['id', 'made', 'title'],
    additionalProperties: false,
    $defs: { made: { type: 'string', ...readOnly } },
  }
  const open = async (fill?: (value: Doc) => Doc) => {
    const adapter = memoryAdapter<Doc>()
    const chain = detectConflicts<Doc>({ name: 'r', adapter, schema, keyPointer: '/id' })
    const app = express()
    app.post('/r', express.json(), chain, async (req, res, next) => {
      const { commit, proposed } = resourceOf(req, chain)
      try {
        const { key } = await (fill ? commit(fill(proposed ?? {})) : commit())
        res.status(201).json(await adapter.read(key ?? ''))
      } catch (error) {
        next(error)
      }
    })
    app.use(respondToConflicts())
    return (body: object) => request(app).post('/r').send(body)
  }

  test('are filled in by the handler', async () => {
    const post = await open((value) => ({ ...value, made: 'now' }))
    const { status, body } = await post({ title: 'a', id: 'mine', made: 'mine' })
    expect([status, body.value]).toEqual([201, { id: expect.not.stringMatching('mine'), title: 'a', made: 'now' }])
  })

  test('and the schema has the last word', async () => {
    const error = (member: string) => ({
      status: 422,
      code: 'schema_invalid',
      errors: [{ params: { missingProperty: member } }],
    })
    expect((await (await open())({ title: 'a' })).body).toMatchObject(error('made'))
    expect((await (await open((value) => ({ ...value })))({ title: 'a' })).body).toMatchObject(error('made'))
    // The client is told what it left out.
    expect((await (await open((value) => ({ ...value, made: 'now' })))({})).body).toMatchObject(error('title'))
  })

  test('generateKey and keyPointer are enough where the key is all', async () => {
    const { made: _, ...properties } = schema.properties
    const it = await resource({}, { keyPointer: '/id', schema: { ...schema, properties, required: ['id', 'title'] } })
    expect((await it.post({ title: 'a' })).body).toMatchObject({ title: 'a', id: expect.any(String) })
  })
})

test('a body that was parsed into Dates is compared as its JSON', async () => {
  const adapter = memoryAdapter<Doc>()
  const when = '2026-01-02T03:04:05.000Z'
  const result = await adapter.write('1', { when, n: 1 }, null)
  const app = express()
  const chain = detectConflicts<Doc>({ name: 'r', adapter, immutable: ['/when'] })
  const dated: express.RequestHandler = (req, _res, next) => {
    req.body = { ...req.body, when: new Date(req.body.when), gone: undefined }
    next()
  }
  app.put('/r/:id', express.json(), dated, chain, (req, res, next) => {
    resourceOf(req, chain)
      .commit()
      .then((done) => res.json(done.state), next)
  })
  app.use(respondToConflicts())
  const put = (body: object) =>
    request(app)
      .put('/r/1')
      .set('If-Match', `"${result.ok && result.state.version}"`)
      .send(body)
  expect((await put({ when: '2026-01-02T03:04:06.000Z', n: 2 })).body.code).toBe('immutable_field')
  expect((await put({ when, n: 2 })).status).toBe(200)
})
