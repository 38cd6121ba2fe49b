import { gzipSync } from 'node:zlib'
import express from 'express'
import request from 'supertest'
import {
  type ConflictOptions,
  commitChange,
  detectConflicts,
  memoryAdapter,
  refuseInexactNumbers,
  resourceRouter,
  respondToConflicts,
} from '../../lib'
import { appOf, type Doc, shelf } from './app'

const HUGE = '9007199254740993'

const bigEndian = (text: string) => Buffer.from(text, 'utf16le').swap16()

/** A router with a parser of its own, over `{ title: 'first' }`. */
async function own(options: Partial<ConflictOptions<Doc>> = {}) {
  const it = await shelf()
  const app = express()
  app.use('/r', resourceRouter<Doc>({ name: 'r', adapter: it.adapter, ...options }), respondToConflicts())
  const send = (method: 'put' | 'patch' | 'post', body: string | Buffer, headers: Record<string, string> = {}) =>
    request(app)
      [method](method === 'post' ? '/r' : '/r/1')
      .set({ ...(method !== 'post' && { 'If-Match': it.tag }), 'Content-Type': 'application/json', ...headers })
      .serialize((text) => text)
      .send(body)
  return { ...it, app, send }
}

describe('numbers that JavaScript would change are refused, whatever brings them', () => {
  test.each([
    ['PUT', 'put', `{"n":${HUGE}}`, 'application/json'],
    ['POST', 'post', `{"n":${HUGE}}`, 'application/json'],
    ['PATCH', 'patch', `{"n":${HUGE}}`, 'application/json'],
    ['a merge patch', 'patch', `{"deep":[[{"n":${HUGE}}]]}`, 'application/merge-patch+json'],
    ['a JSON Patch', 'patch', `[{"op":"add","path":"/n","value":${HUGE}}]`, 'application/json-patch+json'],
    ['the version in the body', 'put', `{"revision":${HUGE}}`, 'application/json'],
    ['UTF-16', 'put', Buffer.from(`{"n":${HUGE}}`, 'utf16le'), 'application/json; charset=utf-16le'],
    ['UTF-16, big end first', 'put', bigEndian(`{"n":${HUGE}}`), 'application/json; charset=utf-16be'],
    ['UTF-16 by its mark', 'put', bigEndian(`\uFEFF{"n":${HUGE}}`), 'application/json; charset=utf-16'],
    ['UTF-16 by its first character', 'put', bigEndian(`{"n":${HUGE}}`), 'application/json; charset=utf-16'],
    [
      'UTF-16 by the other mark',
      'put',
      Buffer.from(`\uFEFF{"n":${HUGE}}`, 'utf16le'),
      'application/json; charset=utf-16',
    ],
    ['30 digits', 'put', `[[[${HUGE}12345678901234]]]`, 'application/json'],
    ['a fraction of 30 digits', 'put', `{"n":0.${HUGE}00000000000001}`, 'application/json'],
    ['what is too large', 'put', `{"n":1e400,"of":"${HUGE}"}`, 'application/json'],
    ['what is too small', 'put', `{"n":-1e-400,"of":"${HUGE}"}`, 'application/json'],
    ['an exponent', 'put', `{"n":0.${HUGE}e16}`, 'application/json'],
    ['a test of a JSON Patch', 'patch', `[{"op":"test","path":"/n","value":${HUGE}}]`, 'application/json-patch+json'],
  ] as const)('%s', async (_, method, body, type) => {
    const { send, stored, app } = await own({ preconditions: { versionField: '/revision', required: false } })
    const answer = await send(method, body, { 'Content-Type': type }).unset('If-Match')
    expect([answer.status, answer.body.code]).toEqual([400, 'malformed_body'])
    expect(answer.body.detail).toMatch(/The number (?:.*9007199254740993|-?1e-?400)/)
    expect(await stored()).toEqual({ title: 'first' })
    expect((await request(app).get('/r/1')).status).toBe(200)
  })

  test('compressed ones too', async () => {
    const { send } = await own()
    // supertest writes a Buffer as it is.
    const answer = await send('put', gzipSync(`{"n":${HUGE}}`), { 'Content-Encoding': 'gzip' })
    expect([answer.status, answer.body.code]).toEqual([400, 'malformed_body'])
  })

  test('behind the app’s own parser, by its verify option', async () => {
    const it = await shelf()
    const app = express()
    app.use(express.json({ verify: refuseInexactNumbers }))
    app.put('/r/:id', detectConflicts<Doc>({ name: 'r', adapter: it.adapter }), commitChange())
    app.use(respondToConflicts())
    const put = (body: string) =>
      request(app).put('/r/1').set({ 'If-Match': it.tag, 'Content-Type': 'application/json' }).send(body)
    expect((await put(`{"n":${HUGE}}`)).body.code).toBe('malformed_body')
    await put(`{"n":0.1,"text":"${HUGE}"}`).expect(200)
    expect(await it.stored()).toEqual({ n: 0.1, text: HUGE })
  })

  test('what it leaves as it is: keys, exact numbers in any form, and the sign of zero, which JSON.stringify drops', async () => {
    const { send, stored } = await own()
    await send('put', `{"${HUGE}":[-0,1e2,0.10,1.0,100e-2,5e-324]}`).expect(200)
    expect(await stored()).toEqual({ [HUGE]: [0, 100, 0.1, 1, 1, 5e-324] })
  })

  test('by a parser without it: a number that is too large, a key and a version that may have been rounded', async () => {
    const it = await shelf()
    const key = '9007199254740992'
    await it.adapter.write(key, { id: Number(key) }, null)
    const app = appOf((all) =>
      all.use(
        '/r',
        resourceRouter<Doc>({ name: 'r', adapter: it.adapter, keyPointer: '/id', preconditions: { required: false } }),
      ),
    )
    const put = async (body: string) =>
      (await request(app).put(`/r/${key}`).set('Content-Type', 'application/json').send(body)).body.code
    expect(await put('{"n":1e400}')).toBe('malformed_body')
    expect(await put(`{"id":${HUGE}}`)).toBe('immutable_field')
    expect(await put(`{"id":"${HUGE}"}`)).toBe('immutable_field')
    expect(await put(`{"id":"${key}"}`)).toBeUndefined()
  })

  test('a version that the app’s parser may have rounded is nobody’s version', async () => {
    const it = await shelf()
    const adapter = { ...it.adapter, read: async () => ({ value: { title: 'first' }, version: '9007199254740992' }) }
    const app = appOf((all) =>
      all.put(
        '/r/:id',
        detectConflicts<Doc>({ name: 'r', adapter, preconditions: { versionField: '/revision' } }),
        commitChange(),
      ),
    )
    const put = (revision: string) =>
      request(app).put('/r/1').set('Content-Type', 'application/json').send(`{"title":"b","revision":${revision}}`)
    expect((await put(HUGE)).body.code).toBe('malformed_body')
    expect((await put(`"${HUGE}"`)).body.code).toBe('stale_version')
  })
})

describe('every JSON text is a body', () => {
  test.each(['null', '"x"', '1', 'false', '[]', ' {} '])('PUT and GET of %s', async (text) => {
    const { send, app, adapter } = await own()
    expect((await send('put', text).expect(200)).body).toEqual(JSON.parse(text))
    expect((await adapter.read('1'))?.value).toEqual(JSON.parse(text))
    expect((await request(app).get('/r/1').expect(200)).body).toEqual(JSON.parse(text))
  })

  test('the schema judges it', async () => {
    const { send } = await own({ schema: { type: 'object' } })
    expect((await send('put', 'null')).body).toMatchObject({ status: 422, code: 'schema_invalid' })
    expect((await send('post', '"x"')).body).toMatchObject({ status: 422, code: 'schema_invalid' })
  })

  test.each(['', '\uFEFF', '{', 'nul', '1 2'])('%j is none', async (text) => {
    const { send, stored } = await own()
    expect((await send('put', text)).body).toMatchObject({ status: 400, code: 'malformed_body' })
    expect(await stored()).toEqual({ title: 'first' })
  })

  /** RFC 7396, appendix A. */
  test.each([
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
    ['{"a":"b"}', '{"a":null}', '{}'],
    ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
    ['["a","b"]', '["c","d"]', '["c","d"]'],
    ['{"a":"b"}', '["c"]', '["c"]'],
    ['{"a":"foo"}', 'null', 'null'],
    ['{"a":"foo"}', '"bar"', '"bar"'],
    ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
    ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
    ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
  ])('%s merged with %s is %s', async (original, patch, result) => {
    const adapter = memoryAdapter<unknown>()
    await adapter.write('1', JSON.parse(original), null)
    const app = express()
    app.use('/r', resourceRouter({ name: 'r', adapter, preconditions: { required: false } }), respondToConflicts())
    const { status, body } = await request(app)
      .patch('/r/1')
      .set('Content-Type', 'application/merge-patch+json')
      .send(patch)
    expect([status, body]).toEqual([200, JSON.parse(result)])
    expect((await adapter.read('1'))?.value).toEqual(JSON.parse(result))
  })
})
