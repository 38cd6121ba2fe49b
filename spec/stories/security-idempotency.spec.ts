import { type AddressInfo, connect } from 'node:net'
import express from 'express'
import { type Answer, gate, type Till, till } from './payments'

/** What a key can be made to do to those who did not send it, and to those who read it. */

let it: Till
afterEach(() => it?.close())

const replayed = ({ headers }: Answer) => headers.get('idempotency-replayed')

/** Sends octets as they are: each character is one byte. Gives the status and the body. */
async function exchange(head: string): Promise<{ status: number; body: string }> {
  const socket = connect((it.server.address() as AddressInfo).port)
  socket.on('error', () => undefined)
  socket.write(
    `POST /payments HTTP/1.1\r\nHost: test\r\nConnection: close\r\nUser: ann\r\nContent-Length: 0\r\n${head}\r\n\r\n`,
    'latin1',
  )
  let text = ''
  for await (const chunk of socket.setEncoding('latin1')) text += chunk
  return { status: Number(text.split(' ')[1]), body: text.split('\r\n\r\n')[1] ?? '' }
}

describe('S1: a key among more header lines than Node keeps', () => {
  const junk = (lines: number) => 'a: 1\r\n'.repeat(lines)

  test.each([995, 1000, 1500])('%s lines in front of it are 431, and nothing runs', async (lines) => {
    it = await till()
    expect((await exchange(`${junk(lines)}Idempotency-Key: "k"`)).status).toBe(431)
    expect(it.runs).toBe(0)
  })

  test('many lines that all arrived are no fault', async () => {
    it = await till()
    const send = () => exchange(`${junk(900)}Idempotency-Key: "k"`)
    expect([(await send()).status, (await send()).status, it.runs]).toEqual([201, 201, 1])
  })

  test('nor is what carries no key by its method', async () => {
    it = await till({ methods: ['PUT'] })
    expect((await exchange(junk(1200).trimEnd())).status).toBe(201)
  })
})

test.each([
  ['S2: two lines', 'Idempotency-Key: "a"\r\nIdempotency-Key: "b"', 400],
  ['S2: one line twice', 'Idempotency-Key: "a"\r\nIdempotency-Key: "a"', 400],
  ['S13: NUL', 'Idempotency-Key: "a\0b"', 400],
  ['S13: a byte from 0x80 on', 'Idempotency-Key: "\xe9"', 400],
  ['S13: of length 0', 'Idempotency-Key:', 400],
  ['S13: of 1 MB', `Idempotency-Key: "${'x'.repeat(1_000_000)}"`, 431],
])('%s: %#, and nothing runs', async (_, head, status) => {
  it = await till()
  expect((await exchange(head)).status).toBe(status)
  expect(it.runs).toBe(0)
})

test('S13: a key without its quotes is the same key', async () => {
  it = await till()
  await it.ask({ key: '"abc"' })
  expect(replayed(await it.ask({ key: 'abc' }))).toBe('true')
})

test('S13: another Accept gets the first answer, as it was', async () => {
  it = await till()
  it.handler = (_req, res) => res.status(201).format({ json: () => res.json({ a: 1 }), text: () => res.send('a=1') })
  const first = await it.ask({ headers: { Accept: 'application/json' } })
  const second = await it.ask({ headers: { Accept: 'text/plain' } })
  expect([second.status, second.text]).toEqual([201, '{"a":1}'])
  for (const name of ['content-type', 'vary'])
    expect([name, second.headers.get(name)]).toEqual([name, first.headers.get(name)])
  expect(it.runs).toBe(1)
})

const BOTH = [true, false]
const CASES = BOTH.flatMap((sameUser) =>
  BOTH.flatMap((sameKey) =>
    BOTH.flatMap((sameBody) => BOTH.map((allowed) => ({ sameUser, sameKey, sameBody, allowed }))),
  ),
)

test.each(CASES)('S13: authorization in front, %j', async ({ sameUser, sameKey, sameBody, allowed }) => {
  let isAllowed = true
  const authorize: express.RequestHandler = (_req, res, next) => (isAllowed ? next() : void res.sendStatus(403))
  it = await till({}, { before: (app) => app.use(authorize) })
  await it.ask()
  isAllowed = allowed
  const second = await it.ask({
    user: sameUser ? 'ann' : 'bob',
    key: sameKey ? '"k-1"' : '"k-2"',
    body: { amount: sameBody ? 1 : 2 },
  })
  const isKnown = sameUser && sameKey
  const expected = !allowed ? [403, null, 1] : !isKnown ? [201, null, 2] : sameBody ? [201, 'true', 1] : [422, null, 1]
  expect([second.status, replayed(second), it.runs]).toEqual(expected)
})

/** Express 4 leaves a promise of a handler to itself. */
const isExpress4 = 'lazyrouter' in express.application

test('an async handler that rejects after the money went is never run again, whether or not anybody hears of it', async () => {
  it = await till({ leaseMs: 90, maxRunMs: 100 })
  const begun = gate()
  it.handler = (_req, _res) => {
    const work = Promise.reject(new Error('after the money went'))
    // As an app that listens for unhandled rejections: otherwise Node ends the process.
    work.catch(begun.open)
    return work as never
  }
  const leaving = new AbortController()
  const first = it.ask({ signal: leaving.signal }).catch(() => 'left' as const)
  await begun.passed
  if (!isExpress4) expect(await first).toMatchObject({ status: 500 })
  let second = await it.ask()
  expect(second.json.code).toBe('idempotency_in_progress')
  while (second.status === 409) {
    it.advance(50)
    await new Promise((resolve) => setTimeout(resolve, 20))
    second = await it.ask()
  }
  expect(second.json.code).toBe('outcome_unknown')
  leaving.abort()
  if (isExpress4) expect(await first).toBe('left')
  expect(it.runs).toBe(1)
})
