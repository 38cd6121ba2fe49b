import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { RequestHandler } from 'express'
import { type ExpiringStore, memoryStore } from '../../lib'
import { gzip } from './gzip'
import { type Answer, gate, type Till, till } from './payments'

let it: Till
afterEach(() => it?.close())

const replayed = ({ headers }: Answer) => headers.get('idempotency-replayed')
const code = ({ status, json }: Answer) => `${status} ${json.code}`

const folder = mkdtempSync(join(tmpdir(), 'answers-'))
const file = join(folder, 'receipt.txt')
writeFileSync(file, `${'receipt '.repeat(5000)}\n`)
afterAll(() => rmSync(folder, { recursive: true }))

const BYTES = Buffer.from(Array.from({ length: 256 }, (_, index) => index))

/** However an answer is written. */
const WRITTEN: Record<string, RequestHandler> = {
  'res.json': (_req, res) => void res.json({ a: 'ä€😀' }),
  'res.send of bytes': (_req, res) => void res.send(BYTES),
  'res.end of text': (_req, res) => void res.end('done'),
  'res.end of text in an encoding': (_req, res) => void res.end('ZG9uZQ==', 'base64'),
  'res.end of nothing': (_req, res) => void res.status(202).end(),
  'res.end with a callback alone': (_req, res) => void res.status(202).end(() => undefined),
  '204': (_req, res) => void res.status(204).end(),
  'res.sendStatus': (_req, res) => void res.sendStatus(201),
  'pieces, and end': (_req, res) => {
    res.write('one ')
    res.write(Buffer.from('two '))
    res.write('three ', () => res.end('four'))
  },
  'writeHead with fields': (_req, res) => {
    res.writeHead(201, { 'Content-Type': 'text/x-own', Location: '/here' })
    res.end('headed')
  },
  'writeHead with a reason and a list': (_req, res) => {
    res.writeHead(201, 'Made', ['Content-Type', 'text/x-own', 'Location', '/here'])
    res.end('headed')
  },
  'with trailers': (_req, res) => {
    res.set('Trailer', 'X-Sum').addTrailers({ 'X-Sum': '1' })
    res.end('body')
  },
  'flushHeaders first': (_req, res) => {
    res.status(201).type('text/plain').flushHeaders()
    setImmediate(() => res.end('flushed'))
  },
  'a piped stream': (_req, res) => void Readable.from(['a'.repeat(40_000), 'b'.repeat(40_000)]).pipe(res),
  'a pipeline': (_req, res, next) => void pipeline(Readable.from([BYTES, BYTES]), res).catch(next),
  'res.sendFile': (_req, res) => res.sendFile(file),
  'res.download': (_req, res) => res.download(file),
  'res.redirect': (_req, res) => res.redirect(303, '/there'),
}

const SHOWN = ['content-type', 'location', 'content-disposition', 'etag', 'last-modified', 'content-encoding']
const essence = ({ status, bytes, headers }: Answer) => ({
  status,
  bytes: bytes.toString('latin1'),
  headers: Object.fromEntries(SHOWN.map((name) => [name, headers.get(name)])),
})

describe.each([
  ['nothing around', {}],
  ['compression in front', { before: (app: { use(it: RequestHandler): void }) => app.use(gzip) }],
  ['compression behind', { behind: (app: { use(it: RequestHandler): void }) => app.use(gzip) }],
])('%s', (_, around) => {
  test.each(Object.entries(WRITTEN))('%s: a repetition is the same, byte for byte', async (_, handler) => {
    it = await till({}, around as never)
    // Once: what is in front of the first request of all has taken the methods of the answer before we came.
    await it.ask({ key: '' })
    it.runs = 0
    it.handler = handler
    const first = await it.ask()
    const second = await it.ask()
    expect(essence(second)).toEqual(essence(first))
    expect([replayed(first), replayed(second), it.runs]).toEqual([null, 'true', 1])
  })
})

test.each(['Set-Cookie', 'WWW-Authenticate', 'Date', 'content-length'])(
  'replayHeaders must not name %s, which is of one answer alone',
  async (name) => {
    await expect(till({ replayHeaders: [name] })).rejects.toThrow(`replayHeaders names ${name}`)
  },
)

test('fields about the caller or the moment are never given again', async () => {
  it = await till({ replayHeaders: ['X-Payment'] })
  it.handler = (_req, res) => {
    res.cookie('session', 'secret').set('WWW-Authenticate', 'Basic').set('Authentication-Info', 'x')
    res.set({ 'X-Payment': '1', 'X-Other': '2', 'Cache-Control': 'public, max-age=60', Date: 'then' }).json({})
  }
  const first = await it.ask()
  expect(first.headers.get('set-cookie')).toContain('secret')
  const { headers } = await it.ask()
  for (const name of ['set-cookie', 'www-authenticate', 'authentication-info', 'x-other'])
    expect(headers.get(name)).toBeNull()
  expect(headers.get('date')).not.toBe('then')
  expect(headers.get('x-payment')).toBe('1')
  expect(headers.get('cache-control')).toBe('no-store')
})

test('it is stored before anything of it is sent', async () => {
  const [arrived, go] = [gate(), gate()]
  const inner = memoryStore()
  const store: ExpiringStore = {
    ...inner,
    async replace(...args) {
      arrived.open()
      await go.passed
      return inner.replace(...args)
    },
  }
  it = await till({ store })
  let isAnswered = false
  const first = it.ask().finally(() => {
    isAnswered = true
  })
  await arrived.passed
  await new Promise((resolve) => it.server.getConnections(resolve))
  expect(isAnswered).toBe(false)
  go.open()
  expect((await first).status).toBe(201)
})

test('to the handler an answer has begun when it writes, and ends when it ends it', async () => {
  it = await till()
  const seen: unknown[] = []
  it.handler = (_req, res) => {
    res.on('finish', () => seen.push('finish'))
    seen.push(res.headersSent)
    res.write('a')
    seen.push(res.headersSent)
    expect(() => res.setHeader('X-Late', '1')).toThrow('after they are sent')
    res.end('b', () => seen.push('ended'))
  }
  expect((await it.ask()).text).toBe('ab')
  expect(seen).toEqual([false, true, 'finish', 'ended'])
})

test('a second answer changes nothing: the first one is sent and kept', async () => {
  it = await till()
  it.handler = (_req, res) => {
    res.status(201).json({ first: true })
    expect(() => res.status(500).json({ second: true })).toThrow('after they are sent')
    res.write('more')
    res.end('and more')
  }
  for (const again of [null, 'true']) {
    const answer = await it.ask()
    expect([answer.status, answer.text, replayed(answer)]).toEqual([201, '{"first":true}', again])
  }
})

test('a handler that answers and then fails was carried out', async () => {
  it = await till()
  it.handler = (_req, res, next) => {
    res.status(201).json({ payment: 1 })
    next(new Error('too late'))
  }
  await it.ask().catch(() => undefined)
  const second = await it.ask()
  expect([second.status, second.json, it.runs]).toEqual([201, { payment: 1 }, 1])
})

test.each<[string, unknown[]]>([
  ['fields', [{ 'Content-Type': 'text/x-own' }]],
  ['fields, and nothing behind them', [{ 'Content-Type': 'text/x-own' }, undefined]],
  ['no reason and fields', [undefined, { 'Content-Type': 'text/x-own' }]],
  ['a reason and fields', ['Made', { 'Content-Type': 'text/x-own' }]],
  ['a list', [['Content-Type', 'text/x-own']]],
])('writeHead takes %s, as Node does', async (_, args) => {
  it = await till()
  it.handler = (_req, res) => {
    ;(res.writeHead as (...all: unknown[]) => unknown)(201, ...args)
    res.end('headed')
  }
  for (const again of [null, 'true']) {
    const answer = await it.ask()
    expect([answer.status, answer.headers.get('content-type'), replayed(answer)]).toEqual([201, 'text/x-own', again])
  }
})

test('an answer of the app to a request that is made up is left alone', async () => {
  it = await till({}, { before: (app) => app.get('/free', madeUp) })
  await it.ask()
  expect((await it.ask({ method: 'GET', path: '/free', key: '' })).text).toBe('free')
})

const madeUp: RequestHandler = (req, res) => {
  req.rawHeaders = undefined as never
  res.write('fr')
  res.end('ee')
}

test('an answer that Node refuses leaves nothing on the one that tells of it', async () => {
  it = await till()
  it.handler = (_req, res) => {
    res.statusCode = 1000
    expect(() => res.end('x')).toThrow('Invalid status code')
    res.statusCode = 500
    res.end('told by hand')
  }
  const { status, text } = await it.ask()
  expect([status, text]).toEqual([500, 'told by hand'])
})

test('an answer that cannot be sent cuts the connection, and nothing else', async () => {
  const unhandled: unknown[] = []
  const listen = (reason: unknown) => unhandled.push(reason)
  process.on('unhandledRejection', listen)
  it = await till()
  it.handler = (_req, res) => {
    res.strictContentLength = true
    res.set('Content-Length', '2')
    res.end('longer than that')
  }
  await expect(it.ask()).rejects.toThrow('fetch failed')
  await new Promise(setImmediate)
  process.off('unhandledRejection', listen)
  expect(unhandled).toEqual([])
})

describe('an answer larger than maxAnswerBytes', () => {
  test.each<[string, RequestHandler]>([
    ['at once', (_req, res) => void res.status(201).send('x'.repeat(1001))],
    ['in pieces', (_req, res) => void Readable.from(Array(100).fill('x'.repeat(1000))).pipe(res)],
  ])('%s: sent whole, not kept, never run again', async (_, handler) => {
    it = await till({ maxAnswerBytes: 1000 })
    it.handler = handler
    const first = await it.ask()
    expect(first.status).toBeLessThan(300)
    expect(first.text).toMatch(/^x+$/)
    expect(first.text.length % 1000).toBe(first.text.length === 1001 ? 1 : 0)
    for (let time = 0; time < 2; time++) expect(code(await it.ask())).toBe('409 idempotency_answer_lost')
    expect(it.runs).toBe(1)
  })

  test('exactly that large is kept', async () => {
    it = await till({ maxAnswerBytes: 1000 })
    it.handler = (_req, res) => void res.send('x'.repeat(1000))
    await it.ask()
    expect((await it.ask()).text).toBe('x'.repeat(1000))
  })
})

test('a client that left: the handler goes on, its answer is stored, and the repetition gets it', async () => {
  it = await till()
  const [begun, finish, ended] = [gate(), gate(), gate()]
  it.handler = async (_req, res) => {
    begun.open()
    await finish.passed
    res.status(201).json({ payment: it.runs })
    ended.open()
  }
  const leaving = new AbortController()
  const first = it.ask({ signal: leaving.signal }).catch(() => 'left')
  await begun.passed
  leaving.abort()
  expect(await first).toBe('left')
  expect(code(await it.ask())).toBe('409 idempotency_in_progress')
  finish.open()
  await ended.passed
  const second = await it.ask()
  expect([second.status, second.json, replayed(second), it.runs]).toEqual([201, { payment: 1 }, 'true', 1])
})

test('an async handler that fails after the money went is never run again', async () => {
  it = await till({ leaseMs: 1000 })
  it.handler = async (_req, _res, next) => {
    await Promise.resolve()
    next(new Error('after the money went'))
  }
  expect((await it.ask()).status).toBe(500)
  expect(code(await it.ask())).toBe('409 idempotency_in_progress')
  it.advance(1001)
  expect(code(await it.ask())).toBe('503 outcome_unknown')
  expect(it.runs).toBe(1)
})

test('a handler that never answers: in progress, and unknown when its time is over', async () => {
  it = await till({ leaseMs: 90, maxRunMs: 100 })
  const begun = gate()
  it.handler = () => begun.open()
  const leaving = new AbortController()
  const first = it.ask({ signal: leaving.signal }).catch(() => 'left')
  await begun.passed
  expect(code(await it.ask())).toBe('409 idempotency_in_progress')
  const until = Date.now() + 15_000
  let answer = await it.ask()
  while (answer.status === 409 && Date.now() < until) {
    it.advance(50)
    await new Promise((resolve) => setTimeout(resolve, 50))
    answer = await it.ask()
  }
  expect(code(answer)).toBe('503 outcome_unknown')
  leaving.abort()
  expect([await first, it.runs]).toEqual(['left', 1])
})

test('a HEAD has no key, and its answer no body', async () => {
  it = await till()
  it.handler = (_req, res) => void res.json({ a: 1 })
  for (let time = 0; time < 2; time++) {
    const answer = await it.ask({ method: 'HEAD' })
    expect([answer.status, answer.text]).toEqual([200, ''])
  }
  expect(it.runs).toBe(2)
})
