import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeWith } from '../services'
import { type Example, openExample, send } from './example'

jest.setTimeout(60_000)

describeWith('SQLite', 'the payments example, in two processes', () => {
  let folder: string
  const opened: Example[] = []
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'payments-'))
  })
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((each) => each.close()))
    rmSync(folder, { recursive: true })
  })

  async function open(file: string, env: Record<string, string> = {}): Promise<Example> {
    const example = await openExample(`payments/${file}.js`, { FILE: join(folder, 'payments.db'), ...env })
    opened.push(example)
    return example
  }
  const pay = (server: Example, key: string, amount = 500, user = 'ann') =>
    send(
      `${server.url}/payments`,
      'POST',
      { Authorization: user, 'Idempotency-Key': `"${key}"` },
      { amount, card: '4242' },
    )
  const charged = async (processor: Example) => (await send(`${processor.url}/charges`, 'GET')).json

  async function paid(server: Example, id: string): Promise<Record<string, unknown>> {
    for (;;) {
      const { json } = await send(`${server.url}/payments/${id}`, 'GET', { Authorization: 'ann' })
      if (json.status === 'paid') return json
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  test('one key, sent ten times at once to both: one payment, one charge, one answer', async () => {
    const processor = await open('processor', { SLOW_MS: '100' })
    const one = await open('server', { PROCESSOR: processor.url })
    const two = await open('server', { PROCESSOR: processor.url })
    const answers = await Promise.all(Array.from({ length: 10 }, (_, index) => pay(index % 2 === 0 ? one : two, 'k')))
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(201))
    const ids = new Set(answers.map(({ json }) => json.id))
    expect(ids.size).toBe(1)
    const [id = ''] = ids
    await paid(two, id)
    expect((await charged(processor)).charges).toEqual([{ id: 'ch_1', amount: 500 }])
    expect((await pay(one, 'k', 600)).status).toBe(422)
    expect((await pay(one, 'k', 500, 'bob')).json.id).not.toBe(id)
  })

  test('a process that dies while the card service is at work: the other one finishes, and nobody pays twice', async () => {
    const processor = await open('processor', { SLOW_MS: '400' })
    const one = await open('server', { PROCESSOR: processor.url })
    const two = await open('server', { PROCESSOR: processor.url })
    const { status, json } = await pay(one, 'k')
    expect([status, json.status]).toEqual([201, 'pending'])
    while ((await charged(processor)).asked === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    await one.close()
    const done = await paid(two, json.id)
    expect(done.charge).toBe('ch_1')
    expect((await charged(processor)).charges).toHaveLength(1)
    expect(await pay(two, 'k')).toMatchObject({ status: 201, json: { id: json.id } })
  })

  test('a card service that is down costs no payment: it is charged when it is there', async () => {
    const one = await open('server', { PROCESSOR: 'http://127.0.0.1:1' })
    const { json } = await pay(one, 'k')
    await one.close()
    const processor = await open('processor', { SLOW_MS: '1' })
    const two = await open('server', { PROCESSOR: processor.url })
    await paid(two, json.id)
    expect((await charged(processor)).charges).toHaveLength(1)
  })

  test('a client cannot say that it has paid', async () => {
    const processor = await open('processor')
    const one = await open('server', { PROCESSOR: processor.url })
    const headers = { Authorization: 'ann', 'Idempotency-Key': '"k"' }
    const claimed = await send(`${one.url}/payments`, 'POST', headers, { amount: 5, card: '4242', status: 'paid' })
    expect([claimed.status, claimed.json.status]).toEqual([201, 'pending'])
    expect(
      (await send(`${one.url}/payments`, 'POST', { Authorization: 'ann' }, { amount: 5, card: '4242' })).status,
    ).toBe(400)
  })
})
