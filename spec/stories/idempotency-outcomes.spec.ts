import express from 'express'
import request from 'supertest'
import {
  detectConflicts,
  type ExpiringStore,
  memoryAdapter,
  memoryStore,
  resourceOf,
  respondToConflicts,
  storeFault,
} from '../../lib'
import { type Answer, gate, type Till, till } from './payments'

let it: Till
afterEach(() => it?.close())

const replayed = ({ headers }: Answer) => headers.get('idempotency-replayed')
const code = ({ status, json }: Answer) => `${status} ${json.code}`

describe('what becomes of the key', () => {
  test.each([200, 201, 202, 204, 303, 400, 405, 413, 415, 422])('%i is kept', async (status) => {
    it = await till()
    it.handler = (_req, res) => void res.status(status).json({ run: it.runs })
    await it.ask()
    const second = await it.ask()
    expect([second.status, replayed(second), it.runs]).toEqual([status, 'true', 1])
  })

  test.each([401, 402, 403, 404, 408, 409, 410, 412, 423, 425, 428, 429])(
    '%i is of its moment: the next one runs',
    async (status) => {
      it = await till()
      it.handler = (_req, res) => void res.status(it.runs === 1 ? status : 201).json({ run: it.runs })
      expect((await it.ask()).status).toBe(status)
      const second = await it.ask()
      expect([second.status, replayed(second), it.runs]).toEqual([201, null, 2])
    },
  )

  test('422 of a patch depends on what is stored: the next one runs', async () => {
    it = await till()
    it.handler = (_req, res) => void res.status(it.runs === 1 ? 422 : 200).json({})
    await it.ask({ method: 'PATCH' })
    expect((await it.ask({ method: 'PATCH' })).status).toBe(200)
  })

  test('a released key may be used for another request', async () => {
    it = await till()
    it.handler = (_req, res) => void res.status(it.runs === 1 ? 409 : 201).json({})
    await it.ask()
    expect((await it.ask({ body: { amount: 2 } })).status).toBe(201)
  })

  const unknown: [string, (fail: (error: Error) => void, status: (code: number) => void) => void][] = [
    ['an error', (fail) => fail(new Error('after the money went'))],
    ['500', (_, status) => status(500)],
    ['503', (_, status) => status(503)],
  ]
  test.each(unknown)(
    '%s: what was done is unknown; in progress, then outcome_unknown, never run again',
    async (_, end) => {
      it = await till({ leaseMs: 1000 })
      it.handler = (_req, res, next) => end(next, (status) => res.status(status).json({}))
      expect((await it.ask()).status).toBeGreaterThanOrEqual(500)
      expect(code(await it.ask())).toBe('409 idempotency_in_progress')
      it.advance(1001)
      const later = await it.ask()
      expect(code(later)).toBe('503 outcome_unknown')
      expect(later.json.retryable).toBe(false)
      expect(it.runs).toBe(1)
    },
  )

  test("onUnknown: 'run-again' runs again, once, and only when the lease ran out", async () => {
    it = await till({ leaseMs: 1000, onUnknown: 'run-again' })
    it.handler = (_req, res) => void res.status(it.runs === 1 ? 500 : 201).json({ run: it.runs })
    await it.ask()
    expect(code(await it.ask())).toBe('409 idempotency_in_progress')
    it.advance(1001)
    const again = await Promise.all([it.ask(), it.ask(), it.ask()])
    expect(again.map(({ status }) => status)).toContain(201)
    expect(it.runs).toBe(2)
  })

  test('a holder that is alive keeps its claim, however long it works', async () => {
    jest.useFakeTimers({
      doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance', 'Date', 'setTimeout', 'clearTimeout'],
    })
    try {
      it = await till({ leaseMs: 3000, maxRunMs: 1_000_000 })
      const [begun, finish] = [gate(), gate()]
      it.handler = async (_req, res) => {
        begun.open()
        await finish.passed
        res.status(201).json({ payment: 1 })
      }
      const first = it.ask()
      await begun.passed
      for (let second = 0; second < 10; second++) {
        expect(code(await it.ask())).toBe('409 idempotency_in_progress')
        it.advance(1000)
        jest.advanceTimersByTime(1000)
        await new Promise(setImmediate)
      }
      finish.open()
      expect((await first).status).toBe(201)
    } finally {
      jest.useRealTimers()
    }
  })
})

describe('a handler whose own statement fails has been at work', () => {
  const deadlock = Object.assign(new Error('deadlock detected'), { code: '40P01', severity: 'ERROR' })
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', syscall: 'connect' })
  const unique = Object.assign(new Error('duplicate key'), { code: '23505', severity: 'ERROR' })

  test.each<[string, Error, string]>([
    ['a deadlock', deadlock, '503 outcome_unknown'],
    ['a server that is not there', refused, '503 outcome_unknown'],
    ['a unique index', unique, '409 unique_violation'],
  ])('%s: what it did before is unknown, and it is never run again', async (_, error, expected) => {
    it = await till({ leaseMs: 1000 })
    it.handler = (_req, _res, next) => next(error)
    const first = await it.ask()
    expect([code(first), first.json.retryable]).toEqual([expected, false])
    expect(code(await it.ask())).toBe('409 idempotency_in_progress')
    it.advance(1001)
    expect(code(await it.ask())).toBe('503 outcome_unknown')
    expect(it.runs).toBe(1)
  })

  test('not where all that it did was rolled back with its transaction: it runs', async () => {
    const adapter = memoryAdapter()
    let runs = 0
    const chain = detectConflicts({
      name: 'payment',
      adapter,
      isolation: 'transaction',
      idempotency: { store: memoryStore(), scope: () => 'ann' },
    })
    const app = express()
    app.use(express.json())
    app.put('/payments/:id', chain, async (req, res, next) => {
      runs += 1
      if (runs === 1) return next(deadlock)
      await resourceOf(req, chain).commit()
      res.sendStatus(204)
    })
    app.use(respondToConflicts({ logger: { warn: () => undefined, error: () => undefined } }))
    const put = () => request(app).put('/payments/1').set('Idempotency-Key', '"k"').send({ amount: 1 })
    const first = await put()
    expect([first.body.code, first.body.retryable]).toEqual(['concurrent_update', true])
    expect([(await put()).status, runs]).toEqual([204, 2])
  })
})

describe('between COMMIT and the answer', () => {
  /** Its handler has committed, and answers when the gate opens. */
  async function committing(onInProgress: 'refuse' | 'wait') {
    const inner = memoryStore()
    const store: ExpiringStore = { ...inner, within: () => inner }
    const adapter = memoryAdapter()
    const chain = detectConflicts({
      name: 'payment',
      adapter,
      isolation: 'transaction',
      idempotency: { store, scope: () => 'ann', onInProgress },
    })
    const committed = gate()
    const answered = gate()
    const app = express().use(express.json())
    app.put('/payments/:id', chain, async (req, res) => {
      await resourceOf(req, chain).commit()
      committed.open()
      await answered.passed
      res.status(201).json({ paid: true })
    })
    const put = () => request(app).put('/payments/1').set('Idempotency-Key', '"k"').send({ amount: 1 })
    const first = put().then((answer) => answer)
    await committed.passed
    return { put, first, answered, adapter }
  }

  test('a repetition is in progress, and gets the answer when it is there', async () => {
    const { put, first, answered, adapter } = await committing('refuse')
    expect(await adapter.read('1')).toMatchObject({ value: { amount: 1 } })
    expect((await put()).status).toBe(409)
    answered.open()
    expect((await first).body).toEqual({ paid: true })
    expect((await put()).body).toEqual({ paid: true })
  })

  test("onInProgress: 'wait' waits for it", async () => {
    const { put, first, answered } = await committing('wait')
    const second = put().then((answer) => answer)
    const isAnswered = await Promise.race([second, new Promise((resolve) => setTimeout(resolve, 20))])
    expect(isAnswered).toBeUndefined()
    answered.open()
    expect((await first).body).toEqual({ paid: true })
    expect((await second).body).toEqual({ paid: true })
  })
})

describe('a store that fails', () => {
  /** A memory store of which some calls fail, after or before they were carried out. */
  function failing(
    fails: (method: string) => 'before' | 'after' | undefined,
  ): ExpiringStore & { stored: ExpiringStore } {
    const stored = memoryStore()
    const run = async <R>(method: string, call: () => Promise<R>): Promise<R> => {
      const when = fails(method)
      const applied = when === 'before' ? 'no' : 'unknown'
      if (when === 'before') throw storeFault(new Error('down'), { applied })
      const result = await call()
      if (when === 'after') throw storeFault(new Error('cut'), { applied })
      return result
    }
    return {
      stored,
      read: (key) => run('read', () => stored.read(key)),
      create: (...args) => run('create', () => stored.create(...args)),
      replace: (...args) => run('replace', () => stored.replace(...args)),
      remove: (...args) => run('remove', () => stored.remove(...args)),
    }
  }

  test.each(['before', 'after'] as const)(
    'when claiming (%s it was done): 503, nothing runs, and the key stays free',
    async (when) => {
      let isDown = true
      it = await till({ store: failing((method) => (isDown && method === 'create' ? when : undefined)) })
      const answer = await it.ask()
      expect(code(answer)).toBe('503 backend_unavailable')
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(it.runs).toBe(0)
      isDown = false
      expect((await it.ask()).status).toBe(201)
    },
  )

  test.each(['before', 'after'] as const)(
    'when completing (%s it was done): the client has its answer, and nothing runs again',
    async (when) => {
      let isDown = true
      it = await till({ store: failing((method) => (isDown && method === 'replace' ? when : undefined)) })
      const first = await it.ask()
      expect([first.status, first.json]).toEqual([201, { payment: 1 }])
      isDown = false
      const until = Date.now() + 15_000
      let second = await it.ask()
      while (second.status === 409 && Date.now() < until) {
        await new Promise((resolve) => setTimeout(resolve, 50))
        second = await it.ask()
      }
      expect([second.status, second.json, replayed(second)]).toEqual([201, { payment: 1 }, 'true'])
      expect(it.runs).toBe(1)
    },
  )

  test('a full store refuses, it forgets nothing', async () => {
    it = await till({ store: memoryStore({ maxRecords: 2 }) })
    await it.ask({ key: '"a"' })
    await it.ask({ key: '"b"' })
    expect(code(await it.ask({ key: '"c"' }))).toBe('503 backend_unavailable')
    expect(replayed(await it.ask({ key: '"a"' }))).toBe('true')
    expect(it.runs).toBe(2)
  })
})
