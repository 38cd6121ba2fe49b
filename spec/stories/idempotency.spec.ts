import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { request as clientRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import express, { type RequestHandler } from 'express'
import request from 'supertest'
import {
  commitChange,
  detectConflicts,
  honorIdempotencyKey,
  memoryStore,
  receiveFile,
  respondToConflicts,
} from '../../lib'
import { uploadAdapter } from '../../lib/backends/file'
import { type Answer, gate, type Till, till } from './payments'

let it: Till
afterEach(() => it?.close())

const replayed = ({ headers }: Answer) => headers.get('idempotency-replayed')
const code = ({ status, json }: Answer) => `${status} ${json.code}`

describe('one key, one execution', () => {
  test('a repetition gets the first answer: status, body and what describes it', async () => {
    it = await till()
    it.handler = (_req, res) => {
      res.status(201).location('/payments/7').vary('Prefer').type('application/vnd.pay+json').send('{ "id" : 7 }\n')
    }
    const first = await it.ask()
    const second = await it.ask()
    expect(it.runs).toBe(1)
    expect([first.status, replayed(first)]).toEqual([201, null])
    expect([second.status, replayed(second), second.text]).toEqual([201, 'true', '{ "id" : 7 }\n'])
    for (const name of ['location', 'content-type', 'vary', 'content-length'])
      expect(second.headers.get(name)).toBe(first.headers.get(name))
  })

  test.each([
    ['in quotes', '"a1"', '"a1"'],
    ['bare', '"a1"', 'a1'],
    ['with a parameter', 'a1', '"a1"; v=1'],
    ['with an escape', '"a\\"1"', '"a\\"1" '],
  ])('a key is the same %s', async (_, key, again) => {
    it = await till()
    await it.ask({ key })
    expect(replayed(await it.ask({ key: again }))).toBe('true')
    expect(it.runs).toBe(1)
  })

  test('keys differ by case, and no two keys meet', async () => {
    it = await till()
    for (const key of ['"a"', '"A"', '"a "', '" a"']) expect(replayed(await it.ask({ key }))).toBeNull()
    expect(it.runs).toBe(4)
  })

  test.each([
    ['empty', ''],
    ['empty in quotes', '""'],
    ['two', '"a", "b"'],
    ['two bare', 'a, b'],
    ['open', '"a'],
    ['of more than 255 characters', `"${'x'.repeat(256)}"`],
    ['with a tab', '"a\tb"'],
    ['beyond ASCII', '"\u00e9"'],
  ])('a key that is %s is malformed: 400, with a link, and nothing runs', async (_, key) => {
    it = await till()
    const answer = await it.ask({ key: 'unset', headers: { 'Idempotency-Key': key } })
    expect(code(answer)).toBe('400 idempotency_key_invalid')
    expect(answer.headers.get('link')).toMatch(/^<https:\/\/datatracker\.ietf\.org\/.*>; rel="describedby"$/)
    expect(it.runs).toBe(0)
  })

  test('required: without a key 400, with the link of the API', async () => {
    it = await till({ required: true, docsUrl: 'https://pay.example/keys' })
    const answer = await it.ask({ key: '' })
    expect(code(answer)).toBe('400 idempotency_key_missing')
    expect(answer.headers.get('link')).toBe('<https://pay.example/keys>; rel="describedby"')
    expect(it.runs).toBe(0)
  })

  test('not required: without a key each request runs', async () => {
    it = await till()
    await it.ask({ key: '' })
    await it.ask({ key: '' })
    expect(it.runs).toBe(2)
  })

  test('what is asked for is honoured, for safe methods too', async () => {
    it = await till({ methods: ['GET'] })
    await it.ask({ method: 'GET' })
    expect(replayed(await it.ask({ method: 'GET' }))).toBe('true')
    await it.ask({ method: 'POST' })
    expect(replayed(await it.ask({ method: 'POST' }))).toBeNull()
    expect(it.runs).toBe(3)
  })

  test('safe methods have no key, nor have methods that are left out', async () => {
    it = await till({ methods: ['POST'], required: true })
    for (const method of ['GET', 'PUT', 'DELETE'])
      for (const key of ['', '"k"']) expect(replayed(await it.ask({ method, key }))).toBeNull()
    expect(it.runs).toBe(6)
  })

  test('a key may be known for longer than a timer of Node runs', async () => {
    const day = 24 * 60 * 60 * 1000
    it = await till({ ttlMs: 30 * day })
    await it.ask()
    it.advance(30 * day - 1)
    expect(replayed(await it.ask())).toBe('true')
    it.advance(30 * day)
    expect(replayed(await it.ask())).toBeNull()
  })

  test.each([
    [{ ttlMs: 4e12 }, 'idempotency: ttlMs has to be a number of milliseconds above 0; got 4000000000000. The most is'],
    [{ leaseMs: 2 ** 31 }, 'A timer of Node runs for 2147483647 ms (24.8 days) at most.'],
  ])('%j is refused with the bound', async (wrong, message) => {
    await expect(till(wrong)).rejects.toThrow(message)
  })

  test.each([
    ['another payload', '422 idempotency_key_reused', { body: { amount: 2 } }],
    ['in progress', '409 idempotency_in_progress', {}],
  ])('%s: the refusal links to the documentation of the keys', async (_, refusal, again) => {
    it = await till({ docsUrl: 'https://pay.example/keys' })
    const [begun, finish] = [gate(), gate()]
    it.handler = async (_req, res) => {
      begun.open()
      await finish.passed
      res.status(201).end()
    }
    const first = it.ask()
    await begun.passed
    const answer = await it.ask(again)
    expect(code(answer)).toBe(refusal)
    expect(answer.headers.get('link')).toBe('<https://pay.example/keys>; rel="describedby"')
    finish.open()
    await first
  })

  test('what is known of a key ends with ttlMs', async () => {
    it = await till({ ttlMs: 100_000 })
    await it.ask()
    it.advance(99_999)
    expect(replayed(await it.ask())).toBe('true')
    it.advance(100_000)
    expect(replayed(await it.ask())).toBeNull()
  })
})

describe('whose key it is', () => {
  test('nobody gets the answer of another scope', async () => {
    it = await till()
    expect((await it.ask({ user: 'ann' })).json).toEqual({ payment: 1 })
    const other = await it.ask({ user: 'bob' })
    expect([other.json, replayed(other)]).toEqual([{ payment: 2 }, null])
  })

  test('scopes of several parts cannot be made to meet', async () => {
    it = await till({ scope: (req) => (req.get('User') ?? '').split('|') })
    await it.ask({ user: 'a:b|c' })
    await it.ask({ user: 'a|b:c' })
    await it.ask({ user: 'a","b|c' })
    expect(it.runs).toBe(3)
  })

  test('a scope is asked for when the app starts', () => {
    const idempotency = { store: memoryStore() } as never
    expect(() => honorIdempotencyKey({ name: 'payment', idempotency })).toThrow(
      'honorIdempotencyKey(): idempotency: scope has to be a function that says whose key it is',
    )
  })

  test.each([
    ['undefined', undefined],
    ['an empty string', ''],
    ['an empty list', []],
    ['an empty part', ['tenant', '']],
    ['a promise', Promise.resolve('ann')],
  ])('%s is no scope: a mistake of the app, and nothing runs', async (_, given) => {
    it = await till({ scope: () => given as string })
    const answer = await it.ask()
    expect(answer.status).toBe(500)
    expect(answer.json.mistake).toContain('idempotency.scope of the payment gave')
    expect(it.runs).toBe(0)
  })
})

describe('what makes two requests one', () => {
  const first = { body: { amount: 1, to: { name: 'bob', bank: 2 }, at: 'noon' }, path: '/payments?a=1&b=2' }
  test.each([
    ['order of members', { ...first, body: '{ "at": "noon", "to":{"bank":2.0,"name":"bob"}, "amount": 1e0 }' }],
    ['order of parameters', { ...first, path: '/payments?b=2&a=1' }],
    ['parameter of the type', { ...first, headers: { 'Content-Type': 'application/json; charset=utf-8' } }],
  ])('the %s does not count', async (_, again) => {
    it = await till()
    await it.ask(first)
    expect(replayed(await it.ask(again))).toBe('true')
  })

  test.each([
    ['method', { ...first, method: 'PUT' }],
    ['path', { ...first, path: '/payments/2?a=1&b=2' }],
    ['query', { ...first, path: '/payments?a=1&b=3' }],
    ['order of parameters of one name', { ...first, path: '/payments?a=1&b=2&a=0' }],
    ['body', { ...first, body: { ...first.body, amount: 2 } }],
    ['kind of body', { ...first, headers: { 'Content-Type': 'text/plain' } }],
  ])('another %s is another request: 422', async (_, again) => {
    it = await till()
    await it.ask(first)
    expect(code(await it.ask(again))).toBe('422 idempotency_key_reused')
    expect(it.runs).toBe(1)
  })

  test('ignoreFields may differ', async () => {
    it = await till({ ignoreFields: ['/at', '/items/*/nonce'] })
    const body = (at: string, nonce: number, sku = 1) => ({ at, items: [{ sku, nonce }] })
    await it.ask({ body: body('noon', 1) })
    expect(replayed(await it.ask({ body: body('midnight', 2) }))).toBe('true')
    expect(code(await it.ask({ body: body('noon', 1, 2) }))).toBe('422 idempotency_key_reused')
  })

  test('text and bytes count as they are', async () => {
    it = await till()
    for (const type of ['text/plain', 'application/octet-stream']) {
      const headers = { 'Content-Type': type }
      const key = `"${type}"`
      await it.ask({ key, headers, body: '{"a":1}' })
      expect(replayed(await it.ask({ key, headers, body: '{"a":1}' }))).toBe('true')
      expect(code(await it.ask({ key, headers, body: '{"a": 1}' }))).toBe('422 idempotency_key_reused')
    }
  })

  test('a fingerprint of the app stands for query and body', async () => {
    it = await till({ fingerprint: (req) => req.get('Content-Digest') ?? 'none' })
    const headers = { 'Content-Digest': 'a' }
    await it.ask({ headers })
    expect(replayed(await it.ask({ headers, body: { amount: 2 }, path: '/payments?x' }))).toBe('true')
    expect(code(await it.ask({ headers: { 'Content-Digest': 'b' } }))).toBe('422 idempotency_key_reused')
    expect(code(await it.ask({ headers, path: '/payments/2' }))).toBe('422 idempotency_key_reused')
  })

  test('a form with files needs one, for nobody else knows where its parser keeps them', async () => {
    let body: unknown
    const parser: RequestHandler = (req, _res, next) => {
      req
        .on('data', () => undefined)
        .on('end', () => {
          req.body = body
          next()
        })
    }
    const headers = { 'Content-Type': 'multipart/form-data; boundary=x' }
    const before = (app: express.Express) => app.use(parser)
    it = await till({}, { before })
    body = { amount: '1' }
    const refused = await it.ask({ headers })
    expect([refused.status, refused.json.mistake]).toEqual([500, expect.stringContaining('idempotency.fingerprint')])
    expect(it.runs).toBe(0)
    body = Buffer.from('a form')
    expect((await it.ask({ headers })).status).toBe(201)
    it.close()
    it = await till({ fingerprint: (req) => JSON.stringify(req.body) }, { before })
    body = { amount: '1' }
    expect((await it.ask({ headers })).status).toBe(201)
  })

  test('a file that receiveFile received counts by its digest', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'digest-'))
    const adapter = uploadAdapter({ folder })
    const app = express()
    const idempotency = { store: memoryStore(), scope: () => 'ann' }
    const chain = detectConflicts({ name: 'file', adapter, idempotency })
    app.put('/files/:id', receiveFile({ adapter }), chain, commitChange())
    app.use(respondToConflicts())
    const put = (text: string) =>
      request(app).put('/files/a').set({ 'Idempotency-Key': '"k"', 'Content-Type': 'text/plain' }).send(text)
    expect((await put('one')).status).toBe(201)
    expect((await put('one')).headers['idempotency-replayed']).toBe('true')
    expect((await put('two')).body.code).toBe('idempotency_key_reused')
    rmSync(folder, { recursive: true })
  })

  test('a body that nothing parsed has no fingerprint: 415, and nothing runs', async () => {
    it = await till()
    expect(code(await it.ask({ headers: { 'Content-Type': 'image/png' } }))).toBe('415 unsupported_media_type')
    expect(it.runs).toBe(0)
  })

  test('a body that was sent in no chunks is none', async () => {
    it = await till()
    const send = async () => {
      const { port } = it.server.address() as AddressInfo
      const headers = {
        User: 'ann',
        'Idempotency-Key': '"empty"',
        'Content-Type': 'application/json',
        'Transfer-Encoding': 'chunked',
      }
      const [response] = await once(
        clientRequest({ port, path: '/payments', method: 'POST', headers }).end(),
        'response',
      )
      return [response.statusCode, response.headers['idempotency-replayed']]
    }
    expect([await send(), await send()]).toEqual([
      [201, undefined],
      [201, 'true'],
    ])
    expect(it.runs).toBe(1)
  })

  test.each([
    ['too deep', `${'['.repeat(50_000)}${']'.repeat(50_000)}`],
    ['no Unicode', '{"a":"\\ud800"}'],
    ['no number', '{"a":1e999}'],
  ])('a body that is %s is 400, not an overflow', async (_, body) => {
    it = await till()
    expect(code(await it.ask({ body }))).toBe('400 malformed_body')
    expect(it.runs).toBe(0)
  })
})
