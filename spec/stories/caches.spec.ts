import express, { type RequestHandler } from 'express'
import request from 'supertest'
import { type ConflictOptions, detectConflicts, resourceRouter, respondToConflicts } from '../../lib'
import { appOf, type Doc, shelf } from './app'

async function articles(
  options: Partial<ConflictOptions<Doc>> = {},
  inFront: RequestHandler = (_req, _res, next) => next(),
) {
  const it = await shelf()
  const app = appOf((all) =>
    all.use('/articles', inFront, resourceRouter<Doc>({ name: 'article', adapter: it.adapter, ...options })),
  )
  return { ...it, app }
}

const freshness = ({ headers }: request.Response) => headers['cache-control']

describe('a read may be kept, and is asked about each time', () => {
  test.each(['get', 'head'] as const)('%s', async (method) => {
    const { app } = await articles()
    expect(freshness(await request(app)[method]('/articles/1').expect(200))).toBe('no-cache')
  })

  test.each(['early', 'late'] as const)('304, %s', async (notModified) => {
    const { app, tag } = await articles({ preconditions: { notModified } })
    expect(freshness(await request(app).get('/articles/1').set('If-None-Match', tag).expect(304))).toBe('no-cache')
  })

  test('with a handler of the app’s own, by res.send, writeHead or a stream', async () => {
    const it = await shelf()
    const chain = detectConflicts<Doc>({ name: 'article', adapter: it.adapter })
    const app = appOf((all) => {
      all.get('/sent/:id', chain, (_req, res) => void res.send('first'))
      all.get(
        '/headed/:id',
        chain,
        (_req, res) => void res.writeHead(200, { 'Content-Type': 'text/plain' }).end('first'),
      )
      all.get('/streamed/:id', chain, (_req, res) => {
        res.write('fir')
        res.end('st')
      })
    })
    for (const path of ['/sent/1', '/headed/1', '/streamed/1'])
      expect(freshness(await request(app).get(path).expect(200))).toBe('no-cache')
  })
})

describe('what the app says about freshness stays', () => {
  const field = ['Cache-Control', 'max-age=60'] as const

  test('said by a layer in front', async () => {
    const { app, tag } = await articles({}, (_req, res, next) => void next(res.set(...field) && undefined))
    expect(freshness(await request(app).get('/articles/1'))).toBe('max-age=60')
    expect(freshness(await request(app).get('/articles/1').set('If-None-Match', tag).expect(304))).toBe('max-age=60')
  })

  test('said by the handler, whichever way', async () => {
    const it = await shelf()
    const chain = detectConflicts<Doc>({ name: 'article', adapter: it.adapter })
    const app = appOf((all) => {
      all.get('/set/:id', chain, (_req, res) => void res.set(...field).json({}))
      all.get('/headed/:id', chain, (_req, res) => void res.writeHead(200, { [field[0]]: field[1] }).end())
    })
    for (const path of ['/set/1', '/headed/1']) expect(freshness(await request(app).get(path))).toBe('max-age=60')
  })

  test('said by Expires', async () => {
    const { app } = await articles(
      {},
      (_req, res, next) => void next(res.set('Expires', new Date().toUTCString()) && undefined),
    )
    expect(freshness(await request(app).get('/articles/1'))).toBeUndefined()
  })
})

describe('nothing is said of freshness', () => {
  test('on an answer to a change', async () => {
    const { app, tag } = await articles()
    expect(freshness(await request(app).put('/articles/1').set('If-Match', tag).send({}).expect(200))).toBeUndefined()
  })

  test('on an error of the handler, or a redirect', async () => {
    const it = await shelf()
    const chain = detectConflicts<Doc>({ name: 'article', adapter: it.adapter })
    const app = appOf((all) => {
      all.get('/moved/:id', chain, (_req, res) => res.redirect('/elsewhere'))
      all.get('/broken/:id', chain, (_req, res) => void res.status(500).json({}))
    })
    for (const path of ['/moved/1', '/broken/1']) expect(freshness(await request(app).get(path))).toBeUndefined()
  })

  test('but a problem is never stored', async () => {
    const { app } = await articles()
    expect(freshness(await request(app).get('/articles/2').expect(404))).toBe('no-store')
    expect(freshness(await request(app).get('/articles/1').set('If-Match', '"old"').expect(412))).toBe('no-store')
  })
})

describe('Express’s own tags', () => {
  const settings: [string, unknown][] = [
    ['weak', 'weak'],
    ['strong', 'strong'],
    ['a function', () => '"mine"'],
    ['a function that makes weak ones', () => 'W/"mine"'],
  ]

  test.each(settings)('%s: on no answer to a change, nor on a refusal that the app answers', async (_, setting) => {
    const it = await shelf()
    const app = express().set('etag', setting).use(express.json())
    app.use('/articles/:id', detectConflicts<Doc>({ name: 'article', adapter: it.adapter, writes: 'by-app' }))
    app.put('/articles/:id', (req, res) => void res.json(req.body))
    app.delete('/articles/:id', (_req, res) => void res.status(500).json({}))
    const onError: express.ErrorRequestHandler = (error, _req, res, _next) => void res.status(error.status).json({})
    app.use(onError)
    const send = (method: 'put' | 'delete', match: string) =>
      request(app)[method]('/articles/1').set('If-Match', match).send({ title: 'second' })
    for (const response of [await send('put', it.tag), await send('delete', it.tag), await send('put', '"old"')])
      expect([response.status, response.headers.etag]).toEqual([response.status, undefined])
  })

  test.each(settings)('%s: those of the chain, and of the handler, stay', async (_, setting) => {
    const it = await shelf()
    const app = express().set('etag', setting)
    app.put(
      '/own/:id',
      express.json(),
      detectConflicts({ name: 'article', adapter: it.adapter, writes: 'by-app' }),
      ((_req, res) => void res.set('ETag', '"own"').json({})) as RequestHandler,
    )
    app.use('/articles', resourceRouter<Doc>({ name: 'doc', adapter: it.adapter }), respondToConflicts())
    const own = await request(app).put('/own/1').set('If-Match', it.tag).send({})
    expect(own.headers.etag).toBe('"own"')
    const changed = await request(app).put('/articles/1').set('If-Match', it.tag).send({ title: 'second' })
    expect(changed.headers.etag).toBe(`"${(await it.adapter.read('1'))?.version}"`)
    expect((await request(app).get('/articles/1')).headers.etag).toBe(changed.headers.etag)
  })
})

test.each([
  ['get', '/articles/1', 200],
  ['head', '/articles/1', 200],
  ['put', '/articles/1', 200],
  ['put', '/articles/new', 201],
] as const)('%s %s has one length, whatever Transfer-Encoding was set in front', async (method, url, status) => {
  const it = await shelf()
  const app = express()
  app.use((_req, res, next) => {
    res.set('Transfer-Encoding', 'chunked')
    next()
  })
  const preconditions = { required: false }
  app.use(
    '/articles',
    resourceRouter<Doc>({ name: 'article', adapter: it.adapter, preconditions }),
    respondToConflicts(),
  )
  const sent = request(app)[method](url)
  const { headers } = await (method === 'put' ? sent.send({ title: 'b' }) : sent).expect(status)
  expect([headers['content-length'] !== undefined, headers['transfer-encoding']]).toEqual([true, undefined])
})

test('a problem takes the place of an answer that was begun: nothing of it is left', async () => {
  const it = await shelf()
  const app = express()
  app.use((_req, res, next) => {
    res.set({
      'Transfer-Encoding': 'chunked',
      Trailer: 'X-Sum',
      'Content-Language': 'de',
      Expires: new Date().toUTCString(),
    })
    res.set({ 'Content-Location': '/x', 'Content-Digest': 'sha-256=:eA==:', 'X-Request-Id': '7' })
    next()
  })
  app.use('/articles', resourceRouter<Doc>({ name: 'article', adapter: it.adapter }), respondToConflicts())
  const { headers, body } = await request(app).get('/articles/2').expect(404)
  expect(body.code).toBe('not_found')
  expect(headers['content-length']).toBeDefined()
  expect(headers['x-request-id']).toBe('7')
  for (const name of [
    'transfer-encoding',
    'trailer',
    'content-language',
    'expires',
    'content-location',
    'content-digest',
  ])
    expect([name, headers[name]]).toEqual([name, undefined])
})
