import type express from 'express'
import request from 'supertest'
import {
  type ConflictOptions,
  detectConflicts,
  memoryAdapter,
  type ResourceAdapter,
  reportChange,
  resourceRouter,
} from '../../lib'
import { appOf, type Doc, shelf } from './app'

async function articles(options: Partial<ConflictOptions<Doc>> = {}) {
  const it = await shelf()
  const all: ConflictOptions<Doc> = { name: 'article', adapter: it.adapter, ...options }
  const app = appOf((root) => {
    root.post('/articles/check', detectConflicts({ ...all, key: () => undefined }), reportChange())
    root.use('/articles', resourceRouter<Doc>(all))
  })
  const count = async () => (await it.adapter.entries()).length
  return { ...it, app, count, post: (body: Doc, url = '/articles') => request(app).post(url).send(body) }
}

const bySlug = { generateKey: ({ slug }: Doc) => String(slug) }

test('POST creates under a new key, and says where', async () => {
  const { post, app } = await articles({ keyPointer: '/id' })
  const { body, headers } = await post({ title: 'new' }).expect(201)
  expect(headers.location).toBe(`/articles/${body.id}`)
  expect((await request(app).get(String(headers.location))).body).toEqual({ title: 'new', id: body.id })
})

test('the key can come from the request, as a key of several parts does', async () => {
  const generateKey = ({ slug }: Doc, req: express.Request) => `${req.get('tenant')}/${slug}`
  const { post, stored } = await articles({ generateKey })
  await post({ slug: 'a' }).set('tenant', 'acme').expect(201)
  expect(await stored('acme/a')).toEqual({ slug: 'a' })
})

test('the key can come from the value, and is encoded in Location', async () => {
  const { post, stored } = await articles(bySlug)
  const { headers } = await post({ slug: 'a/b c' }).expect(201)
  expect(headers.location).toBe('/articles/a%2Fb%20c')
  expect(await stored('a/b c')).toEqual({ slug: 'a/b c' })
})

test('a location option that fails does not turn what was created into an error', async () => {
  const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  const location = () => {
    throw new Error('no such route')
  }
  const { post, stored } = await articles({ ...bySlug, location })
  const { headers } = await post({ slug: 'x' }).expect(201)
  expect(headers.location).toBe('/articles/x')
  expect(await stored('x')).toEqual({ slug: 'x' })
  expect(warned).toHaveBeenCalledWith(expect.objectContaining({ message: 'no such route' }))
  warned.mockRestore()
})

test.each<[string, unknown]>([
  ['a line break', 'a\r\nSet-Cookie: x'],
  ['what no header can hold', '/articles/€'],
  ['a promise', Promise.resolve('/x')],
  ['a number', 7],
  ['nothing', undefined],
])('nor does one that gives %s', async (_, given) => {
  const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  const { post, stored } = await articles({ ...bySlug, location: () => given as string })
  const { headers } = await post({ slug: 'x' }).expect(201)
  expect([headers.location, headers['set-cookie']]).toEqual(['/articles/x', undefined])
  expect(await stored('x')).toEqual({ slug: 'x' })
  expect(warned).toHaveBeenCalledTimes(1)
  warned.mockRestore()
})

test('Location is the app’s to choose', async () => {
  const { post } = await articles({ ...bySlug, location: (req, key) => `https://${req.hostname}/a/${key}` })
  expect((await post({ slug: 'x' }).expect(201)).headers.location).toBe('https://127.0.0.1/a/x')
})

test('a body that names another key than the one it gets is refused', async () => {
  const { post, count } = await articles({ ...bySlug, keyPointer: '/id' })
  const { status, body } = await post({ slug: 'a', id: 'b' })
  expect([status, body.code, await count()]).toEqual([409, 'immutable_field', 1])
})

test.each([undefined, '', 7])('generateKey that gives %j is a mistake of the app', async (key) => {
  const { post, count } = await articles({ generateKey: () => key as string })
  const { status, body } = await post({})
  expect([status, body.mistake, await count()]).toEqual([500, expect.stringContaining('non-empty string'), 1])
})

test.each<[string, Partial<ConflictOptions<Doc>>, Doc]>([
  ['throws', { generateKey: ({ slug }) => (slug as string).toLowerCase() }, { v: 1 }],
  ['gives no text', { generateKey: ({ slug }) => slug as string }, { slug: 7 }],
  [
    'throws, and the key is in the value',
    { generateKey: ({ slug }) => (slug as string).trim(), keyPointer: '/id' },
    {},
  ],
])(
  'where generateKey %s for a value that the schema refuses, the answer has the errors of the schema',
  async (_, options, sent) => {
    const schema = { type: 'object', required: ['slug'], properties: { slug: { type: 'string' } } }
    const { post, count } = await articles({ ...options, schema })
    const { status, body } = await post(sent)
    expect([status, body.code, await count()]).toEqual([422, 'schema_invalid', 1])
  },
)

test('a schema that requires the key is asked when the key is in the value', async () => {
  const { post } = await articles({ ...bySlug, keyPointer: '/id', schema: { type: 'object', required: ['id'] } })
  expect((await post({ slug: 'a' }).expect(201)).body).toEqual({ slug: 'a', id: 'a' })
})

describe('a key that is taken', () => {
  const taken = async (options: Partial<ConflictOptions<Doc>> = {}) => {
    const it = await articles({ ...bySlug, ...options })
    await it.change({ slug: 'a', author: 'Ann', status: 'archived' }, 'a')
    return it
  }

  test.each<[string, Partial<ConflictOptions<Doc>>]>([
    ['', {}],
    ['with immutable members', { immutable: ['/author'] }],
    ['in a frozen state', { lifecycle: { field: '/status', frozen: ['archived'] } }],
    ['in a state that stands for removed', { lifecycle: { field: '/status', gone: ['archived'] } }],
    [
      'by what the caller may not see',
      { allow: (_req, current) => current === undefined, expose: ({ value }) => value },
    ],
  ])('is 409 already_exists, whatever has it: %s', async (_name, options) => {
    const { post, stored } = await taken(options)
    const { status, body, headers } = await post({ slug: 'a', author: 'Bob' })
    expect([status, body.code, body.state, headers.etag]).toEqual([409, 'already_exists', undefined, undefined])
    expect(await stored('a')).toEqual({ slug: 'a', author: 'Ann', status: 'archived' })
  })

  test('is 412 for a client that said If-None-Match: *', async () => {
    const { post, stored } = await taken()
    const { status, body } = await post({ slug: 'a' }).set('If-None-Match', '*')
    expect([status, body.code, body.field]).toEqual([412, 'precondition_failed', 'If-None-Match'])
    expect(await stored('a')).toMatchObject({ author: 'Ann' })
  })

  test('by a tombstone is taken', async () => {
    const adapter = memoryAdapter<Doc>({ tombstones: true })
    const app = appOf((all) => all.use('/articles', resourceRouter({ name: 'article', adapter, ...bySlug })))
    await request(app).post('/articles').send({ slug: 'a' }).expect(201)
    await request(app).delete('/articles/a').set('If-Match', '*').expect(204)
    expect((await request(app).post('/articles').send({ slug: 'a' }).expect(409)).body.code).toBe('already_exists')
  })

  test('is told by a dry run too', async () => {
    const { post, count } = await taken()
    const { status, body } = await post({ slug: 'a' }, '/articles/check')
    expect([status, body.code, await count()]).toEqual([409, 'already_exists', 2])
  })
})

test('If-Match on what is to be created is 412', async () => {
  const { post, count } = await articles()
  const { status, body } = await post({}).set('If-Match', '*')
  expect([status, body.code, await count()]).toEqual([412, 'precondition_failed', 1])
})

describe('a store that gives the key', () => {
  const counting = async () => {
    const { adapter } = await shelf(null)
    let last = 0
    const counted: ResourceAdapter<Doc> = {
      ...adapter,
      async create(value) {
        const key = String(++last)
        const written = await adapter.write(key, { ...value, id: last }, null)
        if (!written.ok) throw new Error('taken')
        return { key, state: written.state }
      },
    }
    const app = appOf((all) =>
      all.use('/articles', resourceRouter<Doc>({ name: 'article', adapter: counted, keyPointer: '/id' })),
    )
    return { app, adapter }
  }

  test('names it in Location and representation', async () => {
    const { app, adapter } = await counting()
    const { body, headers } = await request(app).post('/articles').send({ title: 'new' }).expect(201)
    expect([headers.location, body]).toEqual(['/articles/1', { title: 'new', id: 1 }])
    expect(headers.etag).toBe(`"${(await adapter.read('1'))?.version}"`)
  })

  test('a PUT that leaves the key out keeps it as the store wrote it', async () => {
    const { app, adapter } = await counting()
    await request(app).post('/articles').send({ title: 'new' })
    await request(app).put('/articles/1').set('If-Match', '*').send({ title: 'second' }).expect(200)
    expect((await adapter.read('1'))?.value).toEqual({ title: 'second', id: 1 })
  })
})
