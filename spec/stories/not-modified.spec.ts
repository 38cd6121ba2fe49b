import { join } from 'node:path'
import express, { type RequestHandler } from 'express'
import request from 'supertest'
import { type ConflictOptions, detectConflicts, resourceOf } from '../../lib'
import { appOf, type Doc, shelf } from './app'

const SECOND = 1_790_000_000_000
const MODIFIED = new Date(SECOND).toUTCString()

async function articles(
  handlerOf: (options: { ran: string[] }) => RequestHandler,
  options: Partial<ConflictOptions<Doc>> = {},
) {
  const it = await shelf(null, { now: () => SECOND })
  const tag = await it.change({ title: 'first' })
  const ran: string[] = []
  const app = appOf((all) => {
    all.use((_req, res, next) => {
      res.set('Cache-Control', 'max-age=60').set('Vary', 'Accept')
      next()
    })
    all.get(
      '/articles/:id',
      detectConflicts<Doc>({ name: 'article', adapter: it.adapter, ...options }),
      handlerOf({ ran }),
    )
  })
  return { ...it, app, tag, ran }
}

const HANDLERS: [string, (it: { ran: string[] }) => RequestHandler][] = [
  [
    'res.json',
    ({ ran }) =>
      (_req, res) => {
        ran.push('json')
        res.set('X-Handler', 'ran').json({ title: 'first' })
      },
  ],
  [
    'res.end',
    ({ ran }) =>
      (_req, res) => {
        ran.push('end')
        res.setHeader('X-Handler', 'ran')
        res.setHeader('Content-Type', 'text/plain')
        res.end('first')
      },
  ],
  [
    'res.write',
    ({ ran }) =>
      (_req, res) => {
        ran.push('write')
        res.setHeader('X-Handler', 'ran')
        res.write('fir')
        res.end('st')
      },
  ],
  [
    'res.writeHead',
    ({ ran }) =>
      (_req, res) => {
        ran.push('writeHead')
        res.writeHead(200, { 'X-Handler': 'ran' })
        res.end('first')
      },
  ],
  [
    'res.sendFile',
    ({ ran }) =>
      (_req, res) => {
        ran.push('sendFile')
        res.set('X-Handler', 'ran').sendFile(join(__dirname, 'app.ts'))
      },
  ],
]

describe.each(HANDLERS)('a handler that answers by %s', (_name, handlerOf) => {
  test.each(['get', 'head'] as const)(
    '%s of what the client has is 304, and the handler does not run',
    async (method) => {
      const { app, tag, ran } = await articles(handlerOf)
      const { headers, status, text } = await request(app)[method]('/articles/1').set('If-None-Match', tag)
      expect([status, text || '', ran]).toEqual([304, '', []])
      expect([headers.etag, headers['last-modified']]).toEqual([tag, MODIFIED])
      expect([headers['cache-control'], headers.vary]).toEqual(['max-age=60', 'Accept'])
      expect([headers['content-type'], headers['content-length']]).toEqual([undefined, undefined])
    },
  )

  test.each(['get', 'head'] as const)(
    'late, %s of what the client has is 304 with the handler’s headers',
    async (method) => {
      const { app, tag, ran } = await articles(handlerOf, { preconditions: { notModified: 'late' } })
      const { headers, status, text } = await request(app)[method]('/articles/1').set('If-None-Match', tag)
      expect([status, text || '', ran.length]).toEqual([304, '', 1])
      expect([headers.etag, headers['x-handler']]).toEqual([tag, 'ran'])
      expect([headers['content-type'], headers['content-length']]).toEqual([undefined, undefined])
    },
  )

  test('what the client does not have is sent, with validators', async () => {
    const { app, tag, ran } = await articles(handlerOf)
    const { headers, status } = await request(app).get('/articles/1').set('If-None-Match', '"old"')
    expect([status, ran.length, headers.etag]).toEqual([200, 1, tag])
  })
})

const [[, jsonHandler]] = HANDLERS as [(typeof HANDLERS)[0]]

test.each<[string, Record<string, string>, number]>([
  ['the weak form', { 'If-None-Match': 'W/TAG' }, 304],
  ['one of a list', { 'If-None-Match': '"old", TAG' }, 304],
  ['*', { 'If-None-Match': '*' }, 304],
  ['the date', { 'If-Modified-Since': MODIFIED }, 304],
  ['a later date', { 'If-Modified-Since': new Date(SECOND + 1000).toUTCString() }, 304],
  ['an earlier date', { 'If-Modified-Since': new Date(SECOND - 1000).toUTCString() }, 200],
  ['the date beside another tag', { 'If-None-Match': '"old"', 'If-Modified-Since': MODIFIED }, 200],
  ['a tag that cannot be read', { 'If-None-Match': 'TAG x' }, 200],
  ['the date beside a tag that cannot be read', { 'If-None-Match': 'x', 'If-Modified-Since': MODIFIED }, 200],
  ['what is no date', { 'If-Modified-Since': '2030-01-01' }, 200],
  ['a current If-Match', { 'If-Match': 'TAG', 'If-None-Match': 'TAG' }, 304],
  ['an old If-Match', { 'If-Match': '"old"', 'If-None-Match': 'TAG' }, 412],
  ['an If-Match that cannot be read', { 'If-Match': 'x', 'If-None-Match': 'TAG' }, 400],
])('GET with %s', async (_name, headers, status) => {
  const { app, tag } = await articles(jsonHandler)
  const sent = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.replace('TAG', tag)]))
  const response = await request(app).get('/articles/1').set(sent)
  expect(response.status).toBe(status)
  expect(response.headers.etag).toBe(status === 400 ? undefined : tag)
})

test('late, an answer that is no success stays what it is, without validators', async () => {
  const handler: RequestHandler = (_req, res) => {
    res.status(404).json({ title: 'hidden' })
  }
  const { app, tag } = await articles(() => handler, { preconditions: { notModified: 'late' } })
  const { status, body, headers } = await request(app).get('/articles/1').set('If-None-Match', tag)
  expect([status, body, headers.etag]).toEqual([404, { title: 'hidden' }, undefined])
})

test('late, the tag of the answer is the one of the state, whatever an earlier middleware set', async () => {
  const handler: RequestHandler = (req, res) => {
    res.json(resourceOf(req, chain).representation)
  }
  const it = await shelf()
  const app = express()
  app.use((_req, res, next) => {
    res.setHeader('ETag', '"page"')
    next()
  })
  const chain = detectConflicts({ name: 'article', adapter: it.adapter })
  app.get('/articles/:id', chain, handler)
  expect((await request(app).get('/articles/1')).headers.etag).toBe(it.tag)
})
