import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import express from 'express'
import request from 'supertest'
import { memoryStore, refuseInexactNumbers, resourceRouter, respondToConflicts } from '../../lib'
import { type Doc, raw, shelf } from './app'

async function articles(isParsedByApp: boolean) {
  const it = await shelf()
  const app = express()
  if (isParsedByApp) app.use(express.json())
  const idempotency = { store: memoryStore(), scope: () => 'ann' }
  const preconditions = { versionField: '/revision' }
  const router = resourceRouter<Doc>({ name: 'article', adapter: it.adapter, idempotency, preconditions })
  app.use('/articles', router, respondToConflicts())
  const put = (bytes: Buffer, headers: Record<string, string> = {}) => {
    const test = request(app)
      .put('/articles/1')
      .set({ 'Content-Type': 'application/json', 'If-Match': it.tag, ...headers })
    return test.serialize((body) => body as never).send(bytes as never)
  }
  return { ...it, app, put }
}

const isExpress4 = 'lazyrouter' in express.application
const NOTHING = Buffer.alloc(0)

describe.each([
  ['parsed by the app', true],
  ['parsed by the router', false],
])('a body %s', (_, isParsedByApp) => {
  test.each<[string, Buffer, Record<string, string>]>([
    ['gzip of nothing', gzipSync(NOTHING), { 'Content-Encoding': 'gzip' }],
    ['deflate of nothing', deflateSync(NOTHING), { 'Content-Encoding': 'deflate' }],
    ['gzip of a byte order mark', gzipSync(Buffer.from('efbbbf', 'hex')), { 'Content-Encoding': 'gzip' }],
    ['a byte order mark', Buffer.from('efbbbf', 'hex'), {}],
    ['a mark of UTF-16', Buffer.from('fffe', 'hex'), { 'Content-Type': 'application/json; charset=utf-16' }],
  ])('of %s is 400, and nothing is stored', async (_name, bytes, headers) => {
    const { put, stored } = await articles(isParsedByApp)
    const { status, body } = await put(bytes, headers)
    expect([status, body.code, await stored()]).toEqual([400, 'malformed_body', { title: 'first' }])
  })

  test.each<[string, Buffer, Record<string, string>]>([
    ['alone', Buffer.from('{}'), {}],
    ['between spaces', Buffer.from(' {} '), {}],
    ['in gzip', gzipSync('{}'), { 'Content-Encoding': 'gzip' }],
    ['in deflate', deflateSync('{}'), { 'Content-Encoding': 'deflate' }],
  ])('of {} %s is stored', async (_name, bytes, headers) => {
    const { put, stored } = await articles(isParsedByApp)
    await put(bytes, headers).expect(200)
    expect(await stored()).toEqual({})
  })

  // The parser of Express 4 knows no brotli.
  test('in brotli is read, or refused by the parser', async () => {
    const { put, stored } = await articles(isParsedByApp)
    const ofNothing = await put(brotliCompressSync(NOTHING), { 'Content-Encoding': 'br' })
    const empty = await put(brotliCompressSync('{}'), { 'Content-Encoding': 'br' })
    const known = [ofNothing.status, empty.status, await stored()]
    expect(known).toEqual(isExpress4 ? [415, 415, { title: 'first' }] : [400, 200, {}])
  })

  test('of {} and a line break is stored where it was looked at before it was parsed', async () => {
    const { put } = await articles(isParsedByApp)
    await put(Buffer.from('{}\n')).expect(isParsedByApp ? 400 : 200)
  })

  test('of a DELETE may hold the version, beside an Idempotency-Key', async () => {
    const { app, version, stored } = await articles(isParsedByApp)
    const remove = (revision: string) =>
      request(app).delete('/articles/1').set('Idempotency-Key', `"${revision}"`).send({ revision })
    expect((await remove('old')).body.code).toBe('stale_version')
    await remove(version).expect(204)
    expect((await remove(version).expect(204)).headers['idempotency-replayed']).toBe('true')
    expect(await stored()).toBeUndefined()
  })
})

describe('refuseInexactNumbers lets a body of nothing through where none is needed', () => {
  const empty = [
    ['a length of 0', ['Content-Length: 0']],
    // raw() ends the head behind these lines.
    ['no chunk', ['Transfer-Encoding: chunked', '', '0', '']],
  ] as const
  const app = async () => {
    const it = await shelf()
    const all = express().use(express.json({ verify: refuseInexactNumbers }))
    all.post('/logout', (_req, res) => void res.sendStatus(204))
    all.use('/articles', resourceRouter<Doc>({ name: 'article', adapter: it.adapter }), respondToConflicts())
    return { ...it, all }
  }

  test.each(empty)('of %s', async (_, lines) => {
    const { all, tag, stored } = await app()
    const send = async (head: string) =>
      (await raw(all, [`${head} HTTP/1.1`, 'Content-Type: application/json', `If-Match: ${tag}`, ...lines])).status
    expect(await send('POST /logout')).toBe(204)
    expect(await send('PUT /articles/1')).toBe(400)
    expect(await stored()).toEqual({ title: 'first' })
    expect(await send('DELETE /articles/1')).toBe(204)
  })
})
