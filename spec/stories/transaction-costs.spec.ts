import express, { type RequestHandler } from 'express'
import request from 'supertest'
import {
  type ConflictOptions,
  commitChange,
  detectConflicts,
  type ExpiringStore,
  holdLock,
  type LockManager,
  memoryAdapter,
  memoryLocks,
  memoryStore,
  type ResourceAdapter,
  respondToConflicts,
} from '../../lib'
import type { Doc } from './app'

const quiet = { warn: () => undefined, error: () => undefined }

/** A pool whose connections are counted: who finds none waits. */
function poolOf(size: number) {
  let free = size
  const waiting: (() => void)[] = []
  const statements: string[] = []
  return {
    statements,
    async use<R>(what: string, work: () => Promise<R>): Promise<R> {
      if (free > 0) free--
      else await new Promise<void>((resolve) => waiting.push(resolve))
      statements.push(what)
      try {
        return await work()
      } finally {
        const next = waiting.shift()
        if (next) next()
        else free++
      }
    },
  }
}

async function shop(
  size: number,
  options: Partial<ConflictOptions<Doc>> = {},
  before: RequestHandler[] = [],
  hasKeys = false,
) {
  const pool = poolOf(size)
  const inner = memoryAdapter<Doc>()
  const made = await inner.write('1', { title: 'first' }, null)
  const adapter: ResourceAdapter<Doc> = {
    read: (key) => pool.use('read', () => inner.read(key)),
    write: (key, value, expected) => pool.use('write', () => inner.write(key, value, expected)),
    remove: (key, expected) => pool.use('remove', () => inner.remove(key, expected)),
    transaction: (run) => pool.use('transaction', () => run({ ...inner, transactionHandle: {} } as never)),
  }
  const records = memoryStore()
  const store: ExpiringStore = {
    read: (key) => pool.use('store', () => records.read(key)),
    create: (...args) => pool.use('store', () => records.create(...args)),
    replace: (...args) => pool.use('store', () => records.replace(...args)),
    remove: (...args) => pool.use('store', () => records.remove(...args)),
  }
  const idempotency = { store, scope: () => 'all' }
  const chain = detectConflicts<Doc>({
    name: 'article',
    adapter,
    isolation: 'transaction',
    deadlineMs: 2000,
    alreadyApplied: ['DELETE'],
    ...(hasKeys && { idempotency }),
    ...options,
  })
  const app = express()
  app.use(express.json())
  app.all('/articles/:id', ...before, chain, commitChange())
  app.use(respondToConflicts({ logger: quiet }))
  return { app, pool, adapter, tag: made.ok ? `"${made.state.version}"` : '' }
}

const locked = (): RequestHandler =>
  holdLock<Doc>({ name: 'shelf', adapter: memoryAdapter(), key: () => 'all', lock: { manager: memoryLocks() } })

describe.each([
  ['a lock in front', () => [locked()]],
  ['nothing in front', () => []],
])('with %s, a request with an Idempotency-Key takes one connection at a time', (_, before) => {
  // If-Match: * lets the transaction begin; the body is what refuses it then.
  test.each([
    ['is refused by a condition', { 'If-Match': '"old"' }, { title: 'x' }, 412],
    ['is refused in its transaction', { 'If-Match': '*' }, { title: 'x', frozen: 'yes' }, 409],
    ['is committed', { 'If-Match': '*' }, { title: 'x' }, 200],
  ])('when it %s', async (_what, headers, body, status) => {
    const rules = [
      ({ proposed }: { proposed: Doc | undefined }) => ('frozen' in (proposed ?? {}) ? { detail: 'no' } : undefined),
    ]
    const it = await shop(1, { rules: rules as never }, before(), true)
    const since = performance.now()
    const answers = await Promise.all(
      Array.from({ length: 3 }, (_each, index) =>
        request(it.app).put('/articles/1').set(headers).set('Idempotency-Key', `"k${index}"`).send(body),
      ),
    )
    expect(answers.map((answer) => answer.status)).toEqual([status, status, status])
    expect(performance.now() - since).toBeLessThan(2000)
  })
})

describe('what its conditions refuse, or is missing, opens no transaction', () => {
  test.each([
    ['put', '1', { 'If-Match': '"old"' }, 412],
    ['patch', '1', { 'If-Match': '"old"' }, 412],
    ['delete', '1', { 'If-Match': '"old"' }, 412],
    ['put', '1', { 'If-None-Match': '*' }, 412],
    ['put', '1', {}, 428],
    ['delete', '1', {}, 428],
    ['put', 'none', { 'If-Match': '"old"' }, 412],
    ['patch', 'none', {}, 404],
    ['delete', 'none', {}, 404],
  ] as const)('%s /%s with %j', async (method, key, headers, status) => {
    const it = await shop(1)
    await request(it.app)[method](`/articles/${key}`).set(headers).send({ title: 'x' }).expect(status)
    expect(it.pool.statements).toEqual(['read'])
  })

  test('what was refused for another reason first is so still', async () => {
    const it = await shop(1, { schema: { required: ['title'] } })
    await request(it.app).put('/articles/1').set('If-Match', '"old"').send({}).expect(422)
    await request(it.app).delete('/articles/none').set('If-Match', '"old"').expect(404)
    expect(it.pool.statements).toEqual(['read', 'read'])
  })

  test('what may have been applied already is told apart in the transaction', async () => {
    const it = await shop(1, { alreadyApplied: ['PUT'] })
    await request(it.app).put('/articles/1').set('If-Match', '"lost"').send({ title: 'first' }).expect(200)
    expect(it.pool.statements).toEqual(['transaction'])
  })

  test('what goes through is read again in its transaction', async () => {
    const it = await shop(1)
    await request(it.app).put('/articles/1').set('If-Match', it.tag).send({ title: 'x' }).expect(200)
    expect(it.pool.statements).toEqual(['read', 'transaction'])
  })

  test('what no condition can refuse costs no read more', async () => {
    const it = await shop(1, { preconditions: { required: false } })
    await request(it.app).put('/articles/1').send({ title: 'x' }).expect(200)
    await request(it.app).put('/articles/1').set('If-Match', '*').send({ title: 'y' }).expect(200)
    expect(it.pool.statements).toEqual(['transaction', 'transaction'])
  })
})

test('a lock that is lost before COMMIT rolls the transaction back: 409 lock_lost, and nothing is changed', async () => {
  const lost = new AbortController()
  const manager: LockManager = { acquire: async () => ({ signal: lost.signal, release: async () => undefined }) }
  const lose: RequestHandler = (_req, _res, next) => {
    lost.abort(new Error('gone'))
    next()
  }
  const adapter = memoryAdapter<Doc>()
  await adapter.write('1', { title: 'first' }, null)
  const app = express()
  app.use(express.json())
  const chain = detectConflicts<Doc>({ name: 'kept', adapter, isolation: 'transaction', lock: { manager } })
  app.all('/articles/:id', chain, lose, commitChange())
  app.use(respondToConflicts({ logger: quiet }))
  const answer = await request(app).put('/articles/1').set('If-Match', '*').send({ title: 'x' }).expect(409)
  expect(answer.body.code).toBe('lock_lost')
  expect((await adapter.read('1'))?.value).toEqual({ title: 'first' })
})
