import { type AddressInfo, connect } from 'node:net'
import express from 'express'
import fc from 'fast-check'
import { detectConflicts, memoryAdapter, respondToConflicts, signature } from '../../lib'
import { type Article, articleApp, named, PATCH } from './article'

/** What headers, methods and addresses can do to code that is not ready for them. */

/** Sends octets as they are: each character is one byte. */
async function exchange(app: express.Express, head: string, body = '', maxHeadersCount: number | null = null) {
  const server = app.listen(0)
  server.maxHeadersCount = maxHeadersCount
  try {
    const socket = connect((server.address() as AddressInfo).port)
    const [line = '', ...fields] = head.split(/(?=\r\n)/)
    const length = body === '' || head.endsWith('chunked') ? '' : `\r\nContent-Length: ${body.length}`
    const first = `${line}\r\nHost: test\r\nConnection: close${length}`
    socket.write(`${first}${fields.join('')}\r\n\r\n${body}`, 'latin1')
    let text = ''
    for await (const chunk of socket.setEncoding('latin1')) text += chunk
    const [top = '', ...rest] = text.split('\r\n\r\n')
    const problem = (): { code?: string } => JSON.parse(rest.join('\r\n\r\n'))
    return { status: Number(top.split(' ')[1]), head: top, problem }
  } finally {
    server.close()
  }
}

const PUT = 'PUT /articles/1 HTTP/1.1\r\nContent-Type: application/json'
const before = { title: 'before' }
const after = '{"title":"after"}'

describe('S1: a condition among more header lines than Node keeps', () => {
  const junk = (lines: number) => 'a: 1\r\n'.repeat(lines)

  test.each([998, 1000, 1500])('%s lines in front of it are 431, and nothing is stored', async (lines) => {
    const it = await articleApp(before, { preconditions: { required: false } })
    const { status } = await exchange(it.app, `${PUT}\r\n${junk(lines)}If-Match: "old"`, after)
    expect(status).toBe(431)
    expect(await it.stored()).toEqual(before)
  })

  test('counts for DELETE, PATCH, POST and GET too', async () => {
    const it = await articleApp(before, { preconditions: { required: false } })
    for (const line of ['DELETE /articles/1', 'PATCH /articles/1', 'POST /articles', 'GET /articles/1']) {
      const { status } = await exchange(it.app, `${line} HTTP/1.1\r\n${junk(1200)}If-Match: "old"`)
      expect([line, status]).toEqual([line, 431])
    }
    expect(await it.stored()).toEqual(before)
  })

  test("the server's own limit is heeded", async () => {
    const it = await articleApp(before, { preconditions: { required: false } })
    const { status } = await exchange(it.app, `${PUT}\r\n${junk(60)}If-Match: "old"`, after, 50)
    expect(status).toBe(431)
    expect(await it.stored()).toEqual(before)
  })

  test('many lines that all arrived are no fault', async () => {
    const it = await articleApp(before)
    const { status } = await exchange(it.app, `${PUT}\r\n${junk(900)}If-Match: "old"`, after)
    expect(status).toBe(412)
  })
})

describe('S2: a field that comes twice', () => {
  const past = 'Tue, 01 Jan 2030 00:00:00 GMT'

  test('two dates are no condition, not even the first of them', async () => {
    const it = await articleApp(before)
    const twice = `If-Unmodified-Since: ${past}\r\nIf-Unmodified-Since: Mon, 01 Jan 2001 00:00:00 GMT`
    const { status, problem } = await exchange(it.app, `${PUT}\r\n${twice}`, after)
    expect([status, problem().code]).toEqual([428, 'precondition_required'])
    expect(await it.stored()).toEqual(before)
  })

  test('one date is', async () => {
    const it = await articleApp(before)
    const { status } = await exchange(it.app, `${PUT}\r\nIf-Unmodified-Since: Mon, 01 Jan 2001 00:00:00 GMT`, after)
    expect(status).toBe(412)
  })

  test('lines of tags are one list', async () => {
    const it = await articleApp(before)
    const current = (await it.adapter.read('1'))?.version
    const lines = `If-Match: "a"\r\nIf-Match: "${current}"`
    expect((await exchange(it.app, `${PUT}\r\n${lines}`, after)).status).toBe(200)
  })

  test('a tag beside * is no list', async () => {
    const it = await articleApp(before)
    const { status, problem } = await exchange(it.app, `${PUT}\r\nIf-Match: *\r\nIf-Match: "a"`, after)
    expect([status, problem().code]).toEqual([400, 'malformed_condition'])
  })
})

describe('S3: lists of tags made to be slow', () => {
  const malformed = [
    ['tags without commas', `${'"a" '.repeat(26)}x`],
    ['spaces', `"a"${' '.repeat(4000)}x`],
    ['thousands of tags', Array(3500).fill('"a"').join(',')],
    ['a quote that opens', `"${'a'.repeat(15_000)}`],
    ['quotes', '"'.repeat(15_001)],
    ['weak beginnings', 'W/'.repeat(7_500)],
    ['two tags in one', '"a""b"'],
    ['a star and a tag', '*, "a"'],
  ] as const

  test.each([
    ['nothing', ''],
    ['commas alone', ','.repeat(15_000)],
    ['commas and spaces', ', '.repeat(7_500)],
  ])('%s: a list of nothing, which matches nothing, at once', async (_name, list) => {
    const it = await articleApp(before)
    const started = performance.now()
    expect((await it.bare('put').set('If-Match', list).send({})).status).toBe(412)
    expect((await it.bare('put').set('If-None-Match', list).send({})).status).toBe(428)
    expect((await it.bare('get').set('If-None-Match', list)).status).toBe(200)
    expect(performance.now() - started).toBeLessThan(3000)
  })

  test.each(malformed)('%s: 400, at once', async (_name, list) => {
    const it = await articleApp(before)
    const started = performance.now()
    const response = await it.bare('put').set('If-Match', list).send({})
    expect([response.status, response.body.code]).toEqual([400, 'malformed_condition'])
    expect(performance.now() - started).toBeLessThan(3000)
    expect((await it.bare('put').set('If-None-Match', list).send({})).status).toBe(400)
    expect((await it.bare('get').set('If-Match', list)).status).toBe(400)
    expect((await it.bare('get').set('If-None-Match', list)).status).toBe(200)
  })

  test('commas before the tag that matches are empty members of a list', async () => {
    const it = await articleApp(before)
    const current = (await it.adapter.read('1'))?.version
    await it
      .bare('put')
      .set('If-Match', `${','.repeat(14_000)}"${current}"`)
      .send({})
      .expect(200)
  })
})

describe('S4: octets that are no header, or none that should be', () => {
  test.each([
    ['17 kB of tags', `If-Match: ${'"a",'.repeat(4500)}"a"`, 431],
    ['NUL', 'If-Match: "a\u0000"', 400],
    ['ESC', 'If-Match: "a\u001b[31m"', 400],
    ['a line that is folded', 'If-Match: "a",\r\n "b"', 400],
    ['a space in front of the colon', 'If-Match : "a"', 400],
    ['a bare LF', 'If-Match: "a"\nX: "b"', 400],
    ['two lengths of the body', 'Transfer-Encoding: chunked\r\nX: 1', 400],
  ])('%s is refused before the app is asked', async (_name, line, status) => {
    const it = await articleApp(before, { preconditions: { required: false } })
    expect((await exchange(it.app, `${PUT}\r\n${line}`, after)).status).toBe(status)
    expect(await it.stored()).toEqual(before)
  })

  test('octets from 0x80 on are compared as they came', async () => {
    const it = await articleApp(before)
    const { status, problem, head } = await exchange(it.app, `${PUT}\r\nIf-Match: "\u00e9\u009b31m\u00ff"`, after)
    expect([status, problem().code]).toEqual([412, 'precondition_failed'])
    expect(head).not.toMatch(/[\u0080-\u00ff]/)
  })
})

describe('S11: patches that grow', () => {
  const large = express.json({ type: '*/*', limit: '20mb' })
  const bomb = [
    { op: 'add', path: '/a', value: Array(10).fill('0123456789') },
    ...Array(22).fill({ op: 'copy', from: '/a', path: '/a/-' }),
  ]

  test('a copy of a copy ends at a megabyte: 413, at once, and nothing is stored', async () => {
    const it = await articleApp(before)
    const started = performance.now()
    const response = await it.patch(...bomb)
    expect([response.status, response.body.code]).toEqual([413, 'content_too_large'])
    expect(performance.now() - started).toBeLessThan(3000)
    expect(await it.stored()).toEqual(before)
  })

  test.each([
    [1001, 413],
    [100_000, 413],
    [1000, 200],
  ])('%s operations: %s', async (count, status) => {
    const it = await articleApp(before, {}, (app) => app.use(large))
    const response = await it.patch(...Array(count).fill({ op: 'add', path: '/n', value: 1 }))
    expect(response.status).toBe(status)
  })

  test('a body larger than the parser takes is 413', async () => {
    const it = await articleApp(before)
    const response = await it.patch(...Array(5000).fill({ op: 'add', path: '/title', value: 'x' }))
    expect([response.status, response.body.code]).toEqual([413, 'content_too_large'])
  })
})

test('S17: no problem shows anything of the state', async () => {
  const secret = { title: 'confidential', status: 'internal', id: '1', n: 1 }
  const it = await articleApp(secret, {
    immutable: ['/id'],
    schema: { properties: { n: { type: 'number' } } },
    lifecycle: { field: '/status', transitions: { internal: [], x: [] } },
    rules: [() => ({ detail: 'No.' })],
  })
  const at = (more: object) => ({ ...secret, title: 'mine', ...more })
  const responses = [
    await it.bare('put').send(at({})),
    await it.bare('put').set('If-Match', '"old"').send(at({})),
    await it.bare('put').set('If-None-Match', '*').send(at({})),
    await it
      .bare('patch')
      .set('If-Match', '"old"')
      .type(PATCH)
      .send([{ op: 'test', path: '/title', value: 'a' }]),
    await it.bare('delete').set('If-Match', '"old"'),
    await it.put(at({ n: 'x' })),
    await it.put(at({ id: '2' })),
    await it.patch({ op: 'test', path: '/title', value: 'guess' }),
    await it.put(at({})),
  ]
  expect(responses.map(({ status }) => status)).toEqual([428, 412, 412, 412, 412, 422, 409, 409, 409])
  for (const { text } of responses) expect(text).not.toContain('confidential')
})

describe('S18, S19: signatures', () => {
  const tag = signature({ secret: 'a secret of at least 32 bytes, 34!' })
  const put = (it: Awaited<ReturnType<typeof articleApp>>, given: string, path = '/articles/1') =>
    it.bare('put', path).set('If-Match', given).send({ title: 'after' })

  test('show neither the version nor a counter, and are the same for everybody', async () => {
    const it = await articleApp(before, { tag })
    const { version } = (await it.adapter.read('1'))!
    const [one, other] = [await it.bare('get').set('Authorization', 'Basic YTph'), await it.bare('get')]
    expect(one.headers.etag).toMatch(/^"[\w-]{43}"$/)
    expect(one.headers.etag).not.toContain(version)
    expect(other.headers.etag).toBe(one.headers.etag)
  })

  test('a client that has one may write', async () => {
    const it = await articleApp(before, { tag })
    const { etag } = (await it.bare('get')).headers
    await put(it, etag!).expect(200)
    await put(it, etag!).send({ title: 'later' }).expect(412)
  })

  test.each<[string, (etag: string) => string]>([
    ['one bit is flipped', (etag) => `"${String.fromCharCode(etag.charCodeAt(1) ^ 1)}${etag.slice(2)}`],
    ['it is cut', (etag) => `${etag.slice(0, -2)}"`],
    ['it is longer', (etag) => `${etag.slice(0, -1)}A"`],
    ['it is empty', () => '""'],
    ['it is in other letters', (etag) => etag.toLowerCase()],
    ['it is padded', (etag) => `${etag.slice(0, -1)}="`],
    ['its octets are beyond ASCII', (etag) => etag.replace(/[A-Za-z]/, '\u00c1')],
  ])('412 when %s', async (_name, forged) => {
    const it = await articleApp(before, { tag })
    const { etag } = (await it.bare('get')).headers
    const response = await exchange(it.app, `${PUT}\r\nIf-Match: ${forged(etag!)}`, after)
    expect(response.status).toBe(412)
    expect(await it.stored()).toEqual(before)
  })

  test('that of another resource of the same version is another', async () => {
    const it = await articleApp(before, { tag })
    const fixed = { ...(await it.adapter.read('1'))!, version: 'v1' }
    const adapter = { ...it.adapter, read: async () => fixed }
    const two = await articleApp(undefined, { tag, adapter })
    const [one, other] = [await two.bare('get'), await two.bare('get', '/articles/2')]
    expect(one.headers.etag).not.toBe(other.headers.etag)
    await put(two, one.headers.etag!, '/articles/2').expect(412)
  })

  test('that of an old secret is good while it is named, and no longer', async () => {
    const it = await articleApp(before, { tag })
    const { etag } = (await it.bare('get')).headers
    const next = 'the secret that comes after it, 34'
    const rotating = await articleApp(undefined, {
      adapter: it.adapter,
      tag: signature({ secret: next, previousSecrets: ['a secret of at least 32 bytes, 34!'] }),
    })
    const done = await articleApp(undefined, { adapter: it.adapter, tag: signature({ secret: next }) })
    await put(done, etag!).expect(412)
    expect((await rotating.bare('get')).headers.etag).not.toBe(etag)
    expect((await rotating.bare('get').set('If-None-Match', etag!)).status).toBe(304)
    await put(rotating, etag!).expect(200)
  })

  test('in the body they are compared as a whole', async () => {
    const it = await articleApp(before, { tag, preconditions: { versionField: '/revision' } })
    const { revision } = (await it.bare('get')).body
    // In latin1 these would be the same octets.
    const alike = [...revision].map((char) => String.fromCharCode(char.charCodeAt(0) + 0x100)).join('')
    expect((await it.bare('put').send({ revision: alike })).body.code).toBe('stale_version')
    expect((await it.bare('put').send({ revision })).status).toBe(200)
  })
})

describe('S21: versions and keys of the wrong type', () => {
  test.each(['{"a":1}', '["1"]', 'true', 'null', '[]', '{"$ne":null}'])(
    'the version %s in a body is 400',
    async (revision) => {
      const it = await articleApp(before, { preconditions: { versionField: '/revision' } })
      const response = await it.bare('put').type('json').send(`{"title":"a","revision":${revision}}`)
      expect([response.status, response.body.code]).toEqual([400, 'malformed_body'])
      expect(await it.stored()).toEqual(before)
    },
  )

  test.each(['0', '-1', '1e3', '""', '"0"', '"__proto__"', '"*"'])(
    'the version %s in a body is stale',
    async (revision) => {
      const it = await articleApp(before, { preconditions: { versionField: '/revision' } })
      const response = await it.bare('put').type('json').send(`{"title":"a","revision":${revision}}`)
      expect([response.status, response.body.code]).toEqual([409, 'stale_version'])
      expect(await it.stored()).toEqual(before)
    },
  )

  test.each(['?v=a&v=b', '?v[]=a', '?v[$ne]=a', '?v[a]=b', '?v[__proto__]=a', '?v=', '?v=*', '?__proto__[v]=a'])(
    'the version %s in a query opens nothing',
    async (query) => {
      const it = await articleApp(before, { preconditions: { versionQuery: 'v' } })
      const response = await it.bare('put', `/articles/1${query}`).send({})
      expect([400, 409, 428]).toContain(response.status)
      expect(response.body.code).toMatch(/^(malformed_condition|stale_version|precondition_required)$/)
      expect(await it.stored()).toEqual(before)
    },
  )

  test.each<[unknown]>([[0], [1], [''], [null], [true], [['1']], [{ id: '1' }], [Number.NaN]])(
    'the key %j reaches no adapter',
    async (key) => {
      const inner = memoryAdapter<Article>()
      const read = jest.fn(inner.read)
      const it = await articleApp(undefined, { adapter: { ...inner, read }, key: () => key as string })
      expect((await it.bare('get')).status).toBe(500)
      expect(read).not.toHaveBeenCalled()
    },
  )

  test('keys that look like something else are keys', async () => {
    const it = await articleApp(undefined)
    for (const key of ['0', '__proto__', 'constructor', 'null', '%00', '*', '..%2f..%2fetc', 'a%0d%0ab', '%c3%a9']) {
      expect((await it.bare('get', `/articles/${key}`)).status).toBe(404)
      expect((await it.bare('put', `/articles/${key}`).send({ key })).status).toBe(201)
      expect((await it.bare('get', `/articles/${key}`)).body).toEqual({ key })
    }
    expect(await it.adapter.entries()).toHaveLength(9)
  })
})

test('S26: nothing that refuses may be stored by a cache', async () => {
  const it = await articleApp(before, { allow: (req) => req.method !== 'DELETE', immutable: ['/title'] })
  const responses = [
    await it.bare('get', '/articles/2'),
    await it.bare('put').send({}),
    await it.bare('put').set('If-Match', '"old"').send({}),
    await it.bare('put').set('If-Match', 'old').send({}),
    await it.bare('put').type('json').send('{'),
    await it.bare('put').type('text/plain').send('{}'),
    await it.put({}),
    await it.send('delete'),
    await it.bare('delete', '/articles'),
  ]
  expect(responses.map(({ status }) => status)).toEqual([404, 428, 412, 400, 400, 415, 409, 403, 405])
  for (const { headers, status } of responses) {
    expect(headers['cache-control']).toBe('no-store')
    expect(headers['content-type']).toBe('application/problem+json')
    expect(headers.etag === undefined).toBe(status !== 412)
  }
})

describe('S27: methods', () => {
  test.each([['X-HTTP-Method-Override'], ['X-HTTP-Method'], ['X-Method-Override']])(
    '%s is no method',
    async (field) => {
      const it = await articleApp(before)
      await it.bare('get').set(field, 'DELETE').expect(200)
      await it.bare('post', '/articles?_method=DELETE').set(field, 'PUT').send({ title: 'new' }).expect(201)
      await it.bare('put').set(field, 'GET').send({}).expect(428)
      await it.bare('post').set(field, 'PUT').set('If-Match', '*').send({}).expect(405)
      expect(await it.stored()).toEqual(before)
    },
  )

  test.each(['PROPPATCH', 'MERGE', 'LOCK', 'LINK', 'PURGE', 'MKCOL'])(
    '%s is guarded like any change',
    async (method) => {
      const it = await articleApp(before)
      expect((await exchange(it.app, `${method} /articles/1 HTTP/1.1\r\nIf-Match: "old"`)).status).toBe(405)
      const handled = jest.fn((_req, res) => res.end())
      const app = express()
      app.use('/articles/:id', detectConflicts({ name: 'article', adapter: it.adapter }), handled)
      app.use(respondToConflicts())
      expect((await exchange(app, `${method} /articles/1 HTTP/1.1\r\nIf-Match: "old"`)).status).toBe(412)
      expect((await exchange(app, `${method} /articles/2 HTTP/1.1\r\nIf-Match: "old"`)).status).toBe(404)
      expect(handled).not.toHaveBeenCalled()
    },
  )
})

test('S28: however a resource is addressed, it is one', async () => {
  const it = await articleApp(before)
  const { version } = (await it.adapter.read('1'))!
  for (const path of [
    '/Articles/1',
    '/articles/1/',
    '/articles/%31',
    '/articles/1?x',
    'http://evil.example/articles/1',
  ]) {
    const { status, head } = await exchange(it.app, `GET ${path} HTTP/1.1`)
    expect([path, status]).toEqual([path, 200])
    expect(head).toContain(`ETag: "${version}"`)
    const put = await exchange(
      it.app,
      `PUT ${path} HTTP/1.1\r\nContent-Type: application/json\r\nIf-Match: "old"`,
      after,
    )
    expect([path, put.status]).toEqual([path, 412])
  }
  expect((await it.adapter.entries()).map(({ key }) => key)).toEqual(['1'])
})

describe('S30: what is echoed', () => {
  const line = 'x\r\nSet-Cookie: a=b\r\n\r\n<script>\u001b[31m\u009b31m\u2028'

  const harmful = ['\r', '\n', '\u001b', '\u009b', '\u2028', '<', '>']

  test('of a version in the body stays in the problem, escaped', async () => {
    const it = await articleApp(before, { preconditions: { versionField: '/revision' } })
    const response = await it.bare('put').send({ revision: line })
    expect(response.status).toBe(409)
    expect(response.body.expected).toBe(line)
    expect(harmful.filter((each) => response.text.includes(each))).toEqual([])
    expect(response.headers['set-cookie']).toBeUndefined()
  })

  test('of a long version is cut', async () => {
    const it = await articleApp(before, { preconditions: { versionField: '/revision' } })
    expect((await it.bare('put').send({ revision: 'x'.repeat(50_000) })).text.length).toBeLessThan(1000)
  })

  test('of names in a document stays in the problem, escaped', async () => {
    const it = await articleApp({ [line]: 1 }, { immutable: ['/*'] })
    const response = await it.put({ [line]: 2 })
    expect(named(response)).toEqual([`changed /${line.replace('/', '~1')}`])
    expect(harmful.filter((each) => response.text.includes(each))).toEqual([])
  })

  test("of the store's versions stays in the tag, encoded", async () => {
    const inner = memoryAdapter<Article>()
    const adapter = { ...inner, read: async () => ({ value: before, version: line }) }
    const it = await articleApp(undefined, { adapter })
    const read = await it.bare('get')
    expect(read.headers.etag).toBe('"x%0D%0ASet-Cookie:%20a=b%0D%0A%0D%0A<script>%1B[31m%9B31m%u2028"')
    const refused = await it.bare('put').set('If-Match', '"old"').send({})
    expect([refused.status, refused.headers.etag]).toEqual([412, read.headers.etag])
    expect(refused.headers['set-cookie']).toBeUndefined()
  })

  test.each([['"a"\r\nSet-Cookie: x'], ['a'], ['"a\u0141"'], ['']])(
    "a store's own etag that is none is a mistake of the adapter: %j",
    async (etag) => {
      const adapter = { ...memoryAdapter<Article>(), read: async () => ({ value: before, version: 'v', etag }) }
      const it = await articleApp(undefined, { adapter })
      const response = await it.bare('get')
      expect(response.status).toBe(500)
      expect(response.body.unexpected).toContain('which is no entity tag: put it in double quotes.')
    },
  )

  test('of a type of body stays in the problem', async () => {
    const it = await articleApp(before)
    const { status, problem, head } = await exchange(
      it.app,
      'PUT /articles/1 HTTP/1.1\r\nIf-Match: *\r\nContent-Type: <script>\u009b31m',
      after,
    )
    expect([status, problem().code]).toEqual([415, 'unsupported_media_type'])
    expect(head).not.toContain('script')
  })
})

describe('S32: dates that are none', () => {
  test.each([
    'Fri, 31 Feb 2026 00:00:00 GMT',
    'fri, 01 jan 2027 00:00:00 gmt',
    '2030-01-01T00:00:00Z',
    '1893456000000',
    '0',
    '-1',
    'Tue, 01 Jan 2030 00:00:00 +0000',
    'Tue, 01 Jan 10000 00:00:00 GMT',
    'Tue, 01 Jan 2030 00:00:80 GMT',
    `${'Tue, 01 Jan 2030 00:00:00 GMT, '.repeat(400)}`,
  ])('If-Unmodified-Since: %s is no condition', async (date) => {
    const it = await articleApp(before)
    const response = await it.bare('put').set('If-Unmodified-Since', date).send({})
    expect([response.status, response.body.code]).toEqual([428, 'precondition_required'])
    expect((await it.bare('get').set('If-Modified-Since', date)).status).toBe(200)
    expect(await it.stored()).toEqual(before)
  })

  test('those that are decide', async () => {
    const it = await articleApp(before)
    const ask = (date: string) => it.bare('put').set('If-Unmodified-Since', date).send({})
    expect((await ask('Friday, 01-Jan-99 00:00:00 GMT')).status).toBe(412)
    expect((await ask('Fri Jan  1 00:00:00 1999')).status).toBe(412)
    expect((await ask('Fri, 31 Dec 9999 23:59:60 GMT')).status).toBe(200)
  })
})

describe('a PUT whose body is empty', () => {
  test.each([
    ['with no length', 'X: 1', ''],
    ['of length 0', 'Content-Length: 0', ''],
    ['of length 00', 'Content-Length: 00', ''],
    ['in no chunks', 'Transfer-Encoding: chunked', '0\r\n\r\n'],
  ])('%s replaces nothing', async (_name, field, body) => {
    const it = await articleApp(before)
    const { status, problem } = await exchange(it.app, `${PUT}\r\nIf-Match: *\r\n${field}`, body)
    expect([status, problem().code]).toEqual([400, 'malformed_body'])
    expect(await it.stored()).toEqual(before)
  })
})

test('no header of any kind is answered with 5xx', async () => {
  const it = await articleApp(before, {
    preconditions: { required: false, versionField: '/revision', versionQuery: 'v' },
  })
  const tags = fc.stringMatching(/^[ -~\u0080-\u00ff\t]{0,12}$/)
  const values = fc.oneof(
    tags,
    tags.map((tag) => `"${tag}"`),
    fc
      .array(
        tags.map((tag) => `W/"${tag}"`),
        { maxLength: 3 },
      )
      .map((list) => list.join(', ')),
    fc.constantFrom(
      '*',
      '',
      '""',
      'Tue, 01 Jan 2030 00:00:00 GMT',
      'Tue, 99 Jan 2030 00:00:00 GMT',
      'return=minimal',
      'gzip',
    ),
  )
  const fields = fc.constantFrom(
    'If-Match',
    'If-None-Match',
    'If-Modified-Since',
    'If-Unmodified-Since',
    'If-Range',
    'Range',
    'Content-Range',
    'Content-Type',
    'Prefer',
    'Accept',
    'Idempotency-Key',
    'X-HTTP-Method-Override',
  )
  const lines = fc.array(fc.tuple(fields, values), { maxLength: 4 })
  const methods = fc.constantFrom('GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'POST', 'OPTIONS', 'MERGE')
  const server = it.app.listen(0)
  const ask = (head: string, body: string) =>
    new Promise<string>((resolve, reject) => {
      const socket = connect((server.address() as AddressInfo).port)
      let text = ''
      socket.setEncoding('latin1')
      socket.on('data', (chunk) => {
        text += chunk
      })
      socket.on('end', () => resolve(text))
      socket.on('error', reject)
      socket.write(`${head}\r\nHost: t\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`, 'latin1')
    })
  try {
    await fc.assert(
      fc.asyncProperty(
        methods,
        lines,
        fc.constantFrom('', '{}', '[]', '{"revision":"x"}'),
        async (method, list, body) => {
          const fields = list.map(([field, value]) => `\r\n${field}: ${value}`).join('')
          const answer = await ask(`${method} /articles/1?v=x HTTP/1.1${fields}`, body)
          const status = Number(answer.split(' ')[1])
          expect({ status, answer }).toEqual({
            status: expect.any(Number),
            answer: expect.not.stringMatching(/^HTTP\/1.1 5/),
          })
        },
      ),
      { numRuns: 150, seed: 9110 },
    )
  } finally {
    server.close()
  }
}, 60_000)
