import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import serverlessExpress from '@vendia/serverless-express'
import compression from 'compression'
import timeout from 'connect-timeout'
import cors from 'cors'
import express from 'express'
import * as OpenApiValidator from 'express-openapi-validator'
import helmet from 'helmet'
import { createProxyMiddleware, fixRequestBody } from 'http-proxy-middleware'
import methodOverride from 'method-override'
import serverless from 'serverless-http'
import request from 'supertest'
import {
  asyncHandler,
  CORS_ALLOWED_HEADERS,
  CORS_EXPOSED_HEADERS,
  detectConflicts,
  type MemoryAdapter,
  memoryAdapter,
  resourceOf,
  resourceRouter,
  respondToConflicts,
  sendFile,
} from '../../lib'
import { uploadAdapter } from '../../lib/backends/file'
import { guardedPaths } from '../../lib/openapi'

// The rows of docs/other-middleware.md.

interface Article {
  title: string
}

const quiet = { logger: { warn: () => undefined, error: () => undefined } }

async function articles() {
  const adapter = memoryAdapter<Article>()
  const made = await adapter.write('1', { title: 'first' }, null)
  return { adapter, tag: `"${made.ok ? made.state.version : ''}"` }
}

const titleIn = async (adapter: MemoryAdapter<Article>) => (await adapter.read('1'))?.value.title

function appOf(adapter: MemoryAdapter<Article>, mount: (app: express.Express) => void = () => {}) {
  const app = express()
  mount(app)
  app.use('/articles', resourceRouter({ name: 'article', adapter }))
  app.use(respondToConflicts(quiet))
  return app
}

type Invoke = (
  event: object,
  context: object,
) => Promise<{ statusCode: number; headers: Record<string, string>; body: string }>

describe.each<[string, (app: express.Express) => Invoke]>([
  ['serverless-http', (app) => serverless(app as never) as unknown as Invoke],
  [
    '@vendia/serverless-express',
    (app) => {
      const handler = serverlessExpress({ app: app as never })
      return (event, context) => Promise.resolve(handler(event, context as never, () => {})) as never
    },
  ],
])('%s', (_, wrap) => {
  const eventOf = (method: string, headers: Record<string, string>, body?: object) => ({
    version: '2.0',
    routeKey: '$default',
    rawPath: '/articles/1',
    rawQueryString: '',
    headers: { host: 'api.example', 'content-type': 'application/json', ...headers },
    requestContext: {
      http: { method, path: '/articles/1', sourceIp: '192.0.2.1', protocol: 'HTTP/1.1' },
      stage: '$default',
    },
    isBase64Encoded: false,
    ...(body && { body: JSON.stringify(body) }),
  })

  test('of two invocations at once one is refused, and tags and problems come through', async () => {
    const { adapter, tag } = await articles()
    const invoke = wrap(appOf(adapter))
    const put = (title: string) => invoke(eventOf('PUT', { 'if-match': tag }, { title }), {})
    const answers = await Promise.all([put('a'), put('b')])
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([200, 412])
    const refused = answers.find(({ statusCode }) => statusCode === 412)
    expect(JSON.parse(refused?.body ?? '')).toMatchObject({ code: 'precondition_failed' })
    const read = await invoke(eventOf('GET', {}), {})
    expect(read.headers.etag).toBe(answers.find(({ statusCode }) => statusCode === 200)?.headers.etag)
    const known = await invoke(eventOf('GET', { 'if-none-match': read.headers.etag ?? '' }), {})
    expect(known.statusCode).toBe(304)
    expect((await invoke(eventOf('PUT', {}, { title: 'blind' }), {})).statusCode).toBe(428)
  })
})

describe('express-openapi-validator', () => {
  const specOf = () => {
    const schema = {
      type: 'object' as const,
      required: ['title'],
      additionalProperties: false,
      properties: { title: { type: 'string' as const, minLength: 1 } },
    }
    const { paths, components } = guardedPaths({ name: 'described article', schema }, { path: '/articles/{id}' })
    return { openapi: '3.1.0', info: { title: 'Articles', version: '1' }, paths, components }
  }

  test('in front of the chain, with the document that guardedPaths makes: both refuse, each what is its own', async () => {
    const { adapter, tag } = await articles()
    const app = appOf(adapter, (all) => {
      all.use(express.json())
      all.use(
        OpenApiValidator.middleware({ apiSpec: specOf() as never, validateResponses: false, validateApiSpec: false }),
      )
    })
    app.use(
      ((error, _req, res, _next) =>
        void res.status(error.status ?? 500).json({ errors: error.errors })) as express.ErrorRequestHandler,
    )
    const put = (body: object, headers: Record<string, string>) =>
      request(app).put('/articles/1').set(headers).send(body)
    const malformed = await put({ title: 5 }, { 'If-Match': tag })
    expect([malformed.status, malformed.body.errors?.[0]?.path]).toEqual([400, '/body/title'])
    expect((await put({ title: 'second' }, { 'If-Match': '"old"' })).body.code).toBe('precondition_failed')
    expect((await put({ title: 'second' }, { 'If-Match': tag })).status).toBe(200)
    expect(await titleIn(adapter)).toBe('second')
  })
})

describe('http-proxy-middleware', () => {
  let upstream: Server
  let asked: string[]
  let stored: { title: string; version: number }
  beforeEach(async () => {
    asked = []
    stored = { title: 'first', version: 1 }
    upstream = createServer((req, res) => {
      let text = ''
      req.on('data', (chunk) => {
        text += chunk
      })
      req.on('end', () => {
        asked.push(`${req.method} ${text}`)
        if (req.method === 'PUT') stored = { ...JSON.parse(text), version: stored.version + 1 }
        res.setHeader('ETag', `"${stored.version}"`)
        res.setHeader('Content-Type', 'application/json')
        res.end(JSON.stringify(stored))
      })
    }).listen(0)
  })
  afterEach(() => upstream.close())

  test('behind the chain: what is stale never gets to the server behind, and a body that was parsed gets there whole', async () => {
    const target = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
    const chain = detectConflicts<Article>({
      name: 'proxied article',
      writes: 'by-app',
      adapter: {
        async read() {
          const { title, version } = (await (await fetch(target)).json()) as typeof stored
          return { value: { title }, version: String(version) }
        },
      },
    })
    const app = express()
    app.use(express.json())
    const proxy = createProxyMiddleware<express.Request>({
      target,
      on: {
        proxyReq: fixRequestBody,
        proxyRes({ statusCode = 500, headers }, req) {
          if (req.method === 'GET' || statusCode >= 300) return
          resourceOf(req, chain).written({ version: String(headers.etag).replaceAll('"', '') })
        },
      },
    })
    app.use('/articles/:id', chain, proxy as express.RequestHandler)
    app.use(respondToConflicts(quiet))
    const put = (title: string, tag: string) => request(app).put('/articles/1').set('If-Match', tag).send({ title })
    expect((await put('second', '"0"')).status).toBe(412)
    expect(asked.filter((each) => each.startsWith('PUT'))).toEqual([])
    const saved = await put('second', '"1"')
    expect([saved.status, saved.headers.etag]).toEqual([200, '"2"'])
    expect(asked.filter((each) => each.startsWith('PUT'))).toEqual(['PUT {"title":"second"}'])
    expect((await request(app).get('/articles/1')).headers.etag).toBe('"2"')
  })
})

describe('method-override', () => {
  test('in front of the chain, a POST that stands for a PUT is checked as a PUT', async () => {
    const { adapter, tag } = await articles()
    const app = appOf(adapter, (all) => all.use(methodOverride('X-HTTP-Method-Override')))
    const post = (headers: Record<string, string>) =>
      request(app)
        .post('/articles/1')
        .set({ 'X-HTTP-Method-Override': 'PUT', ...headers })
        .send({ title: 'second' })
    expect((await post({})).status).toBe(428)
    expect((await post({ 'If-Match': '"old"' })).status).toBe(412)
    expect((await post({ 'If-Match': tag })).status).toBe(200)
    expect(await titleIn(adapter)).toBe('second')
  })

  test('without it the field is ignored: a POST on a resource is an action', async () => {
    const { adapter, tag } = await articles()
    const answer = await request(appOf(adapter))
      .post('/articles/1')
      .set({ 'X-HTTP-Method-Override': 'PUT', 'If-Match': tag })
      .send({ title: 'second' })
    expect(answer.status).toBe(405)
    expect(await titleIn(adapter)).toBe('first')
  })
})

describe('compression', () => {
  test('in front: the tag is the same with and without gzip, and a save with it goes through', async () => {
    const { adapter } = await articles()
    const state = await adapter.read('1')
    await adapter.write('1', { title: 'long '.repeat(1000) }, state?.version ?? '')
    const app = appOf(adapter, (all) => all.use(compression({ threshold: 0 })))
    const zipped = await request(app).get('/articles/1').set('Accept-Encoding', 'gzip')
    const whole = await request(app).get('/articles/1').set('Accept-Encoding', 'identity')
    expect([zipped.headers['content-encoding'], whole.headers['content-encoding']]).toEqual(['gzip', undefined])
    expect(zipped.headers.etag).toBe(whole.headers.etag)
    const known = await request(app)
      .get('/articles/1')
      .set({ 'Accept-Encoding': 'gzip', 'If-None-Match': zipped.headers.etag as string })
    expect(known.status).toBe(304)
    const put = request(app)
      .put('/articles/1')
      .set({ 'If-Match': zipped.headers.etag as string, 'Accept-Encoding': 'gzip' })
    expect((await put.send({ title: 'short' })).status).toBe(200)
  })

  test('with ranges: a part of a file is sent as it is, and its bytes are those of the file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ranges-'))
    const adapter = uploadAdapter({ folder })
    const spool = await adapter.spool()
    const text = 'abcdefghij'.repeat(500)
    await spool.write(Buffer.from(text))
    await adapter.write('1', await spool.finish('text/plain'), null)
    await spool.discard()
    const broken = express()
    broken.use(compression({ threshold: 0 }))
    broken.get('/files/:id', detectConflicts({ name: 'zipped part', adapter }), sendFile())
    const zipped = await request(broken).get('/files/1').set({ Range: 'bytes=10-14', 'Accept-Encoding': 'gzip' })
    expect([zipped.status, zipped.headers['content-encoding']]).toEqual([206, 'gzip'])

    const app = express()
    app.use(compression({ threshold: 0, filter: (req, res) => !req.headers.range && compression.filter(req, res) }))
    app.get('/files/:id', detectConflicts({ name: 'ranged file', adapter }), sendFile())
    const part = await request(app).get('/files/1').set({ Range: 'bytes=10-14', 'Accept-Encoding': 'gzip' })
    expect([part.status, part.text, part.headers['content-encoding']]).toEqual([206, 'abcde', undefined])
    expect(part.headers['content-range']).toBe('bytes 10-14/5000')
    const whole = await request(app).get('/files/1').set('Accept-Encoding', 'gzip')
    expect([whole.headers['content-encoding'], whole.text]).toEqual(['gzip', text])
    rmSync(folder, { recursive: true })
  })
})

describe('connect-timeout', () => {
  test('a handler that comes to its commit after the time-out writes nothing', async () => {
    const { adapter, tag } = await articles()
    const chain = detectConflicts<Article>({ name: 'slow article', adapter })
    const app = express()
    let late: Promise<unknown> | undefined
    let answered: () => void = () => {}
    const isAnswered = new Promise<void>((resolve) => {
      answered = resolve
    })
    app.use(timeout('50ms'), express.json())
    app.put(
      '/articles/:id',
      chain,
      asyncHandler(async (req, res) => {
        await isAnswered
        late = resourceOf(req, chain).commit()
        await late.catch(() => {})
        if (!res.headersSent) res.json({})
      }),
    )
    app.use(respondToConflicts(quiet))
    app.use(
      ((error, _req, res, _next) =>
        void res.status(error.status ?? 500).json({ code: error.code })) as express.ErrorRequestHandler,
    )
    const answer = await request(app).put('/articles/1').set('If-Match', tag).send({ title: 'second' })
    expect([answer.status, answer.body.code]).toEqual([503, 'ETIMEDOUT'])
    answered()
    while (!late) await new Promise(setImmediate)
    await expect(late).rejects.toThrow(/answer has begun/)
    expect(await titleIn(adapter)).toBe('first')
  })
})

describe('helmet', () => {
  test('its fields are on problems too, and none of ours is gone', async () => {
    const { adapter, tag } = await articles()
    const app = appOf(adapter, (all) => all.use(helmet() as express.RequestHandler))
    const read = await request(app).get('/articles/1')
    expect(read.headers).toMatchObject({ etag: tag, 'x-content-type-options': 'nosniff', 'cache-control': 'no-cache' })
    const refused = await request(app).put('/articles/1').set('If-Match', '"old"').send({ title: 'x' })
    expect(refused.status).toBe(412)
    expect(refused.headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      etag: tag,
      'cache-control': 'no-store',
    })
  })
})

describe('cors', () => {
  test('with our lists a script of another origin may send the conditions, and sees the tag', async () => {
    const { adapter, tag } = await articles()
    const options = {
      origin: 'https://app.example',
      allowedHeaders: [...CORS_ALLOWED_HEADERS],
      exposedHeaders: [...CORS_EXPOSED_HEADERS],
    }
    const app = appOf(adapter, (all) => all.use(cors(options) as express.RequestHandler))
    const origin = { Origin: 'https://app.example' }
    const preflight = await request(app)
      .options('/articles/1')
      .set({ ...origin, 'Access-Control-Request-Method': 'PUT', 'Access-Control-Request-Headers': 'if-match' })
    expect(preflight.status).toBe(204)
    expect(preflight.headers['access-control-allow-methods']).toContain('PUT')
    expect(String(preflight.headers['access-control-allow-headers']).toLowerCase()).toContain('if-match')
    const read = await request(app).get('/articles/1').set(origin)
    expect(read.headers.etag).toBe(tag)
    expect(String(read.headers['access-control-expose-headers']).toLowerCase()).toContain('etag')
    const refused = await request(app)
      .put('/articles/1')
      .set({ ...origin, 'If-Match': '"old"' })
      .send({ title: 'x' })
    expect([refused.status, refused.headers['access-control-allow-origin']]).toEqual([412, 'https://app.example'])
  })
})
