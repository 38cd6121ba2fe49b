import type { RequestHandler } from 'express'
import { memoryStore } from '../../lib'
import { type Answer, gate, type Till, tellingStore, till } from './payments'

let it: Till
afterEach(() => it?.close())

const replayed = ({ headers }: Answer) => headers.get('idempotency-replayed')
const code = ({ status, json }: Answer) => `${status} ${json.code}`

describe('while the first request is carried out', () => {
  async function working(options = {}) {
    it = await till(options)
    const [begun, finish] = [gate(), gate()]
    it.handler = async (_req, res) => {
      begun.open()
      await finish.passed
      res.status(201).json({ payment: it.runs })
    }
    const first = it.ask()
    await begun.passed
    return { first, finish: finish.open }
  }

  test('a repetition is 409 with Retry-After', async () => {
    const { first, finish } = await working()
    const second = await it.ask()
    expect(code(second)).toBe('409 idempotency_in_progress')
    expect(Number(second.headers.get('retry-after'))).toBeGreaterThan(0)
    finish()
    expect((await first).status).toBe(201)
    expect(replayed(await it.ask())).toBe('true')
    expect(it.runs).toBe(1)
  })

  test('that it is another request is found first', async () => {
    const { first, finish } = await working()
    expect(code(await it.ask({ body: { amount: 2 } }))).toBe('422 idempotency_key_reused')
    finish()
    await first
  })

  test('wait: repetitions get the answer when it is there', async () => {
    const { store, looked, hold } = tellingStore()
    const finished = gate()
    hold((asked) => asked > 4, finished.passed)
    const { first, finish } = await working({ store, onInProgress: 'wait' })
    const others = [it.ask(), it.ask(), it.ask()]
    // Each has looked once, and found that it has to wait.
    await looked(3)
    finish()
    finished.open()
    expect((await first).json).toEqual({ payment: 1 })
    for (const other of await Promise.all(others))
      expect([other.json, replayed(other)]).toEqual([{ payment: 1 }, 'true'])
    expect(it.runs).toBe(1)
  })

  test('wait ends: 409', async () => {
    const { first, finish } = await working({ onInProgress: 'wait', waitMs: 20 })
    expect(code(await it.ask())).toBe('409 idempotency_in_progress')
    finish()
    await first
  })

  test('wait, and the first was refused for its moment: the next one runs', async () => {
    const { store, looked, hold } = tellingStore()
    it = await till({ store, onInProgress: 'wait' })
    const [begun, finish] = [gate(), gate()]
    hold((asked) => asked > 2, finish.passed)
    it.handler = async (_req, res) => {
      begun.open()
      await finish.passed
      res.status(it.runs === 1 ? 409 : 201).json({ payment: it.runs })
    }
    const refused = it.ask()
    await begun.passed
    const waiting = it.ask()
    await looked(1)
    finish.open()
    expect((await refused).status).toBe(409)
    const next = await waiting
    expect([next.status, replayed(next)]).toEqual([201, null])
  })

  test('of 300 that come at once one runs, all get its answer, and the store is not asked by each', async () => {
    let calls = 0
    const store = new Proxy(memoryStore(), {
      get(inner, name: 'create' | 'read' | 'replace' | 'remove') {
        calls += 1
        return inner[name]
      },
    })
    let arrived = 0
    const allArrived = gate()
    const counting: RequestHandler = (_req, _res, next) => {
      arrived += 1
      if (arrived === 300) setImmediate(allArrived.open)
      next()
    }
    it = await till({ store, onInProgress: 'wait' }, { before: (app) => app.use(counting) })
    it.handler = async (_req, res) => {
      await allArrived.passed
      res.status(201).json({ payment: it.runs })
    }
    const answers = await Promise.all(Array.from({ length: 300 }, () => it.ask()))
    expect(it.runs).toBe(1)
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`))).toEqual(new Set(['201 {"payment":1}']))
    expect(calls).toBeLessThan(300)
  }, 15_000)
})

describe('without a key', () => {
  async function together(
    withoutKey: 'run' | 'refuse' | 'share',
    duplicates: number,
    ...others: Parameters<Till['ask']>[0][]
  ) {
    const { store, looked, hold } = tellingStore()
    it = await till({ store, withoutKey })
    const [begun, finish] = [gate(), gate()]
    hold((asked) => asked > 1 + others.length, finish.passed)
    it.handler = async (_req, res) => {
      begun.open()
      await finish.passed
      res.status(201).json({ payment: it.runs })
    }
    const first = it.ask({ key: '' })
    await begun.passed
    const answers = others.map((each) => it.ask({ key: '', ...each }))
    if (withoutKey === 'refuse') await Promise.all(answers)
    if (withoutKey === 'share') await looked(duplicates)
    finish.open()
    return [await first, ...(await Promise.all(answers))]
  }

  test("'refuse': what is identical and at the same time is 409", async () => {
    const answers = await together('refuse', 2, {}, {})
    expect(answers.map(({ status }) => status)).toEqual([201, 409, 409])
    expect(answers[1]?.json.code).toBe('idempotency_in_progress')
    expect(it.runs).toBe(1)
    expect((await it.ask({ key: '' })).json).toEqual({ payment: 2 })
  })

  test("'share': all get the first answer; who comes later runs", async () => {
    const answers = await together('share', 2, {}, {})
    expect(answers.map(({ json }) => json)).toEqual(Array(3).fill({ payment: 1 }))
    expect(it.runs).toBe(1)
    expect((await it.ask({ key: '' })).json).toEqual({ payment: 2 })
  })

  test("'share': who waited for the first takes the answer of one that came right behind it", async () => {
    const { store, asked, looked, hold } = tellingStore()
    it = await till({ store, withoutKey: 'share' })
    const [begun, finish] = [
      [gate(), gate()],
      [gate(), gate()],
    ]
    it.handler = async (_req, res) => {
      const run = it.runs
      begun[run - 1]?.open()
      await finish[run - 1]?.passed
      res.status(201).json({ payment: run })
    }
    // The second look of the second request comes when the third is at work.
    const look = gate()
    hold((count) => count === 3, look.passed)
    const first = it.ask({ key: '' })
    await begun[0]?.passed
    const second = it.ask({ key: '' })
    await asked(3)
    finish[0]?.open()
    await first
    const third = it.ask({ key: '' })
    await begun[1]?.passed
    look.open()
    await looked(3)
    finish[1]?.open()
    expect([(await third).json, (await second).json]).toEqual([{ payment: 2 }, { payment: 2 }])
    expect(it.runs).toBe(2)
  })

  test.each(['share', 'run'] as const)('%s: other callers and other bodies are no duplicates', async (how) => {
    const answers = await together(how, 0, { user: 'bob' }, { body: { amount: 2 } })
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201])
    expect(it.runs).toBe(3)
  })
})
