import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { Readable } from 'node:stream'
import express, { type RequestHandler } from 'express'
import request from 'supertest'
import {
  type ConflictOptions,
  commitChange,
  detectConflicts,
  type MemoryAdapter,
  memoryAdapter,
  memoryLocks,
  type ResourceAdapter,
  reportChange,
  resourceOf,
  resourceRouter,
  respondToConflicts,
  storeFault,
  type TransactionalAdapter,
} from '../../lib'
import { type Doc, mistake } from './app'

const quiet = { warn: () => undefined, error: () => undefined }

type Handle = Pick<MemoryAdapter<Doc>, 'read' | 'write' | 'remove'>

/** A memory adapter whose transactions are written down, with places where they can be broken. */
function ledgered(
  broken: Partial<Omit<TransactionalAdapter<Doc>, 'transactionHandle'>> & { commit?: () => Promise<void> } = {},
) {
  const inner = memoryAdapter<Doc>()
  const steps: string[] = []
  const { commit, ...changed } = broken
  const adapter: ResourceAdapter<Doc, Handle> = {
    ...inner,
    async transaction(run) {
      steps.push('begin')
      try {
        const result = await inner.transaction(async (tx) => {
          const given = await run({
            ...tx,
            ...changed,
            abandon: () => {
              steps.push('abandon')
              tx.abandon?.()
            },
          })
          await commit?.()
          return given
        })
        steps.push('commit')
        return result
      } catch (error) {
        steps.push('roll back')
        throw error
      }
    },
  }
  return { adapter, inner, steps }
}

async function shop(
  handler: RequestHandler,
  options: Partial<ConflictOptions<Doc>> = {},
  broken: Parameters<typeof ledgered>[0] = {},
) {
  const it = ledgered(broken)
  const made = await it.inner.write('1', { title: 'first' }, null)
  const tag = made.ok ? `"${made.state.version}"` : ''
  const chain = detectConflicts<Doc, Handle>({
    name: 'article',
    isolation: 'transaction',
    ...options,
    adapter: it.adapter,
  })
  const app = express()
  app.use(express.json())
  app.all('/articles/:id', chain, handler)
  app.use(respondToConflicts({ logger: quiet }), mistake)
  const put = (body: Doc = { title: 'second' }, headers: Record<string, string> = { 'If-Match': tag }, key = '1') =>
    request(app).put(`/articles/${key}`).set(headers).send(body)
  return { ...it, chain, app, tag, put, stored: async (key = '1') => (await it.inner.read(key))?.value }
}

/** Handlers as they stand in Express 4 and 5. */
const handler =
  (run: (req: express.Request, res: express.Response) => Promise<unknown>): RequestHandler =>
  (req, res, next) => {
    run(req, res).catch(next)
  }

describe('a request that may change something runs in one transaction', () => {
  test('commitChange commits it, and then the answer goes', async () => {
    const { put, steps, stored } = await shop(commitChange())
    const { status, headers } = await put()
    expect([status, headers.etag !== undefined, steps, await stored()]).toEqual([
      200,
      true,
      ['begin', 'commit'],
      { title: 'second' },
    ])
  })

  test('the handler’s own statements are part of it, all or none', async () => {
    const both = (fails: boolean) =>
      shop(
        handler(async (req, res) => {
          const article = resourceOf(req, it.chain)
          await article.transaction.write('log', { of: article.key }, null)
          if (fails) throw new Error('boom')
          await article.commit()
          res.json({})
        }),
      )
    let it = await both(true)
    expect([(await it.put()).body, it.steps, await it.stored(), await it.stored('log')]).toEqual([
      { mistake: 'Error: boom' },
      ['begin', 'roll back'],
      { title: 'first' },
      undefined,
    ])
    it = await both(false)
    expect([(await it.put()).status, it.steps, await it.stored(), await it.stored('log')]).toEqual([
      200,
      ['begin', 'commit'],
      { title: 'second' },
      { of: '1' },
    ])
  })

  test('a refusal of the chain rolls it back', async () => {
    const { put, steps } = await shop(commitChange(), { rules: [() => ({ detail: 'no' })] })
    expect([(await put({}, { 'If-Match': '*' })).status, steps]).toEqual([409, ['begin', 'roll back']])
  })

  test('an answer of failure rolls it back', async () => {
    for (const status of [400, 404, 409, 500]) {
      const it = await shop(
        handler(async (req, res) => {
          await resourceOf(req, it.chain).transaction.write('log', {}, null)
          res.status(status).end()
        }),
      )
      expect([(await it.put()).status, it.steps, await it.stored('log')]).toEqual([
        status,
        ['begin', 'roll back'],
        undefined,
      ])
    }
  })

  test('GET and HEAD have none, and say so', async () => {
    const it = await shop(
      handler(async (req, res) => {
        expect(() => resourceOf(req, it.chain).transaction).toThrow(/GET on the article has no transaction/)
        res.json(resourceOf(req, it.chain).representation)
      }),
    )
    expect((await request(it.app).get('/articles/1')).body).toEqual({ title: 'first' })
    expect(it.steps).toEqual([])
  })

  test('resourceRouter does all of it: create, replace, remove', async () => {
    const { adapter, steps } = ledgered()
    const app = express()
    app.use('/articles', resourceRouter<Doc>({ name: 'article', adapter, isolation: 'transaction' }))
    app.use(respondToConflicts({ logger: quiet }), mistake)
    const made = await request(app).post('/articles').send({ title: 'new' })
    const path = String(made.headers.location)
    const changed = await request(app).put(path).set('If-Match', String(made.headers.etag)).send({ title: 'changed' })
    const removed = await request(app).delete(path).set('If-Match', String(changed.headers.etag))
    expect([made.status, changed.status, removed.status]).toEqual([201, 200, 204])
    expect(steps).toEqual(['begin', 'commit', 'begin', 'commit', 'begin', 'commit'])
  })

  test('a dry run rolls back', async () => {
    const { put, steps } = await shop(reportChange())
    expect([(await put()).body.changes, steps]).toEqual([true, ['begin', 'roll back']])
  })
})

describe('an answer below 400 without a commit', () => {
  const answers: Readonly<Record<string, (res: express.Response) => unknown>> = {
    json: (res) => res.json({ saved: true }),
    'end alone': (res) => res.status(204).end(),
    'a head of its own': (res) => res.writeHead(201, { 'Content-Type': 'text/plain' }).end('saved'),
    'in pieces': async (res) => {
      res.type('text/html').write('sa')
      await new Promise((resolve) => res.write('ved', resolve))
      res.end(() => undefined)
    },
    'flushed first': (res) => {
      res.flushHeaders()
      res.end('saved')
    },
    '303 to what a POST has made': (res) => res.status(303).location('/articles/2').end(),
    'a redirect': (res) => res.redirect('/articles'),
    'a head of its own, elsewhere': (res) => res.writeHead(307, { Location: '/articles' }).end(),
    'not modified': (res) => res.status(304).end(),
    'a file': (res) => {
      // `send` asks the conditions of the request again, of the file.
      delete res.req.headers['if-match']
      res.sendFile(__filename)
    },
    'a stream': (res) => Readable.from(['sa', 'ved']).pipe(res),
  }

  test.each(Object.entries(answers))('%s: becomes 500, a mistake, and is rolled back', async (_name, answer) => {
    const it = await shop(
      handler(async (req, res) => {
        await resourceOf(req, it.chain).transaction.write('log', {}, null)
        await answer(res)
      }),
    )
    const { status, body, headers } = await it.put()
    expect([status, headers['content-type'], headers.location, body.mistake]).toEqual([
      500,
      'application/json; charset=utf-8',
      undefined,
      expect.stringMatching(/answered with [23]0\d before its transaction was committed. It was rolled back/),
    ])
    expect([it.steps, await it.stored('log'), await it.stored()]).toEqual([
      ['begin', 'roll back'],
      undefined,
      { title: 'first' },
    ])
  })

  test('is one too behind a commit that failed', async () => {
    const it = await shop(
      handler(async (req, res) => {
        await resourceOf(req, it.chain)
          .commit()
          .catch(() => undefined)
        res.json({ saved: true })
      }),
      {},
      { write: () => Promise.reject(new Error('Connection terminated unexpectedly')) },
    )
    expect([(await it.put()).status, await it.stored()]).toEqual([500, { title: 'first' }])
  })
})

describe('a second commit says what became of the first', () => {
  const twice = async (broken: Parameters<typeof ledgered>[0] = {}, value?: () => Doc) => {
    const told: { message: string; cause?: unknown; code?: string }[] = []
    const it = await shop(
      handler(async (req, res) => {
        const { commit } = resourceOf(req, it.chain)
        for (const _ of [1, 2]) await commit(value).catch((error) => told.push(error))
        res.json({})
      }),
      {},
      broken,
    )
    return { ...it, told, status: (await it.put()).status }
  }

  test('it committed', async () => {
    const { told, status, steps } = await twice()
    expect(told.map(({ message }) => message)).toEqual([expect.stringMatching(/has committed; one request/)])
    expect([status, steps]).toEqual([200, ['begin', 'commit']])
  })

  test('it was refused: in the same way again', async () => {
    const { told, status } = await twice({ write: async () => ({ ok: false, current: undefined }) })
    expect(told.map(({ code }) => code)).toEqual(['precondition_failed', 'precondition_failed'])
    expect(status).toBe(500)
  })

  test('it failed in the store: in the same way again', async () => {
    const { told } = await twice({ write: () => Promise.reject(new Error('Connection terminated unexpectedly')) })
    expect(told.map(({ code }) => code)).toEqual(['backend_unavailable', 'backend_unavailable'])
  })

  test('it failed by a mistake, which is the cause', async () => {
    const { told } = await twice({}, () => undefined as never)
    expect(told[0]?.message).toMatch(/the value to store is undefined/)
    expect(told[1]?.message).toMatch(/was called before and failed/)
    expect(told[1]?.cause).toBe(told[0])
  })
})

test('an answer that does not wait for the commit is a mistake too', async () => {
  const it = await shop(
    handler(async (req, res) => {
      const committing = resourceOf(req, it.chain).commit()
      res.json({ saved: true })
      await committing.catch(() => undefined)
    }),
  )
  expect((await it.put()).status).toBe(500)
})

test('what was applied already is answered, and what the handler did again is undone', async () => {
  const it = await shop(
    handler(async (req, res) => {
      await resourceOf(req, it.chain).transaction.write('log', {}, null)
      res.json(await resourceOf(req, it.chain).commit())
    }),
    { alreadyApplied: ['PUT'] },
  )
  const { body } = await it.put({ title: 'first' }, { 'If-Match': '"lost"' })
  expect([body.outcome, it.steps, await it.stored('log')]).toEqual(['unchanged', ['begin', 'roll back'], undefined])
})

describe('two that want the same', () => {
  test('the second waits for the first, and is then judged by what it made', async () => {
    const { put, stored } = await shop(commitChange())
    const answers = await Promise.all([put({ title: 'a' }), put({ title: 'b' }), put({ title: 'c' })])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412])
    expect(['a', 'b', 'c']).toContain((await stored())?.title)
  })

  test('of two creators the one that is refused by the store gets already_exists', async () => {
    for (const [headers, status, code] of [
      [{}, 409, 'already_exists'],
      [{ 'If-None-Match': '*' }, 412, 'precondition_failed'],
    ] as const) {
      const taken = { ok: false as const, current: { value: {}, version: '7' } }
      const { put, steps } = await shop(commitChange(), {}, { write: async () => taken })
      const { body, ...response } = await put({}, headers, 'new')
      expect([response.status, body.code, steps]).toEqual([status, code, ['begin', 'roll back']])
    }
  })
})

describe('faults', () => {
  const pg = (code: string) => Object.assign(new Error('SECRET'), { severity: 'ERROR', code })
  const LOST = new Error('Connection terminated unexpectedly')

  test.each<[string, Parameters<typeof ledgered>[0], number, string]>([
    ['a deadlock is final', { write: () => Promise.reject(pg('40P01')) }, 409, 'concurrent_update'],
    ['a serialization failure at the end too', { commit: () => Promise.reject(pg('40001')) }, 409, 'concurrent_update'],
    [
      'a connection that is lost before COMMIT has written nothing',
      { write: () => Promise.reject(LOST) },
      503,
      'backend_unavailable',
    ],
    ['after it the outcome is unknown', { commit: () => Promise.reject(LOST) }, 503, 'outcome_unknown'],
    [
      'what the store says of a COMMIT counts',
      { commit: () => Promise.reject(storeFault(LOST, { applied: 'no' })) },
      503,
      'backend_unavailable',
    ],
    ['a COMMIT that is not answered', { commit: () => new Promise(() => undefined) }, 503, 'outcome_unknown'],
    [
      'a write that is not answered is given up',
      { write: () => new Promise(() => undefined) },
      503,
      'backend_unavailable',
    ],
  ])('%s', async (_name, broken, status, code) => {
    const { put, stored, steps } = await shop(commitChange(), { deadlineMs: 50 }, broken)
    const { body, ...response } = await put()
    expect([response.status, body.code, await stored()]).toEqual([status, code, { title: 'first' }])
    expect(steps).not.toContain('commit')
  })

  test('a statement of the handler that failed is undone, whatever became of its connection', async () => {
    const { put, steps } = await shop((_req, _res, next) => next(LOST))
    expect([(await put()).body.code, steps]).toEqual(['backend_unavailable', ['begin', 'abandon', 'roll back']])
  })

  test('a transaction that does not open in time is rolled back when it does', async () => {
    const it = await shop(commitChange(), { deadlineMs: 20 })
    let free: () => void = () => undefined
    const holding = it.inner.transaction(() => new Promise<void>((resolve) => (free = resolve)))
    expect((await it.put()).body.code).toBe('backend_unavailable')
    free()
    await holding
    await it.inner.transaction(async () => undefined)
    expect(it.steps).toEqual(['begin', 'roll back'])
  })
})

describe('a client that leaves', () => {
  async function left(deadlineMs: number) {
    const gate: { open?: () => void } = {}
    const ended: unknown[] = []
    const it = await shop(
      handler(async (req, res) => {
        const article = resourceOf(req, it.chain)
        await article.transaction.write('log', {}, null)
        const closed = once(res, 'close')
        arrived()
        await closed
        await new Promise<void>((resolve) => (gate.open = resolve))
        await article.commit().catch((error: unknown) => ended.push(String(error)))
        res.json({})
        ended.push('ended')
      }),
      { deadlineMs },
    )
    let arrived: () => void = () => undefined
    const arrival = new Promise<void>((resolve) => (arrived = resolve))
    const server = it.app.listen(0)
    await once(server, 'listening')
    const socket = connect((server.address() as AddressInfo).port)
    const body = '{"title":"second"}'
    socket.write(
      `PUT /articles/1 HTTP/1.1\r\nHost: x\r\nIf-Match: ${it.tag}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    await arrival
    socket.destroy()
    while (!gate.open) await new Promise((resolve) => setImmediate(resolve))
    server.close()
    return { ...it, ended, goOn: gate.open }
  }
  const until = async (holds: () => boolean) => {
    while (!holds()) await new Promise((resolve) => setImmediate(resolve))
  }

  test('frees nothing: the handler may still commit', async () => {
    const { steps, ended, goOn, stored } = await left(10_000)
    expect(steps).toEqual(['begin'])
    goOn()
    await until(() => ended.length > 0)
    expect([steps, await stored(), await stored('log')]).toEqual([['begin', 'commit'], { title: 'second' }, {}])
  })

  test('starts the deadline: a handler that comes later is told', async () => {
    const { steps, ended, goOn, stored } = await left(20)
    await until(() => steps.includes('roll back'))
    goOn()
    await until(() => ended.length > 1)
    expect(steps).toEqual(['begin', 'abandon', 'roll back'])
    expect(ended).toEqual([expect.stringMatching(/its transaction was rolled back:.* time for it ran out/), 'ended'])
    expect([await stored(), await stored('log')]).toEqual([{ title: 'first' }, undefined])
  })
})

describe('a handler that never answers, though its client stays', () => {
  async function stuck(options: Partial<ConflictOptions<Doc>>) {
    let isFirst = true
    let isLost: (reason: unknown) => void = () => undefined
    let goOn: () => void = () => undefined
    const losing = new Promise<unknown>((resolve) => (isLost = resolve))
    const it = await shop(
      handler(async (req, res) => {
        const article = resourceOf(req, it.chain)
        if (isFirst) {
          isFirst = false
          await article.transaction.write('log', {}, null)
          await once(article.signal, 'abort')
          isLost(article.signal.reason)
          await new Promise<void>((resolve) => (goOn = resolve))
        }
        await article.commit()
        res.json({})
      }),
      options,
    )
    const [first, second, lost] = await Promise.all([
      it.put(),
      losing.then(() => it.put({ title: 'other' }, {}, 'other')).finally(() => goOn()),
      losing,
    ])
    return { ...it, first, second, lost }
  }

  test.each([
    ['maxHoldMs', { maxHoldMs: 20 }],
    ['that of the lock', { lock: { manager: memoryLocks(), maxHoldMs: 20 } }],
  ])('loses its transaction at maxHoldMs, and the others go on: %s', async (_, options) => {
    const { first, second, steps, stored } = await stuck(options)
    expect([first.status, first.body.code, second.status]).toEqual([409, 'lock_lost', 200])
    // The other one may begin before the connection of the first has been ended.
    expect([...steps].sort()).toEqual(['abandon', 'begin', 'begin', 'commit', 'roll back'])
    expect([await stored(), await stored('log')]).toEqual([{ title: 'first' }, undefined])
  })

  test('is told by its signal, with the reason', async () => {
    const { lost } = await stuck({ maxHoldMs: 20 })
    expect(String(lost)).toMatch(/the transaction was held for maxHoldMs \(20\)/)
  })

  test('a transaction that has ended is not ended again', async () => {
    const it = await shop(commitChange(), { maxHoldMs: 20 })
    await it.put()
    await new Promise((resolve) => setTimeout(resolve, 40))
    expect(it.steps).toEqual(['begin', 'commit'])
  })

  test('maxHoldMs is refused where there is no transaction', () => {
    const { adapter } = ledgered()
    expect(() => detectConflicts({ name: 'article', adapter, maxHoldMs: 20 })).toThrow(
      "detectConflicts(): maxHoldMs is for isolation: 'transaction'. The lock has one of its own: lock: { maxHoldMs: 20 }.",
    )
  })
})

test('a client that leaves while its transaction is being opened starts the deadline too', async () => {
  let opened: () => void = () => undefined
  const opening = new Promise<void>((resolve) => (opened = resolve))
  const it = await shop(() => undefined, { deadlineMs: 20 })
  const slow: typeof it.adapter = {
    ...it.adapter,
    async transaction(run) {
      opened()
      await closed
      return it.adapter.transaction!(run)
    },
  }
  let close: () => void = () => undefined
  const closed = new Promise<void>((resolve) => (close = resolve))
  const chain = detectConflicts<Doc>({ name: 'article', adapter: slow, isolation: 'transaction', deadlineMs: 20 })
  const app = express()
  app.use(express.json(), (_req, res, next) => {
    res.once('close', close)
    next()
  })
  app.put('/articles/:id', chain, () => undefined)
  const server = app.listen(0)
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port)
  socket.write(
    `PUT /articles/1 HTTP/1.1\r\nHost: x\r\nIf-Match: ${it.tag}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
  )
  await opening
  socket.destroy()
  // It is one at a time: the next one begins when that of the client that left has ended.
  await closed
  await it.inner.transaction(async () => undefined)
  expect(it.steps).toEqual(['begin', 'abandon', 'roll back'])
  server.close()
})

describe('an app that writes by itself', () => {
  test('commits by commit, and gets the new state', async () => {
    const it = await shop(
      handler(async (req, res) => {
        const { transaction, proposed, current, commit } = resourceOf(req, it.chain)
        await transaction.write('1', { ...proposed, by: 'app' }, current?.version ?? null)
        const { outcome, state } = await commit()
        res.json({ outcome, value: state?.value })
      }),
      { writes: 'by-app' },
    )
    expect((await it.put()).body).toEqual({ outcome: 'replaced', value: { title: 'second', by: 'app' } })
    expect([it.steps, await it.stored()]).toEqual([['begin', 'commit'], { title: 'second', by: 'app' }])
  })

  test('is answered by the chain when it was applied already', async () => {
    const { put, steps } = await shop(commitChange(), { writes: 'by-app', alreadyApplied: ['PUT'] })
    expect([(await put({ title: 'first' }, { 'If-Match': '"lost"' })).status, steps]).toEqual([
      204,
      ['begin', 'roll back'],
    ])
  })
})

describe('a request has one transaction', () => {
  test('which two chains of one adapter share', async () => {
    const { adapter, steps } = ledgered()
    const app = express()
    app.use(express.json())
    const chain = detectConflicts<Doc>({ name: 'article', adapter, isolation: 'transaction' })
    app.use('/articles/:id', chain)
    app.put('/articles/:id', chain, commitChange())
    app.use(respondToConflicts({ logger: quiet }), mistake)
    expect([(await request(app).put('/articles/1').send({})).status, steps]).toEqual([201, ['begin', 'commit']])
  })

  test('and another adapter is told so', async () => {
    const [one, two] = [ledgered(), ledgered()]
    const app = express()
    app.use(express.json())
    const chain = (name: string, { adapter }: typeof one) =>
      detectConflicts<Doc>({ name, adapter, isolation: 'transaction' })
    app.put('/articles/:id', chain('article', one), chain('comment', two), commitChange())
    app.use(respondToConflicts({ logger: quiet }), mistake)
    const { body } = await request(app).put('/articles/1').send({})
    expect(body.mistake).toMatch(/PUT comment: the article has opened a transaction on this request/)
    expect([one.steps, two.steps]).toEqual([['begin', 'roll back'], []])
  })
})

test('an adapter without transactions is refused when the app starts', () => {
  const { read, write } = memoryAdapter<Doc>()
  const options = { name: 'article', adapter: { read, write }, isolation: 'transaction' as const }
  expect(() => detectConflicts<Doc>(options)).toThrow(/isolation: 'transaction' needs an adapter with a transaction/)
})
