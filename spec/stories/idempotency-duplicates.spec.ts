import { type Answer, gate, type Till, till } from './payments'

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
    const { first, finish } = await working({ onInProgress: 'wait' })
    const others = [it.ask(), it.ask(), it.ask()]
    await new Promise((resolve) => it.server.getConnections(resolve))
    finish()
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
    const { first, finish } = await working({ onInProgress: 'wait' })
    const begun = gate()
    const finishing = gate()
    it.handler = async (_req, res) => {
      begun.open()
      await finishing.passed
      res.status(it.runs === 2 ? 409 : 201).json({ payment: it.runs })
    }
    const refused = it.ask({ key: '"other"' })
    await begun.passed
    const waiting = it.ask({ key: '"other"' })
    finishing.open()
    expect((await refused).status).toBe(409)
    const next = await waiting
    expect([next.status, replayed(next)]).toEqual([201, null])
    finish()
    await first
  })

  test('of 200 that come at once one runs, and all get its answer', async () => {
    it = await till({ onInProgress: 'wait' })
    const answers = await Promise.all(Array.from({ length: 200 }, () => it.ask()))
    expect(it.runs).toBe(1)
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`))).toEqual(new Set(['201 {"payment":1}']))
  }, 15_000)
})

describe('without a key', () => {
  async function together(withoutKey: 'run' | 'refuse' | 'share', ...asked: Parameters<Till['ask']>[0][]) {
    it = await till({ withoutKey })
    const [begun, finish] = [gate(), gate()]
    it.handler = async (_req, res) => {
      begun.open()
      await finish.passed
      res.status(201).json({ payment: it.runs })
    }
    const first = it.ask({ key: '' })
    await begun.passed
    const others = asked.map((each) => it.ask({ key: '', ...each }))
    if (withoutKey === 'refuse') await Promise.all(others)
    else await new Promise((resolve) => setTimeout(resolve, 50))
    finish.open()
    return [await first, ...(await Promise.all(others))]
  }

  test("'refuse': what is identical and at the same time is 409", async () => {
    const answers = await together('refuse', {}, {})
    expect(answers.map(({ status }) => status)).toEqual([201, 409, 409])
    expect(answers[1]?.json.code).toBe('idempotency_in_progress')
    expect(it.runs).toBe(1)
    expect((await it.ask({ key: '' })).json).toEqual({ payment: 2 })
  })

  test("'share': all get the first answer; who comes later runs", async () => {
    const answers = await together('share', {}, {})
    expect(answers.map(({ json }) => json)).toEqual(Array(3).fill({ payment: 1 }))
    expect(it.runs).toBe(1)
    expect((await it.ask({ key: '' })).json).toEqual({ payment: 2 })
  })

  test.each(['share', 'run'] as const)('%s: other callers and other bodies are no duplicates', async (how) => {
    const answers = await together(how, { user: 'bob' }, { body: { amount: 2 } })
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201])
    expect(it.runs).toBe(3)
  })
})
