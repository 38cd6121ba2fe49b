import { gzipSync } from 'node:zlib'
import express from 'express'
import request from 'supertest'
import {
  type ConflictOptions,
  memoryAdapter,
  type ResourceAdapter,
  resourceRouter,
  respondToConflicts,
} from '../../lib'
import { appOf, type Doc, raw, shelf } from './app'

const MERGE = 'application/merge-patch+json'
const JSON_PATCH = 'application/json-patch+json'

async function articles(options: Partial<ConflictOptions<Doc>> = {}, mount = '/articles') {
  const it = await shelf()
  const app = appOf((all) => all.use(mount, resourceRouter<Doc>({ name: 'article', adapter: it.adapter, ...options })))
  return { ...it, app }
}

describe('GET and HEAD', () => {
  test('GET answers with the representation, HEAD with the same head', async () => {
    const { app, tag } = await articles({ hidden: ['/secret'] })
    const get = await request(app).get('/articles/1').expect(200)
    const head = await request(app).head('/articles/1').expect(200)
    expect([get.body, head.text]).toEqual([{ title: 'first' }, undefined])
    expect([get.headers.etag, head.headers.etag]).toEqual([tag, tag])
    expect(head.headers['content-length']).toBe(get.headers['content-length'])
  })

  test('HEAD of what is not there is 404 without a body', async () => {
    const { app } = await articles()
    const { status, body } = await raw(app, ['HEAD /articles/2 HTTP/1.1'])
    expect([status, body]).toEqual([404, ''])
  })

  test('the collection is the app’s', async () => {
    const { app } = await articles()
    expect((await request(app).get('/articles')).headers['content-type']).toMatch('text/html')
  })
})

describe('PUT', () => {
  test('replaces, and answers with what is stored', async () => {
    const { app, tag, stored } = await articles()
    const { body } = await request(app).put('/articles/1').set('If-Match', tag).send({ title: 'second' }).expect(200)
    expect([body, await stored()]).toEqual([{ title: 'second' }, { title: 'second' }])
  })

  test('creates under the key of the path', async () => {
    const { app, stored } = await articles({ keyPointer: '/id' })
    const { body, headers } = await request(app).put('/articles/a%2Fb').send({ title: 'new' }).expect(201)
    expect([body, headers.location]).toEqual([{ title: 'new', id: 'a/b' }, undefined])
    expect(await stored('a/b')).toEqual({ title: 'new', id: 'a/b' })
  })

  test('creates nothing where only POST may', async () => {
    const { app, stored } = await articles({ create: ['POST'] })
    await request(app).put('/articles/2').send({ title: 'new' }).expect(404)
    expect(await stored('2')).toBeUndefined()
  })

  test('of a body that says another key is refused', async () => {
    const { app, stored } = await articles({ keyPointer: '/id' })
    const { status, body } = await request(app).put('/articles/2').send({ id: '3' })
    expect([status, body.code, body.conflicts[0].pointer]).toEqual([409, 'immutable_field', '/id'])
    expect([await stored('2'), await stored('3')]).toEqual([undefined, undefined])
  })

  test.each([
    ['Content-Range: bytes 0-1/2', 'Content-Type: application/json'],
    ['Content-Range: items 0-0/*', 'Content-Type: application/json'],
  ])('of a part is 400: %s', async (...lines) => {
    const { app, tag, stored } = await articles()
    const { status } = await raw(app, ['PUT /articles/1 HTTP/1.1', `If-Match: ${tag}`, ...lines], '{}')
    expect([status, await stored()]).toEqual([400, { title: 'first' }])
  })

  test('without a body is 400', async () => {
    const { app, tag, stored } = await articles()
    const { status, body } = await request(app).put('/articles/1').set('If-Match', tag)
    expect([status, body.code, await stored()]).toEqual([400, 'malformed_body', { title: 'first' }])
  })
})

describe('PATCH', () => {
  test.each<[string, unknown]>([
    [MERGE, { title: null, author: 'Ann' }],
    ['application/json', { title: null, author: 'Ann' }],
    [`${MERGE}; charset=utf-8`, { title: null, author: 'Ann' }],
    [
      JSON_PATCH,
      [
        { op: 'remove', path: '/title' },
        { op: 'add', path: '/author', value: 'Ann' },
      ],
    ],
  ])('in %s', async (type, patch) => {
    const { app, tag, stored } = await articles()
    const send = request(app).patch('/articles/1').set('If-Match', tag).type(type).send(JSON.stringify(patch))
    expect([(await send.expect(200)).body, await stored()]).toEqual([{ author: 'Ann' }, { author: 'Ann' }])
  })

  test('that fails names operation and pointer', async () => {
    const { app, tag, stored } = await articles()
    const patch = [
      { op: 'replace', path: '/title', value: 'second' },
      { op: 'test', path: '/title', value: 'first' },
    ]
    const send = request(app).patch('/articles/1').set('If-Match', tag).type(JSON_PATCH).send(JSON.stringify(patch))
    const { status, body } = await send
    expect([status, body.code, body.conflicts]).toEqual([
      409,
      'patch_failed',
      [{ pointer: '/title', kind: 'test', index: 1 }],
    ])
    expect(await stored()).toEqual({ title: 'first' })
  })
})

describe('a body of a type that is not understood is 415, with what would be', () => {
  test.each([
    ['patch', 'text/plain', 'accept-patch', `${MERGE}, ${JSON_PATCH}, application/json`],
    ['patch', 'application/vnd.api+json', 'accept-patch', `${MERGE}, ${JSON_PATCH}, application/json`],
    ['put', 'text/plain', 'accept', 'application/json'],
    ['put', MERGE, 'accept', 'application/json'],
    ['put', JSON_PATCH, 'accept', 'application/json'],
    ['put', 'application/x-www-form-urlencoded', 'accept', 'application/json'],
  ] as const)('%s %s', async (method, type, field, value) => {
    const { app, tag, stored } = await articles()
    const { status, body, headers } = await request(app)
      [method]('/articles/1')
      .set('If-Match', tag)
      .type(type)
      .send('{}')
    expect([status, body.code, headers[field]]).toEqual([415, 'unsupported_media_type', value])
    expect(await stored()).toEqual({ title: 'first' })
  })

  test('one of no type at all, too', async () => {
    const { app, stored } = await articles()
    const { status } = await raw(app, ['PUT /articles/1 HTTP/1.1', 'If-Match: *'], '{}')
    expect([status, await stored()]).toEqual([415, { title: 'first' }])
  })

  test.each(['application/vnd.article+json', 'application/json; charset=utf-8', 'Application/JSON'])(
    '%s is JSON',
    async (type) => {
      const { app, tag } = await articles()
      await request(app)
        .put('/articles/1')
        .set('If-Match', tag)
        .set('Content-Type', type)
        .send('{"title":"second"}')
        .expect(200)
    },
  )
})

describe('DELETE', () => {
  test('removes, and answers 204', async () => {
    const { app, tag, stored } = await articles()
    const { text, headers } = await request(app).delete('/articles/1').set('If-Match', tag).expect(204)
    expect([text, headers.etag, await stored()]).toEqual(['', undefined, undefined])
  })

  test('leaves a tombstone where the adapter does: 410 from then on', async () => {
    const adapter = memoryAdapter<Doc>({ tombstones: true })
    await adapter.write('1', {}, null)
    const app = appOf((all) => all.use('/articles', resourceRouter<Doc>({ name: 'article', adapter })))
    await request(app).delete('/articles/1').set('If-Match', '*').expect(204)
    expect((await request(app).get('/articles/1').expect(410)).body.code).toBe('gone')
    expect((await request(app).put('/articles/1').send({}).expect(410)).body.code).toBe('gone')
  })
})

describe('methods', () => {
  const ITEM = 'GET, HEAD, PUT, PATCH, DELETE, OPTIONS'

  test('OPTIONS tells them', async () => {
    const { app } = await articles()
    const item = await request(app).options('/articles/1').expect(204)
    const collection = await request(app).options('/articles').expect(204)
    expect([item.headers.allow, collection.headers.allow]).toEqual([ITEM, 'POST, OPTIONS'])
    expect(item.headers['accept-patch']).toBe(`${MERGE}, ${JSON_PATCH}, application/json`)
  })

  test.each([
    ['POST /articles/1', ITEM],
    ['LOCK /articles/1', ITEM],
    ['PUT /articles', 'POST, OPTIONS'],
    ['DELETE /articles', 'POST, OPTIONS'],
  ])('%s is 405, with those that are', async (line, allow) => {
    const { app, stored } = await articles()
    const { status, head, body } = await raw(app, [`${line} HTTP/1.1`])
    expect([status, JSON.parse(body).code]).toEqual([405, 'method_not_allowed'])
    expect(head.split('\r\n')).toContain(`Allow: ${allow}`)
    expect(await stored()).toEqual({ title: 'first' })
  })

  test('what an adapter cannot do is not there', async () => {
    const { adapter, tag, stored } = await shelf()
    const unremovable: ResourceAdapter<Doc> = { read: adapter.read, write: adapter.write }
    const options = { name: 'article', adapter: unremovable, create: ['PUT'] as const }
    const app = appOf((all) => all.use('/articles', resourceRouter<Doc>(options)))
    const { headers } = await request(app).delete('/articles/1').set('If-Match', tag).expect(405)
    expect([headers.allow, await stored()]).toEqual(['GET, HEAD, PUT, PATCH, OPTIONS', { title: 'first' }])
    expect((await request(app).post('/articles').send({}).expect(405)).headers.allow).toBe('OPTIONS')
  })
})

describe('parsing', () => {
  const bare = async (...parsers: express.RequestHandler[]) => {
    const it = await shelf()
    const app = express()
    app.use('/articles', ...parsers, resourceRouter<Doc>({ name: 'article', adapter: it.adapter }))
    app.use(respondToConflicts())
    const patch = (type: string) =>
      request(app).patch('/articles/1').set('If-Match', it.tag).type(type).send('{"title":"second"}')
    return { ...it, app, patch }
  }

  test.each<[string, express.RequestHandler[]]>([
    ['brings a parser', []],
    ['leaves bodies alone that the app has parsed', [express.json({ type: '*/*' })]],
    ['parses what the app’s parser left', [express.json()]],
    ['takes no {} of a parser for a body that it did not read', [express.urlencoded({ extended: false })]],
  ])('%s', async (_name, parsers) => {
    const { patch, stored } = await bare(...parsers)
    await patch(MERGE).expect(200)
    expect(await stored()).toEqual({ title: 'second' })
  })

  test('an array as application/json is no patch: as one it would take the place of the whole', async () => {
    const { app, tag, stored } = await bare()
    const operations = [{ op: 'replace', path: '/title', value: 'second' }]
    const patch = (type: string) =>
      request(app).patch('/articles/1').set('If-Match', tag).type(type).send(JSON.stringify(operations))
    const refused = await patch('application/json')
    expect([refused.status, refused.body.detail]).toEqual([400, `The type of a JSON Patch is ${JSON_PATCH}.`])
    expect(await stored()).toEqual({ title: 'first' })
    expect((await patch(JSON_PATCH)).status).toBe(200)
  })

  test.each([
    ['UTF-8', 'efbbbf', 'application/json'],
    ['UTF-16', 'fffe', 'application/json; charset=utf-16le'],
  ])('nor for a byte order mark of %s alone', async (_, hex, type) => {
    const { app, tag, stored } = await bare()
    const put = request(app).put('/articles/1').set('If-Match', tag).set('Content-Type', type)
    put.write(Buffer.from(hex, 'hex'))
    const { status, body } = await put
    expect([status, body.code]).toEqual([400, 'malformed_body'])
    expect(await stored()).toEqual({ title: 'first' })
  })

  test('a parser of its own takes nothing, compressed, for no body', async () => {
    const { app, tag, stored } = await bare()
    const put = request(app).put('/articles/1').set('If-Match', tag).type('json').set('Content-Encoding', 'gzip')
    put.write(gzipSync(''))
    const { status, body } = await put
    expect([status, body.code, await stored()]).toEqual([400, 'malformed_body', { title: 'first' }])
  })

  test('a body that turned out to have no bytes is the client’s mistake, also behind a parser of the app', async () => {
    const { app, tag, stored } = await bare(express.json())
    const head = ['PUT /articles/1 HTTP/1.1', `If-Match: ${tag}`, 'Content-Type: application/json']
    const { status } = await raw(app, [...head, 'Transfer-Encoding: chunked', '', '0'])
    expect([status, await stored()]).toEqual([400, { title: 'first' }])
  })

  test('a body that the app took as bytes is a mistake of the app', async () => {
    const { patch, stored } = await bare(express.raw({ type: '*/*' }))
    expect((await patch(MERGE)).status).toBe(500)
    expect(await stored()).toEqual({ title: 'first' })
  })

  test.each([
    ['an object', '{"title":"new"}', {}],
    ['an object in gzip', gzipSync('{"title":"new"}'), { 'Content-Encoding': 'gzip' }],
    ['a string', '"new"', {}],
    ['no JSON', '{"title"', {}],
  ])('so is one that the app took as text: %s', async (_, body, headers) => {
    const { app, tag, stored } = await bare(express.text({ type: '*/*' }))
    const put = request(app)
      .put('/articles/1')
      .set({ 'If-Match': tag, 'Content-Type': 'application/json', ...headers })
    put.write(body)
    expect((await put).status).toBe(500)
    expect(await stored()).toEqual({ title: 'first' })
  })

  test.each(['"new"', '"1"', '"{}"', '""', '"\\u00e9 and \\" and é"'])(
    'the string %s that the app has parsed is stored as it is',
    async (text) => {
      const { app, tag, adapter } = await bare(express.json({ strict: false }))
      const put = request(app).put('/articles/1').set({ 'If-Match': tag, 'Content-Type': 'application/json' })
      expect((await put.send(text)).status).toBe(200)
      expect((await adapter.read('1'))?.value).toEqual(JSON.parse(text))
    },
  )
})

test.each([
  ['path', { path: '/:id' }, /resourceRouter\(\): leave path out/],
  ['by-app', { writes: 'by-app' }, /resourceRouter\(\): its handlers write through the adapter/],
] as const)('%s is refused when the app starts', async (_name, options, message) => {
  const { adapter } = await shelf()
  expect(() => resourceRouter({ name: 'article', adapter, ...options })).toThrow(message)
})
