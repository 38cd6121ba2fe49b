import express, { type RequestHandler } from 'express'
import request from 'supertest'
import { type ConflictOptions, detectConflicts, isConflictError, type ResourceAdapter, resourceRouter } from '../../lib'
import { appOf, type Doc, mistake, shelf } from './app'

const TAG_HEADER = 'X-Tag'

async function articles(options: Partial<ConflictOptions<Doc>> = {}) {
  const it = await shelf(null, { now: () => 1_790_000_000_500 })
  const tag = await it.change({ title: 'first', secret: 's' })
  const app = appOf((all) =>
    all.use('/articles', resourceRouter<Doc>({ name: 'article', adapter: it.adapter, ...options })),
  )
  const current = async (key = '1') => `"${(await it.adapter.read(key))?.version}"`
  return { ...it, app, tag, current }
}

const MODIFIED = new Date(1_790_000_000_000).toUTCString()
/** Of the next state, though the clock has stood still. */
const NEXT = new Date(1_790_000_001_000).toUTCString()

const shown = ({ headers }: request.Response) => [headers.etag, headers['last-modified']]

test('a layer in front that keeps writeHead changes nothing, for the first request either', async () => {
  const { adapter, tag } = await shelf()
  const app = express().use(express.json())
  // As on-headers does, which compression, morgan and sessions stand on.
  app.use((_req, res, next) => {
    const { writeHead } = res
    res.writeHead = ((...args: Parameters<typeof writeHead>) => writeHead.apply(res, args)) as typeof writeHead
    next()
  })
  app.put(
    '/articles/:id',
    detectConflicts({ name: 'article', adapter, preconditions: { required: false } }),
    (_req, res) => {
      res.status(500).json({ title: 'no' })
    },
  )
  for (const nth of [1, 2]) {
    const { headers } = await request(app)
      .put('/articles/1')
      .set('If-Match', tag)
      .send({ title: String(nth) })
    expect(headers.etag).toBeUndefined()
  }
})

describe('an answer carries the validators of the state that the client has now', () => {
  test.each(['get', 'head'] as const)('%s: of what it read', async (method) => {
    const { app, tag } = await articles()
    expect(shown(await request(app)[method]('/articles/1').expect(200))).toEqual([tag, MODIFIED])
  })

  test('PATCH: of what is stored by then', async () => {
    const { app, tag, current } = await articles()
    const response = await request(app).patch('/articles/1').set('If-Match', tag).send({ title: 'second' }).expect(200)
    expect(shown(response)).toEqual([await current(), NEXT])
    expect(response.headers.etag).not.toBe(tag)
  })

  test('POST: of what was created', async () => {
    const { app, current } = await articles()
    const response = await request(app).post('/articles').send({ title: 'new' }).expect(201)
    expect(shown(response)).toEqual([await current(String(response.headers.location).split('/').pop()), MODIFIED])
  })

  test('DELETE: none', async () => {
    const { app, tag } = await articles()
    expect(shown(await request(app).delete('/articles/1').set('If-Match', tag).expect(204))).toEqual([
      undefined,
      undefined,
    ])
  })
})

describe('PUT (RFC 9110 §9.3.4)', () => {
  const put = async (options: Partial<ConflictOptions<Doc>>, body: Doc) => {
    const it = await articles({ tagHeader: TAG_HEADER, ...options })
    const response = await request(it.app).put('/articles/1').set('If-Match', it.tag).send(body).expect(200)
    return { response, current: await it.current() }
  }

  test('of what is stored as it was sent: validators', async () => {
    const { response, current } = await put({}, { title: 'second' })
    expect(shown(response)).toEqual([current, NEXT])
  })

  test.each<[string, Partial<ConflictOptions<Doc>>, Doc]>([
    ['the key was filled in', { keyPointer: '/id' }, { title: 'second' }],
    [
      'a readOnly member was carried over',
      { schema: { properties: { secret: { readOnly: true } } } },
      { title: 'second' },
    ],
    ['a hidden member was sent', { hidden: ['/secret'] }, { title: 'second', secret: 'mine' }],
  ])('when %s: none but in the header of the app’s choice', async (_name, options, body) => {
    const { response, current } = await put(options, body)
    expect(shown(response)).toEqual([undefined, undefined])
    expect(response.headers['x-tag']).toBe(current)
  })

  test('when a hidden member was carried over, the client has all that it can see: validators', async () => {
    const { response, current } = await put({ hidden: ['/secret'] }, { title: 'second' })
    expect(shown(response)).toEqual([current, NEXT])
  })

  test('that creates: validators too', async () => {
    const it = await articles()
    const response = await request(it.app).put('/articles/2').send({ title: 'new' }).expect(201)
    expect(shown(response)).toEqual([await it.current('2'), MODIFIED])
  })
})

describe('Last-Modified', () => {
  const dated = (lastModified: Date | undefined) => {
    const adapter: ResourceAdapter<Doc> = {
      read: async () => ({ value: {}, version: '1', lastModified }),
    }
    const chain = detectConflicts({ name: 'article', adapter, writes: 'by-app' })
    return appOf((all) => all.get('/articles/:id', chain, ((_req, res) => res.end()) as RequestHandler))
  }

  test('is not sent while its second is still running', async () => {
    jest.spyOn(Date, 'now').mockReturnValue(1_790_000_000_999)
    const { headers } = await request(dated(new Date(1_790_000_000_000))).get('/articles/1')
    jest.restoreAllMocks()
    expect([headers.etag, headers['last-modified']]).toEqual(['"1"', undefined])
  })

  test('is sent as soon as its second is over', async () => {
    jest.spyOn(Date, 'now').mockReturnValue(1_790_000_001_000)
    const { headers } = await request(dated(new Date(1_790_000_000_998))).get('/articles/1')
    jest.restoreAllMocks()
    expect(headers['last-modified']).toBe(MODIFIED)
  })

  test('is not sent where its milliseconds say that several states share its second', async () => {
    const app = dated(new Date(1_700_000_000_999))
    expect((await request(app).get('/articles/1')).headers['last-modified']).toBeUndefined()
  })

  test('is not sent from a clock that is ahead, or where no date is known', async () => {
    const ahead = await request(dated(new Date(Date.now() + 60_000))).get('/articles/1')
    const unknown = await request(dated(undefined)).get('/articles/1')
    expect([ahead, unknown].map(({ headers }) => headers['last-modified'])).toEqual([undefined, undefined])
  })
})

describe('an answer that is no success', () => {
  const failing = async (handler: RequestHandler, onError: express.ErrorRequestHandler = mistake) => {
    const it = await shelf()
    const app = express()
    app.use(express.json())
    app.all('/articles/:id', detectConflicts({ name: 'article', adapter: it.adapter }), handler)
    app.use(onError)
    return { ...it, app }
  }

  test.each([301, 404, 500])('GET %d: no validators, neither ours nor Express’s', async (status) => {
    const { app } = await failing((_req, res) => {
      res.status(status).json({ title: 'no' })
    })
    expect(shown(await request(app).get('/articles/1').expect(status))).toEqual([undefined, undefined])
  })

  test('GET 412 by the handler: the tag stays, because it names the state that the client now has', async () => {
    const { app, tag } = await failing((_req, res) => {
      res.status(412).end()
    })
    expect((await request(app).get('/articles/1').expect(412)).headers.etag).toBe(tag)
  })

  test('a handler that throws: none', async () => {
    const { app } = await failing(() => {
      throw new Error('broken')
    })
    expect(shown(await request(app).get('/articles/1').expect(500))).toEqual([undefined, undefined])
  })

  test('a tag of the handler’s own on it stays', async () => {
    const { app } = await failing((_req, res) => {
      res.status(404).set('ETag', '"mine"').end()
    })
    expect((await request(app).get('/articles/1')).headers.etag).toBe('"mine"')
  })

  test.each(['get', 'put'] as const)(
    'a conflict that the app answers on %s by res.json: no tag of Express’s',
    async (method) => {
      const onError: express.ErrorRequestHandler = (error, _req, res, _next) => {
        res.status(isConflictError(error) ? error.status : 500).json({ code: error.code })
      }
      const { app } = await failing((_req, res) => res.end(), onError)
      const { headers, status } = await request(app)[method]('/articles/2').set('If-Match', '"old"').send()
      expect([status >= 400, headers.etag]).toEqual([true, undefined])
    },
  )

  test('412 has the tag of the current state', async () => {
    const { app, tag } = await articles()
    const response = await request(app)
      .put('/articles/1')
      .set('If-Match', '"old"')
      .send({ title: 'second' })
      .expect(412)
    expect(response.headers.etag).toBe(tag)
    expect((await request(app).get('/articles/1').set('If-Match', '"old"').expect(412)).headers.etag).toBe(tag)
  })
})

describe('an answer of the app’s own to an unsafe request', () => {
  test.each(['put', 'patch', 'post', 'delete'] as const)('%s: no tag of Express’s', async (method) => {
    const it = await shelf()
    const chain = detectConflicts({ name: 'own answer', adapter: it.adapter, writes: 'by-app' })
    const app = appOf((all) =>
      all.all('/articles/:id', chain, ((_req, res) => res.json({ done: true })) as RequestHandler),
    )
    const { headers } = await request(app)[method]('/articles/1').set('If-Match', it.tag).send({}).expect(200)
    expect(headers.etag).toBeUndefined()
  })

  test('a strong tag of the app’s own stays', async () => {
    const it = await shelf()
    const chain = detectConflicts({ name: 'own answer', adapter: it.adapter, writes: 'by-app' })
    const own: RequestHandler = (_req, res) => {
      res.set('ETag', '"2"').json({})
    }
    const app = appOf((all) => all.put('/articles/:id', chain, own))
    const { headers } = await request(app).put('/articles/1').set('If-Match', it.tag).send({})
    expect(headers.etag).toBe('"2"')
  })
})
