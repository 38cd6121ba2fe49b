import { gzipSync } from 'node:zlib'
import express from 'express'
import { pino } from 'pino'
import request from 'supertest'
import {
  CONFLICTS,
  ConflictError,
  type ConflictFacts,
  type ConflictKind,
  detectConflicts,
  resourceRouter,
  respondToConflicts,
  storeFault,
} from '../../../lib'
import { raw, shelf } from '../../stories/app'

type Logged = [level: string, fields: Record<string, unknown>, message: string]

/** An app whose only route refuses with `error`. */
function refusing(error: unknown, options: Parameters<typeof respondToConflicts>[0] = {}) {
  const logged: Logged[] = []
  const logger = {
    warn: (fields: object, message: string) => logged.push(['warn', { ...fields }, message]),
    error: (fields: object, message: string) => logged.push(['error', { ...fields }, message]),
  }
  const app = express()
  app.all('/', (_req, res, next) => {
    res.set({ ETag: '"stale"', 'Last-Modified': new Date(0).toUTCString(), Location: '/x', 'X-App': 'kept' })
    next(error)
  })
  app.use(respondToConflicts({ logger, ...options }))
  const untouched: express.ErrorRequestHandler = (other, _req, res, _next) => {
    res.status(599).json({ untouched: String(other) })
  }
  app.use(untouched)
  return { app, logged }
}

const conflict = (code: ConflictKind, facts?: ConflictFacts) => new ConflictError(code, facts)

describe('a problem (RFC 9457)', () => {
  test.each(Object.entries(CONFLICTS))('of kind %s says what it is', async (code, definition) => {
    const { app } = refusing(conflict(code as ConflictKind))
    const { status, body, headers } = await request(app).put('/')
    expect(status).toBe(definition.status)
    expect(body).toEqual({
      type: `urn:problem-type:express-conflict:${code}`,
      title: definition.title,
      status: definition.status,
      instance: expect.stringMatching(/^urn:uuid:[0-9a-f-]{36}$/),
      code,
      retryable: definition.retryable,
      resolution: definition.resolution,
    })
    expect(headers['content-type']).toBe('application/problem+json')
    expect(headers['cache-control']).toBe('no-store')
  })

  test('has the facts of its conflict, and neither cause nor headers', async () => {
    const facts: ConflictFacts = {
      detail: 'Why.',
      field: 'If-Match',
      expected: '"a"',
      current: '"b"',
      conflicts: [{ pointer: '/a', kind: 'changed' }],
      errors: [{ instancePath: '/a' }],
      from: 'draft',
      to: 'gone',
      allowed: ['review'],
      lockedUntil: '2030-01-01T00:00:00Z',
      state: { title: 'shown' },
    }
    const { app } = refusing(conflict('frozen', { ...facts, cause: new Error('inner'), headers: { 'X-Own': '1' } }))
    const { body, headers } = await request(app).put('/')
    expect(body).toMatchObject(facts)
    expect(JSON.stringify(body)).not.toMatch(/inner|X-Own/)
    expect(headers['x-own']).toBe('1')
  })

  test('may bring type, title, status and retryable of its own', async () => {
    const own = { type: 'https://example.org/late', title: 'Late', status: 422, retryable: true, retryAfterS: 3 }
    const { app } = refusing(conflict('schema_invalid', own))
    const { status, body, headers } = await request(app).put('/')
    expect([status, body.type, body.title, body.retryable]).toEqual([422, own.type, 'Late', true])
    expect(headers['retry-after']).toBe('3')
  })

  test('lists 50 conflicts and errors at the most', async () => {
    const many = Array.from({ length: 80 }, (_, index) => ({ pointer: `/${index}`, kind: 'changed' }))
    const { app } = refusing(conflict('immutable_field', { conflicts: many, errors: many }))
    const { body } = await request(app).put('/')
    expect([body.conflicts.length, body.errors.length]).toEqual([50, 50])
  })

  test('has a type below a prefix of the app’s own', async () => {
    const { app } = refusing(conflict('gone'), { typePrefix: 'https://example.org/problems#' })
    expect((await request(app).put('/')).body.type).toBe('https://example.org/problems#gone')
  })

  test('is JSON that does no harm in a page', async () => {
    const { app } = refusing(conflict('gone', { detail: '</script><script>' }))
    const { text, body } = await request(app).put('/')
    expect(text).not.toContain('<')
    expect(body.detail).toBe('</script><script>')
  })
})

describe('its head', () => {
  test('has no validators and no Location that were set for a success', async () => {
    const { headers } = await request(refusing(conflict('frozen')).app).put('/')
    expect([headers.etag, headers['last-modified'], headers.location]).toEqual([undefined, undefined, undefined])
    expect(headers['x-app']).toBe('kept')
  })

  test('has the current tag on 412, and on nothing else', async () => {
    const failed = await request(refusing(conflict('precondition_failed', { current: '"b"' })).app).put('/')
    const stale = await request(refusing(conflict('stale_version', { current: '"b"' })).app).put('/')
    expect([failed.headers.etag, stale.headers.etag, stale.body.current]).toEqual(['"b"', undefined, '"b"'])
  })

  test('is all that HEAD gets', async () => {
    const { app } = refusing(conflict('not_found'))
    const { status, head, body } = await raw(app, ['HEAD / HTTP/1.1'])
    expect([status, body]).toEqual([404, ''])
    expect(head).toMatch(/Content-Type: application\/problem\+json/)
  })
})

describe('the log', () => {
  test('has the instance that the client got', async () => {
    const { app, logged } = refusing(conflict('frozen', { detail: 'It is archived.' }))
    const { body } = await request(app).put('/')
    const fields = { instance: body.instance, code: 'frozen', status: 409, method: 'PUT', err: undefined }
    expect(logged).toEqual([['warn', fields, 'It is archived.']])
  })

  test('has the cause of a fault, which the client does not get', async () => {
    const cause = new Error('ECONNREFUSED 10.0.0.1')
    const { app, logged } = refusing(conflict('backend_unavailable', { cause }))
    const { text } = await request(app).put('/')
    expect(logged).toEqual([['error', expect.objectContaining({ err: cause }), expect.any(String)]])
    expect(text).not.toContain('10.0.0.1')
  })

  test('of pino has them as fields, and the fault with its stack', async () => {
    const lines: string[] = []
    const logger = pino({}, { write: (line: string) => lines.push(line) })
    const cause = new Error('ECONNREFUSED')
    const { body } = await request(refusing(conflict('backend_unavailable', { cause }), { logger }).app).put('/')
    const { instance, code, status, method, err, msg, level } = JSON.parse(lines.join())
    expect({ instance, code, status, method, msg, level }).toEqual({
      instance: body.instance,
      code: 'backend_unavailable',
      status: 503,
      method: 'PUT',
      msg: CONFLICTS.backend_unavailable.title,
      level: 50,
    })
    expect(err.stack).toMatch(/^Error: ECONNREFUSED\n/)
  })

  test.each<[string, unknown]>([
    ['a conflict', conflict('frozen')],
    ['a fault that is recognised later', storeFault(new Error('down'), { applied: 'no' })],
  ])('that throws on %s changes no answer, and becomes a warning', async (_name, error) => {
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const breaks = () => {
      throw new Error('log')
    }
    const it = await shelf()
    const app = express()
    app.use(express.json())
    app.put('/:id', detectConflicts({ name: 'article', adapter: it.adapter }), (_req, _res, next) => next(error))
    app.use(respondToConflicts({ logger: { warn: breaks, error: breaks } }))
    const { status, body } = await request(app).put('/1').set('If-Match', it.tag).send({})
    expect([status, body.status]).toEqual([status === 409 ? 409 : 503, status])
    expect(warned.mock.calls.map(([warning]) => String(warning))).toEqual(['Error: log'])
    warned.mockRestore()
  })

  test('is the console, for faults alone, when the app brings none', async () => {
    const written = jest.spyOn(console, 'error').mockImplementation(() => undefined)
    await request(refusing(conflict('frozen'), { logger: undefined as never }).app).put('/')
    expect(written).not.toHaveBeenCalled()
    await request(refusing(conflict('queue_full'), { logger: undefined as never }).app).put('/')
    expect(written).not.toHaveBeenCalled()
    const cause = new Error('no answer', { cause: new Error('no such table: articles') })
    await request(refusing(conflict('backend_unavailable', { cause }), { logger: undefined as never }).app).put('/')
    expect(written.mock.calls).toEqual([[expect.any(String), expect.objectContaining({ status: 503 }), cause]])
    written.mockRestore()
  })
})

describe('what is no conflict', () => {
  test.each([
    ['an error', new Error('other')],
    ['an error with a status', Object.assign(new Error('other'), { status: 418 })],
    ['an error whose type is no parser’s', Object.assign(new Error('other'), { type: 'constructor', status: 400 })],
    ['a text', 'other'],
    ['an object that looks like a conflict', { code: 'gone', status: 410 }],
  ])('%s goes on untouched', async (_name, error) => {
    const { status, body, headers } = await request(refusing(error).app).put('/')
    expect([status, body, headers.etag]).toEqual([599, { untouched: String(error) }, '"stale"'])
  })

  test('a conflict after the answer has begun goes on, for Express to cut the connection', async () => {
    const app = express()
    app.get('/', (_req, res, next) => {
      res.write('begun')
      next(conflict('gone'))
    })
    app.use(respondToConflicts())
    await expect(request(app).get('/')).rejects.toThrow(/aborted|hang up/)
  })
})

describe('a body parser’s refusal', () => {
  const parsing = (options: Parameters<typeof express.json>[0] = {}) => {
    const app = express()
    app.use(express.json({ limit: 100, ...options }))
    app.put('/', (_req, res) => res.end())
    app.use(respondToConflicts())
    return app
  }

  test.each<[string, number, string, Record<string, string>, string | Buffer]>([
    ['invalid JSON', 400, 'malformed_body', {}, '{"a":'],
    ['too large', 413, 'content_too_large', {}, JSON.stringify('a'.repeat(200))],
    ['a charset that is none', 415, 'unsupported_media_type', { 'Content-Type': 'application/json; charset=x' }, '{}'],
    ['an encoding that is none', 415, 'unsupported_media_type', { 'Content-Encoding': 'zip' }, '{}'],
    ['bytes that are no gzip', 400, 'malformed_body', { 'Content-Encoding': 'gzip' }, '{}'],
    [
      'a gzip that is cut off',
      400,
      'malformed_body',
      { 'Content-Encoding': 'gzip' },
      gzipSync('{"a":1}').subarray(0, 12),
    ],
  ])('%s is %d %s', async (_name, status, code, headers, body) => {
    const lines = Object.entries({ 'Content-Type': 'application/json', ...headers })
    const test = request(parsing()).put('/')
    for (const [name, value] of lines) test.set(name, value)
    const response = await test.serialize((data) => data as string).send(body as string)
    expect([response.status, response.body.code]).toEqual([status, code])
    expect(response.headers['content-type']).toBe('application/problem+json')
  })

  test('does not repeat the body', async () => {
    const { text } = await request(parsing()).put('/').type('json').send('{"secret": x}')
    expect(text).not.toMatch(/secret|x}/)
  })

  test('of what the app verifies by itself is 400', async () => {
    const verify = () => {
      throw new Error('signature')
    }
    const { status, body } = await request(parsing({ verify })).put('/').send({})
    expect([status, body.code]).toEqual([400, 'malformed_body'])
  })
})

test.each<[string, object, RegExp]>([
  ['an unknown option', { typePrefx: 'x' }, /there is no option "typePrefx". Did you mean "typePrefix"\?/],
  ['a prefix that is no text', { typePrefix: 1 }, /typePrefix has to be a string; got 1/],
  ['no logger', { logger: null }, /logger has to have the methods warn and error.*; got null\. Leave it out/],
  ['a logger that is switched off', { logger: false }, /logger has to have the methods warn and error.*; got false/],
  ['a logger without error', { logger: { warn() {} } }, /logger has to have the methods warn and error/],
])('%s is refused when the app starts', (_name, options, message) => {
  expect(() => respondToConflicts(options)).toThrow(message)
})

test('a conflict of another copy of the package is one', async () => {
  let other: typeof import('../../../lib') | undefined
  jest.isolateModules(() => {
    other = require('../../../lib')
  })
  expect(other?.ConflictError).not.toBe(ConflictError)
  const { app } = refusing(new other!.ConflictError('gone'))
  expect((await request(app).put('/')).body.code).toBe('gone')
})

describe('without the responder', () => {
  test('a chain refuses all the same, and nothing is written', async () => {
    const it = await shelf()
    const app = express()
    app.use('/articles', resourceRouter({ name: 'article', adapter: it.adapter }))
    const put = () => request(app).put('/articles/1').send({ title: 'second' })
    const stale = await put().set('If-Match', '"old"')
    expect([stale.status, stale.headers.etag, stale.headers['cache-control']]).toEqual([412, it.tag, 'no-store'])
    expect([(await put()).status, await it.stored()]).toEqual([428, { title: 'first' }])
  })

  const bare = (error: unknown) => {
    const app = express()
    app.put('/', (_req, _res, next) => next(error))
    return app
  }

  test.each<[ConflictKind, ConflictFacts, Record<string, string>]>([
    ['precondition_failed', { current: '"b"' }, { etag: '"b"' }],
    ['method_not_allowed', { headers: { Allow: 'GET' } }, { allow: 'GET' }],
    ['backend_unavailable', { retryAfterS: 2 }, { 'retry-after': '2' }],
    ['precondition_required', {}, {}],
  ])('Express answers %s with its status and its headers', async (code, facts, headers) => {
    const response = await request(bare(conflict(code, facts))).put('/')
    expect(response.status).toBe(CONFLICTS[code].status)
    expect(response.headers).toMatchObject({ 'cache-control': 'no-store', ...headers })
  })
})
