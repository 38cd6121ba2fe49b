import express, { type RequestHandler } from 'express'
import request from 'supertest'
import {
  type ConflictOptions,
  commitChange,
  detectConflicts,
  type ResourceAdapter,
  resourceOf,
  resourceRouter,
  respondToConflicts,
  storeFault,
} from '../../lib'
import { type Doc, mistake, shelf } from './app'

type Fields = Record<string, unknown>

/** As pg and mysql2 throw them, with text that is nobody's business. */
const pg = (code: string, fields: Fields = {}) =>
  Object.assign(new Error('SECRET insert into "articles"'), { severity: 'ERROR', code, detail: 'SECRET', ...fields })
const mysql = (errno: number, message = 'SECRET') =>
  Object.assign(new Error(message), { code: 'ER_SECRET', errno, sqlState: '23000', sql: 'SECRET' })
const named = (name: string, fields: Fields = {}) => Object.assign(new Error('SECRET'), { name, ...fields })

const UNIQUE = pg('23505', { constraint: 'articles_slug_key' })
const LOST = new Error('Connection terminated unexpectedly')
const CLOSED = named('Error', { code: 'ECONNREFUSED' })

const logged: unknown[] = []
const logger = { warn: () => undefined, error: (fields: object) => logged.push(fields) }

type Options = Partial<ConflictOptions<Doc>>

/** Routes whose adapter rejects with the error when it writes. */
async function failingWrites(error: unknown, options: Options = {}) {
  const it = await shelf()
  const fail = () => Promise.reject(error)
  const adapter: ResourceAdapter<Doc> = { ...it.adapter, write: fail, remove: fail }
  const app = express()
  app.use('/articles', resourceRouter<Doc>({ name: 'article', adapter, ...options }))
  app.use(respondToConflicts({ logger }), mistake)
  const put = (headers: Fields = { 'If-Match': it.tag }) =>
    request(app)
      .put('/articles/1')
      .set(headers as Record<string, string>)
      .send({ slug: 'b' })
  return { ...it, app, put }
}

/** A route whose handler writes by itself. */
async function failingHandler(handler: RequestHandler, options: Options = {}) {
  const it = await shelf()
  const adapter: ResourceAdapter<Doc> = { read: it.adapter.read }
  const app = express()
  app.use(express.json())
  app.all('/free', handler)
  app.all('/articles/:id', detectConflicts<Doc>({ name: 'article', adapter, writes: 'by-app', ...options }), handler)
  app.use(respondToConflicts({ logger }), mistake)
  const put = (headers: Fields = { 'If-Match': it.tag }, path = '/articles/1') =>
    request(app)
      .put(path)
      .set(headers as Record<string, string>)
      .send({ slug: 'b' })
  return { ...it, app, put }
}

const KINDS: readonly (readonly [what: string, error: unknown, status: number, code: string, retryable: boolean])[] = [
  ['a unique index', UNIQUE, 409, 'unique_violation', false],
  ['a foreign key', pg('23503', { constraint: 'author' }), 409, 'reference_violation', false],
  ['a restriction', mysql(1451), 409, 'reference_violation', false],
  ['a check', pg('23514', { constraint: 'positive' }), 409, 'check_violation', false],
  ['a number below zero, unsigned', mysql(1690), 409, 'check_violation', false],
  ['a malformed value', pg('22P02'), 409, 'check_violation', false],
  ['a trigger that raises', pg('P0001'), 409, 'rule_violation', false],
  ['a trigger that signals', mysql(1644), 409, 'rule_violation', false],
  ['a row policy', pg('42501'), 403, 'denied', false],
  ['a server that is read-only after a fail-over', pg('25006'), 503, 'backend_unavailable', true],
  ['the same of MySQL', mysql(1792), 503, 'backend_unavailable', true],
  ['a pool whose queue is full', new Error('Queue limit reached.'), 503, 'backend_unavailable', true],
  ['a commit that the server does not know of', pg('40003'), 503, 'outcome_unknown', true],
  ['a serialization failure', pg('40001'), 409, 'concurrent_update', true],
  ['a deadlock', mysql(1213), 409, 'concurrent_update', true],
  ['a lock time-out', mysql(1205), 409, 'resource_busy', true],
  [
    'a database of better-sqlite3 that is closed',
    new TypeError('The database connection is not open'),
    503,
    'backend_unavailable',
    true,
  ],
  ['a pool with nothing to give', named('KnexTimeoutError'), 503, 'backend_unavailable', true],
  ['a server that is not there', CLOSED, 503, 'backend_unavailable', true],
  ['a connection that was lost', LOST, 503, 'outcome_unknown', true],
]

describe.each(KINDS)('%s', (_what, error, status, code, retryable) => {
  const expectProblem = ({ body, headers, text, ...response }: request.Response) => {
    expect([response.status, body.code, body.retryable]).toEqual([status, code, retryable])
    expect(headers['retry-after'] !== undefined).toBe(retryable)
    expect(text).not.toMatch(/SECRET|_key|insert|Connection|author|positive|ECONN/)
  }

  test('is the same from an adapter, from what an ORM makes of it, and from a fault that wraps it', async () => {
    const wrapped = Object.assign(new Error('Failed query: SECRET', { cause: error }), { query: 'SECRET' })
    for (const thrown of [error, wrapped]) {
      const { put, stored } = await failingWrites(thrown)
      expectProblem(await put())
      expect(await stored()).toEqual({ title: 'first' })
    }
    const applied = code === 'outcome_unknown' ? 'unknown' : 'no'
    expectProblem(await (await failingWrites(storeFault(error, { applied }))).put())
  })

  test('is the same from a handler that writes by itself', async () => {
    const { put } = await failingHandler((_req, _res, next) => next(error))
    expectProblem(await put())
  })

  test('goes on untouched where nothing is guarded', async () => {
    const { put } = await failingHandler((_req, _res, next) => next(error))
    const { status: seen, body } = await put({}, '/free')
    expect([seen, body.mistake]).toEqual([500, String(error)])
  })
})

describe('an optimistic lock of an ORM is a lost race', () => {
  const STALE = named('OptimisticLockVersionMismatchError')

  test.each<[Fields, number, string]>([
    [{ 'If-Match': '*' }, 412, 'precondition_failed'],
    [{}, 409, 'concurrent_update'],
  ])('%j: %d %s', async (headers, status, code) => {
    const { put } = await failingHandler((_req, _res, next) => next(STALE), { preconditions: { required: false } })
    const { body, ...response } = await put(headers)
    expect([response.status, body.code]).toEqual([status, code])
  })
})

describe('what a store says of a write counts, whatever the driver said', () => {
  test.each<['no' | 'unknown', unknown, string]>([
    ['unknown', UNIQUE, 'outcome_unknown'],
    ['no', LOST, 'backend_unavailable'],
    ['unknown', pg('42P01'), 'outcome_unknown'],
  ])('%s', async (applied, cause, code) => {
    const { put } = await failingWrites(storeFault(cause, { applied }))
    expect((await put()).body.code).toBe(code)
  })
})

describe('constraints', () => {
  const constraints = {
    articles_slug_key: '/slug',
    'tenant, slug': ['/tenant', '/slug'],
    'articles.title': '/title',
    bad_author: '/author',
  }
  const sqlite = (message: string) =>
    Object.assign(new Error(message), { name: 'SqliteError', code: 'SQLITE_CONSTRAINT_UNIQUE' })

  test.each<[string, unknown, unknown]>([
    ['by name', UNIQUE, [{ pointer: '/slug', kind: 'unique' }]],
    ['by name behind a table', mysql(1062, "Duplicate entry 'a' for key 'articles.articles_slug_key'"), '/slug'],
    ['by columns', sqlite('UNIQUE constraint failed: articles.tenant, articles.slug'), '/tenant /slug'],
    ['by columns with their table', sqlite('UNIQUE constraint failed: articles.title'), '/title'],
    ['of another kind', pg('23503', { constraint: 'bad_author' }), [{ pointer: '/author', kind: 'reference' }]],
    ['without a word on it', pg('23505', { constraint: 'other' }), undefined],
    ['of no name', pg('23505'), undefined],
    ['of a name that every object has', pg('23505', { constraint: 'constructor' }), undefined],
  ])('%s', async (_name, error, expected) => {
    const { put } = await failingWrites(error, { constraints })
    const { body } = await put()
    const seen = typeof expected === 'string' ? body.conflicts.map((one: Doc) => one.pointer).join(' ') : body.conflicts
    expect(seen).toEqual(expected)
    expect(JSON.stringify(body)).not.toMatch(/articles_|Duplicate|failed:/)
  })

  test('stand in the problem of a handler that writes by itself too', async () => {
    const { put } = await failingHandler((_req, _res, next) => next(UNIQUE), { constraints })
    expect((await put()).body.conflicts).toEqual([{ pointer: '/slug', kind: 'unique' }])
  })
})

describe('a unique violation while creating', () => {
  test.each<[Fields, number, string]>([
    [{}, 409, 'already_exists'],
    [{ 'If-None-Match': '*' }, 412, 'precondition_failed'],
  ])('is about the key itself when that is taken: %j', async (headers, status, code) => {
    const it = await failingHandler(async (_req, _res, next) => {
      await it.change({ title: 'theirs' }, 'new')
      next(UNIQUE)
    })
    const { body, ...response } = await it.put(headers, '/articles/new')
    expect([response.status, body.code]).toEqual([status, code])
  })

  test('is about another member when the key is free', async () => {
    const { put } = await failingHandler((_req, _res, next) => next(UNIQUE))
    expect((await put({}, '/articles/new')).body.code).toBe('unique_violation')
  })
})

describe('is not answered by us', () => {
  test.each<[string, unknown, number]>([
    ['a statement that no database carries out', pg('42601'), 500],
    ['what the app has put a status on', Object.assign(pg('23505'), { status: 404 }), 404],
    ['a fetch that failed', new TypeError('fetch failed', { cause: CLOSED }), 500],
    ['an error that is no database’s', new Error('boom'), 500],
  ])('%s', async (_name, error, status) => {
    const { put } = await failingHandler((_req, _res, next) => next(error))
    const { body, ...response } = await put()
    expect([response.status, body.mistake]).toEqual([status, String(error)])
  })

  test('what fails behind a commit: the change was made', async () => {
    const it = await shelf()
    const app = express()
    app.use(express.json())
    const chain = detectConflicts<Doc>({ name: 'article', adapter: it.adapter })
    app.put('/articles/:id', chain, (req, _res, next) => {
      resourceOf(req, chain)
        .commit()
        .then(() => next(UNIQUE))
        .catch(next)
    })
    app.use(respondToConflicts({ logger }), mistake)
    const { body } = await request(app).put('/articles/1').set('If-Match', it.tag).send({ title: 'second' })
    expect([body.mistake, await it.stored()]).toEqual([String(UNIQUE), { title: 'second' }])
  })
})

test('a database that fails a rule has changed nothing, wherever its connection was lost', async () => {
  const { put } = await failingWrites(new Error('never reached'), { rules: [() => Promise.reject(LOST)] })
  const { body, ...response } = await put()
  expect([response.status, body.code]).toEqual([503, 'backend_unavailable'])
})

test.each([pg('22P02'), pg('22003'), named('CastError'), pg('22021')])(
  'a key that its column cannot hold names nothing: %s',
  async (error) => {
    const fail = () => Promise.reject(error)
    const adapter = { read: fail, write: fail, remove: fail }
    const app = express()
    app.use('/articles', resourceRouter<Doc>({ name: 'article', adapter }))
    app.use(respondToConflicts({ logger }), mistake)
    for (const method of ['get', 'head', 'delete'] as const)
      expect((await request(app)[method]('/articles/x')).status).toBe(404)
    expect((await request(app).patch('/articles/x').send({}).type('application/merge-patch+json')).status).toBe(404)
    // It would be created, and cannot be.
    expect((await request(app).put('/articles/x').send({})).body.code).toBe('check_violation')
  },
)

test('a malformed value in the handler of a resource that is there is the app’s', async () => {
  const { app, tag } = await failingHandler((_req, _res, next) => next(pg('22P02')))
  expect((await request(app).get('/articles/1').set('If-None-Match', `${tag}x`)).status).toBe(500)
})

describe('a statement that no database carries out is never called retryable', () => {
  test.each([
    ['a table that is missing', pg('42P01')],
    ['an unknown code', pg('AB123')],
    ['an unknown number', Object.assign(mysql(9999), { sqlState: 'HY000' })],
    ['a fault that wraps it', storeFault(pg('42P01'), { applied: 'no' })],
  ])('%s: the app’s own error handler gets it, and the log says what to mend', async (_what, error) => {
    const fail = () => Promise.reject(error)
    const adapter = { read: fail, write: fail, remove: fail }
    const app = express()
    app.use('/articles', resourceRouter<Doc>({ name: 'article', adapter }))
    app.use(respondToConflicts({ logger }), mistake)
    for (const method of ['get', 'put', 'delete'] as const) {
      logged.length = 0
      const { status, headers, body } = await request(app)[method]('/articles/1').send({})
      expect([status, headers['retry-after'], body.mistake]).toEqual([500, undefined, String(error)])
      expect(logged).toEqual([expect.objectContaining({ err: error })])
    }
    expect((await (await failingWrites(error)).put()).status).toBe(500)
  })
})

test('a read is no change: what its database refuses is a fault', async () => {
  for (const [error, code] of [
    [LOST, 'backend_unavailable'],
    [mysql(1205), 'resource_busy'],
  ] as const) {
    const adapter = { read: () => Promise.reject(error), write: () => Promise.reject(error) }
    const app = express()
    app.put('/articles/:id', express.json(), detectConflicts<Doc>({ name: 'article', adapter }), commitChange())
    app.use(respondToConflicts({ logger }), mistake)
    expect((await request(app).put('/articles/1').send({})).body.code).toBe(code)
  }
})

test('is told to onConflict and to the log, which has the driver’s error', async () => {
  const told: string[] = []
  logged.length = 0
  const { put } = await failingHandler((_req, _res, next) => next(CLOSED), {
    onConflict: ({ conflict }) => told.push(conflict.code),
  })
  await put()
  expect([told, logged]).toEqual([['backend_unavailable'], [expect.objectContaining({ err: CLOSED })]])
})
