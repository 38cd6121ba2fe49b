import type { RequestHandler } from 'express'
import request from 'supertest'
import {
  ConflictError,
  type ConflictOptions,
  commitChange,
  detectConflicts,
  type Resource,
  type ResourceAdapter,
  resourceOf,
} from '../../lib'
import { appOf, type Doc, shelf } from './app'

/** The handler writes by itself; `meanwhile` runs in front of its statement. */
async function byApp(
  options: Partial<ConflictOptions<Doc>> = {},
  meanwhile?: (it: { change(value: Doc): Promise<string> }) => unknown,
) {
  const it = await shelf()
  const adapter: ResourceAdapter<Doc> = { read: it.adapter.read }
  const ran: string[] = []
  const update: RequestHandler = async (req, res, next) => {
    ran.push(req.method)
    await meanwhile?.(it)
    const resource = resourceOf(req, chain)
    // UPDATE … WHERE id = ? AND version = ?
    const { ok } = await it.adapter.write('1', resource.proposed ?? {}, resource.current?.version ?? null)
    if (ok) res.json({ saved: true })
    else next(resource.lostRace())
  }
  const chain = detectConflicts<Doc>({ name: 'by app', adapter, writes: 'by-app', ...options })
  const app = appOf((all) => all.all('/articles/:id', chain, update))
  const put = (headers: Record<string, string>, body: Doc = { title: 'second' }, query = '') =>
    request(app).put(`/articles/1${query}`).set(headers).send(body)
  return { ...it, app, ran, put }
}

test('the handler has the proposed value and the version to insist on', async () => {
  const { put, tag, stored } = await byApp()
  await put({ 'If-Match': tag }).expect(200, { saved: true })
  expect(await stored()).toEqual({ title: 'second' })
})

test('a stale request does not reach the handler', async () => {
  const { put, ran } = await byApp()
  await put({ 'If-Match': '"old"' }).expect(412)
  expect(ran).toEqual([])
})

describe('a race that it lost', () => {
  const theirs = ({ change }: { change(value: Doc): Promise<string> }) => change({ title: 'theirs' })

  test.each<[string, (it: { tag: string }) => Record<string, string>, string, number, string]>([
    ['with a tag', ({ tag }) => ({ 'If-Match': tag }), '', 412, 'precondition_failed'],
    ['with If-Match: *', () => ({ 'If-Match': '*' }), '', 412, 'precondition_failed'],
    ['with a version in the query', () => ({}), '?v=VERSION', 409, 'stale_version'],
    ['with no condition', () => ({}), '', 409, 'concurrent_update'],
  ])('%s is what the client’s condition makes of it', async (_name, headers, query, status, code) => {
    const it = await byApp({ preconditions: { required: false, versionQuery: 'v' } }, theirs)
    const response = await it.put(headers(it), undefined, query.replace('VERSION', it.version))
    expect([response.status, response.body.code]).toEqual([status, code])
    expect(response.headers.etag).toBeUndefined()
    expect(await it.stored()).toEqual({ title: 'theirs' })
  })

  test('with no condition is retryable, and says when', async () => {
    const it = await byApp({ preconditions: { required: false } }, theirs)
    const { body, headers } = await it.put({})
    expect([body.retryable, Number(headers['retry-after'])]).toEqual([true, expect.any(Number)])
  })
})

test('what was carried out before is answered by the chain: the handler would write it twice', async () => {
  const it = await byApp({ alreadyApplied: ['PUT'] })
  const current = await it.change({ title: 'second' })
  const { headers, text } = await it.put({ 'If-Match': it.tag }).expect(204)
  expect([headers.etag, text, it.ran]).toEqual([current, '', []])
})

test('commit is a mistake there, for the adapter was not asked whether it can', async () => {
  const it = await shelf()
  const chain = detectConflicts<Doc>({ name: 'by app', adapter: it.adapter, writes: 'by-app' })
  const app = appOf((all) => all.put('/articles/:id', chain, commitChange()))
  const { status, body } = await request(app).put('/articles/1').set('If-Match', it.tag).send({})
  expect([status, body.mistake]).toEqual([
    500,
    expect.stringContaining("says writes: 'by-app'. Give commitChange(write)"),
  ])
  expect(await it.stored()).toEqual({ title: 'first' })
})

describe('a success that committed nothing', () => {
  const warnings = async (
    method: 'put' | 'patch' | 'delete' | 'post',
    { name, status = 200, ...options }: Partial<ConflictOptions<Doc>> & { name: string; status?: number },
    handler?: (found: Resource<Doc>) => unknown,
  ) => {
    const it = await shelf()
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const chain = detectConflicts<Doc>({ name, adapter: it.adapter, ...options })
    const answer: RequestHandler = (req, res) => {
      handler?.(resourceOf(req, chain))
      res.status(status as number).end()
    }
    const app = appOf((all) => all.all('/articles/:id', chain, answer))
    for (const _ of [1, 2]) await request(app)[method]('/articles/1').set('If-Match', it.tag).send({})
    const texts = warned.mock.calls.map(([text]) => String(text))
    warned.mockRestore()
    return texts
  }

  test.each(['put', 'patch', 'delete'] as const)('on %s warns, once', async (method) => {
    const texts = await warnings(method, { name: `warned ${method}` })
    expect(texts).toEqual([
      expect.stringMatching(`on the warned ${method} was answered with success, but nothing was committed`),
    ])
  })

  test('because nobody waited for commit() says that the await is missing', async () => {
    const texts = await warnings('put', { name: 'no await' }, ({ commit }) => void commit())
    expect(texts).toEqual([
      expect.stringMatching(
        /^PUT on the no await was answered with success before its commit was done: an await is missing\. await resourceOf/,
      ),
    ])
  })

  test('because nobody waited for a commit that was refused does not end the process', async () => {
    const rejected: unknown[] = []
    const listen = (reason: unknown) => void rejected.push(reason)
    process.on('unhandledRejection', listen)
    const refuse = () => {
      throw new ConflictError('rule_violation')
    }
    await warnings('put', { name: 'no await, refused' }, ({ commit }) => void commit(refuse))
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', listen)
    expect(rejected).toEqual([])
  })

  test('on an action warns of nothing: its handler decides', async () => {
    expect(await warnings('post', { name: 'action' })).toEqual([])
  })

  test('of an app that writes by itself warns of nothing', async () => {
    expect(await warnings('put', { name: 'own writes', writes: 'by-app' })).toEqual([])
  })
})
