import express, { type RequestHandler } from 'express'
import request from 'supertest'
import {
  type ConflictOptions,
  commitChange,
  detectConflicts,
  memoryLocks,
  memoryStore,
  type ResourceAdapter,
  resourceRouter,
  respondToConflicts,
  storeFault,
} from '../../lib'
import { type Doc, mistake, shelf } from './app'

const quiet = { warn: () => undefined, error: () => undefined }
const never = () => new Promise<never>(() => undefined)

/** An app over an adapter of which a part is broken. */
async function broken(fault: Partial<ResourceAdapter<Doc>>, options: Partial<ConflictOptions<Doc>> = {}) {
  const it = await shelf()
  const adapter: ResourceAdapter<Doc> = { ...it.adapter, ...fault }
  const app = express()
  app.use('/articles', resourceRouter<Doc>({ name: 'article', adapter, ...options }))
  app.use(respondToConflicts({ logger: quiet }), mistake)
  const put = (headers: Record<string, string> = { 'If-Match': it.tag }) =>
    request(app).put('/articles/1').set(headers).send({ title: 'second' })
  return { ...it, app, put }
}

const rejects = (error: unknown) => () => Promise.reject(error)
const refused = storeFault(new Error('disk full'), { applied: 'no' })
const lost = storeFault(new Error('ECONNRESET'), { applied: 'unknown' })

describe('a read that fails', () => {
  test.each<[string, ResourceAdapter<Doc>['read']]>([
    ['rejects', rejects(new Error('ECONNREFUSED'))],
    ['rejects with a store fault', rejects(lost)],
    ['rejects with what is no error', rejects('down')],
    [
      'throws',
      () => {
        throw new Error('not connected')
      },
    ],
  ])('%s: 503, and the client may come again', async (_name, read) => {
    const { app, put } = await broken({ read })
    for (const response of [await put(), await request(app).get('/articles/1')]) {
      expect([response.status, response.body.code]).toEqual([503, 'backend_unavailable'])
      expect([response.body.retryable, response.body.resolution]).toEqual([true, 'wait'])
      expect(response.headers['retry-after']).toMatch(/^[1-9]\d*$/)
      expect(response.text).not.toMatch(/ECONN|down|connected/)
    }
  })

  test('does not answer: 503 at the deadline', async () => {
    const { app } = await broken({ read: never }, { deadlineMs: 5 })
    const { status, body } = await request(app).get('/articles/1')
    expect([status, body.code]).toEqual([503, 'backend_unavailable'])
  })
})

test('an adapter that gives its results at once is as good as any', async () => {
  const it = await shelf()
  let stored = (await it.adapter.read('1'))!
  const app = express()
  const adapter = {
    read: () => stored,
    write(_key: string, value: Doc) {
      stored = { value, version: 'next' }
      return { ok: true, state: stored }
    },
  } as unknown as ResourceAdapter<Doc>
  app.use('/articles', resourceRouter<Doc>({ name: 'article', adapter }))
  const put = await request(app).put('/articles/1').set('If-Match', it.tag).send({ title: 'second' })
  expect([put.status, put.body]).toEqual([200, { title: 'second' }])
})

describe('a write that may have been made', () => {
  const unknown: [string, NonNullable<ResourceAdapter<Doc>['write']>][] = [
    ['rejects', rejects(new Error('ECONNRESET'))],
    ['rejects with a store fault that says so', rejects(lost)],
    ['does not answer', never],
  ]

  test.each(unknown)('%s: 503 outcome_unknown, tried once', async (_name, write) => {
    const tried = jest.fn(write)
    const { put } = await broken({ write: tried }, { deadlineMs: 20 })
    const { status, body, headers } = await put()
    expect([status, body.code, tried.mock.calls.length]).toEqual([503, 'outcome_unknown', 1])
    expect([headers.etag, headers['last-modified']]).toEqual([undefined, undefined])
  })

  const merge = 'application/merge-patch+json'
  test.each<['put' | 'patch', Record<string, string>, boolean]>([
    ['put', { 'If-Match': '*' }, true],
    ['put', { 'If-None-Match': '"other"' }, true],
    ['put', {}, false],
    // Nothing here honours the key.
    ['put', { 'Idempotency-Key': '"k"' }, false],
    ['patch', { 'If-Match': 'current' }, true],
    // Carried out twice it may come to something else (RFC 9110 §9.2.2), and this condition would hold again.
    ['patch', { 'If-Match': '*' }, false],
    ['patch', { 'If-None-Match': '"other"' }, false],
    ['patch', {}, false],
  ])('is retryable where a repetition is carried out once: %s %j', async (method, headers, retryable) => {
    const { app, tag } = await broken({ write: rejects(lost) }, { preconditions: { required: false } })
    const sent = headers['If-Match'] === 'current' ? { 'If-Match': tag } : headers
    const type = method === 'patch' ? merge : 'application/json'
    const ask = request(app)[method]('/articles/1').set(sent).type(type)
    const { body, ...response } = await ask.send({ title: 'second' })
    expect([body.code, body.retryable, response.headers['retry-after'] !== undefined]).toEqual([
      'outcome_unknown',
      retryable,
      retryable,
    ])
  })

  test('is not where it creates, but for a key that somebody honours, or a condition that nothing is there', async () => {
    const create = rejects(lost)
    const idempotency = { store: memoryStore(), scope: () => 'ann' }
    const retryable = async (options: object, method: 'post' | 'put', headers: Record<string, string>) => {
      // Where the store gives the keys a PUT creates nothing.
      const { app } = await broken(method === 'post' ? { create } : { write: create }, options)
      const path = method === 'post' ? '/articles' : '/articles/2'
      const { body } = await request(app)[method](path).set(headers).send({ title: 'new' })
      expect(body.code).toBe('outcome_unknown')
      return body.retryable
    }
    const key = { 'Idempotency-Key': '"k"' }
    expect(await retryable({}, 'post', {})).toBe(false)
    expect(await retryable({}, 'post', key)).toBe(false)
    expect(await retryable({ idempotency }, 'post', key)).toBe(true)
    expect(await retryable({ create: ['PUT'] }, 'put', { 'If-None-Match': '*' })).toBe(true)
  })

  test('is where body or query name the version', async () => {
    const preconditions = { versionQuery: 'version' }
    const { app, version } = await broken({ write: rejects(lost) }, { preconditions })
    const ask = request(app).patch('/articles/1').query({ version }).type(merge)
    expect((await ask.send({ title: 'second' })).body).toMatchObject({ code: 'outcome_unknown', retryable: true })
  })

  test('may be a removal or a creation too', async () => {
    const { app, tag } = await broken({ remove: rejects(lost), create: rejects(lost) })
    expect((await request(app).delete('/articles/1').set('If-Match', tag)).body.code).toBe('outcome_unknown')
    expect((await request(app).post('/articles').send({})).body.code).toBe('outcome_unknown')
  })
})

test('a write that the store refused was not made: 503 backend_unavailable', async () => {
  const { put, stored } = await broken({ write: rejects(refused) })
  const { body, headers } = await put().expect(503)
  expect([body.code, body.retryable]).toEqual(['backend_unavailable', true])
  expect(headers['retry-after']).toMatch(/^[1-9]\d*$/)
  expect(await stored()).toEqual({ title: 'first' })
})

describe('a mistake in the adapter is the app’s, and no fault', () => {
  test.each([new TypeError('x is not a function'), new ReferenceError('y'), new RangeError('z')])(
    '%s',
    async (error) => {
      for (const part of ['read', 'write'] as const) {
        const { put } = await broken({ [part]: rejects(error) })
        const { status, body } = await put()
        expect([status, body.mistake]).toEqual([500, String(error)])
      }
    },
  )

  test.each<[unknown, string]>([
    [{ value: {} }, 'the version undefined; give String(version)'],
    [{ value: {}, version: 7 }, 'the version 7; give String(version)'],
    [null, 'null; give undefined when nothing is stored'],
  ])('a state that is %j', async (state, message) => {
    const { put } = await broken({ read: async () => state as never })
    const { status, body } = await put()
    expect([status, body.mistake]).toEqual([500, expect.stringContaining(message)])
  })

  test('a write that gives no state', async () => {
    const { put } = await broken({ write: async () => ({ ok: true }) as never })
    expect((await put()).body.mistake).toMatch(/^TypeError: .*no state after a write/)
  })
})

describe('what throws in front of the handler is answered', () => {
  const boom = () => {
    throw new Error('boom')
  }

  test.each<[string, Partial<ConflictOptions<Doc>>]>([
    ['key', { key: boom }],
    ['skip', { skip: boom }],
    ['allow', { allow: boom }],
    ['an allow that rejects', { allow: async () => boom() }],
    ['a rule', { rules: [boom] }],
    ['a rule that rejects', { rules: [async () => boom()] }],
    ['a tag', { tag: { tagsFor: boom } }],
  ])('%s', async (_name, options) => {
    const { put, stored } = await broken({}, options)
    const { status, body } = await put()
    expect([status, body.mistake]).toEqual([500, 'Error: boom'])
    expect(await stored()).toEqual({ title: 'first' })
  })

  test('expose', async () => {
    const { put, stored } = await broken({}, { expose: boom })
    expect((await put({ 'If-Match': '"old"' })).body.mistake).toBe('Error: boom')
    expect(await stored()).toEqual({ title: 'first' })
  })

  test('generateKey', async () => {
    const { app } = await broken({}, { generateKey: boom })
    expect((await request(app).post('/articles').send({})).body.mistake).toBe('Error: boom')
  })
})

describe('a handler that throws', () => {
  const handled = async (handler: RequestHandler) => {
    const it = await shelf()
    const app = express()
    app.use(express.json())
    app.put('/articles/:id', detectConflicts({ name: 'article', adapter: it.adapter }), handler, commitChange())
    app.use(respondToConflicts(), mistake)
    const response = await request(app).put('/articles/1').set('If-Match', it.tag).send({ title: 'second' })
    return { ...it, response }
  }

  test('is answered, and nothing is written', async () => {
    const { response, stored } = await handled(() => {
      throw new Error('boom')
    })
    expect([response.status, response.body.mistake, await stored()]).toEqual([500, 'Error: boom', { title: 'first' }])
  })

  test('is answered when what it throws comes by next', async () => {
    const { response, stored } = await handled((_req, _res, next) => next(new Error('boom')))
    expect([response.status, await stored()]).toEqual([500, { title: 'first' }])
  })

  test('commitChange without a chain is answered', async () => {
    const app = express()
    app.put('/', commitChange())
    app.use(mistake)
    const { status, body } = await request(app).put('/')
    expect([status, body.mistake]).toEqual([500, expect.stringContaining('Mount detectConflicts() in front of it')])
  })
})

describe('what fails without saying why lets nothing through', () => {
  const nothing = () => Promise.reject()
  const throwsNothing = () => {
    throw undefined
  }
  const cases: [string, Partial<ConflictOptions<Doc>>, number][] = [
    ['allow', { allow: nothing }, 500],
    ['allow, with a word of Express', { allow: () => Promise.reject('route') }, 500],
    ['key', { key: throwsNothing }, 500],
    ['skip', { skip: throwsNothing }, 500],
    ['lock.key', { isolation: 'lock', lock: { manager: memoryLocks(), key: throwsNothing } }, 500],
    ['idempotency.scope', { idempotency: { store: memoryStore(), scope: throwsNothing } }, 500],
    ['expose', { expose: nothing, preconditions: { required: true } }, 500],
  ]

  test.each(cases)('%s', async (_, options, status) => {
    const it = await shelf()
    const app = express()
    app.use(express.json())
    const reached = jest.fn<void, Parameters<RequestHandler>>((_req, res) => void res.end())
    app.all('/articles/:id', detectConflicts<Doc>({ name: 'article', adapter: it.adapter, ...options }), reached)
    app.use('/all', resourceRouter<Doc>({ name: 'article', adapter: it.adapter, ...options }))
    app.use(respondToConflicts({ logger: quiet }), mistake)
    const key = { 'Idempotency-Key': '"k"' }
    for (const path of ['/articles/1', '/all/1']) {
      const ask = request(app).put(path).set(key).send({ title: 'second' })
      expect((await ask).status).toBe(status)
    }
    expect(reached).not.toHaveBeenCalled()
    expect(await it.stored()).toEqual({ title: 'first' })
  })
})
