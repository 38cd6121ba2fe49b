import { createHash } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { appendFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import express from 'express'
import request from 'supertest'
import {
  commitChange,
  detectConflicts,
  type ReceiveFileOptions,
  receiveFile,
  resourceOf,
  resourceRouter,
  respondToConflicts,
  type StoredFile,
  sendFile,
  storeFault,
} from '../../lib'
import { type UploadAdapter, uploadAdapter } from '../../lib/backends/file'
import { mistake } from './app'

const root = mkdtempSync(join(tmpdir(), 'uploads-'))
afterAll(() => rmSync(root, { recursive: true }))
let count = 0

const TEXT = 'The quick brown fox jumps over the lazy dog.'
const digestOf = (text: string, name = 'sha-256') =>
  `${name}=:${createHash(name.replace('-', '')).update(text).digest('base64')}:`

interface Desk {
  readonly app: express.Express
  readonly adapter: UploadAdapter
  /** What lies in the spool. */
  spooled(): string[]
  stored(key?: string): Promise<string | undefined>
}

/** An app of files. `meanwhile` runs between the checks of a PUT and its commit. */
function desk(
  options: Partial<ReceiveFileOptions> & { change?: (adapter: UploadAdapter) => UploadAdapter } = {},
): Desk & {
  meanwhile: () => Promise<unknown>
} {
  const { change = (it) => it, ...limits } = options
  const folder = join(root, String(++count))
  const adapter = telling(change(uploadAdapter({ folder })))
  const chain = detectConflicts<StoredFile>({ name: 'file', adapter })
  const app = express()
  const it = {
    app,
    adapter,
    meanwhile: async (): Promise<unknown> => undefined,
    spooled: () => readdirSync(join(folder, '.spool')),
    stored: async (key = 'a') => textOf(await adapter.read(key)),
  }
  app.get(
    '/files/:id',
    chain,
    sendFile({ disposition: (file) => (file.type === 'image/png' ? 'inline' : 'attachment') }),
  )
  app.put(
    '/files/:id',
    receiveFile({ adapter, ...limits }),
    chain,
    (_req, _res, next) => void it.meanwhile().then(() => next(), next),
    commitChange(),
  )
  app.patch('/files/:id', receiveFile({ adapter }), chain, commitChange())
  app.delete('/files/:id', chain, commitChange())
  app.use(respondToConflicts({ logger: { warn: () => {}, error: () => {} } }), mistake)
  return it
}

async function textOf(state: Awaited<ReturnType<UploadAdapter['read']>>): Promise<string | undefined> {
  if (state === undefined) return undefined
  const chunks: Buffer[] = []
  for await (const chunk of state.value.open()) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

const put = ({ app }: Desk, text = TEXT, headers: Record<string, string> = {}) =>
  request(app).put('/files/a').set('Content-Type', 'text/plain').set(headers).send(text)

async function filled(options?: Parameters<typeof desk>[0]) {
  const it = desk(options)
  const made = await put(it)
  expect(made.status).toBe(201)
  return { ...it, it, etag: made.headers.etag ?? '' }
}

/** Without the parser of supertest, which reads by type. */
const get = ({ app }: Desk, headers: Record<string, string> = {}) =>
  request(app)
    .get('/files/a')
    .set(headers)
    .buffer(true)
    .parse((res, done) => {
      const chunks: Buffer[] = []
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('end', () => done(null, Buffer.concat(chunks).toString()))
    })

describe('PUT of a file', () => {
  test('stores it, says what it is, and leaves nothing in the spool', async () => {
    const it = desk()
    const answer = await put(it)
    expect(answer.status).toBe(201)
    expect(answer.body).toEqual({ size: TEXT.length, type: 'text/plain', digest: digestOf(TEXT) })
    expect(answer.headers.etag).toMatch(/^"1-/)
    expect(await it.stored()).toBe(TEXT)
    await until(() => it.spooled().length === 0)
  })

  test('of any type, JSON included, and of none', async () => {
    const it = desk()
    for (const [type, seen] of [
      ['application/json', 'application/json'],
      ['text/html; charset=utf-8', 'text/html; charset=utf-8'],
    ] as const) {
      const answer = await request(it.app).put(`/files/${type.length}`).set('Content-Type', type).send('{"a":')
      expect(answer.body.type).toBe(seen)
    }
    const server = it.app.listen(0)
    const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/files/none`, {
      method: 'PUT',
      body: new Uint8Array([0, 255]),
    })
    server.close()
    expect(await answer.json()).toMatchObject({ size: 2, type: 'application/octet-stream' })
  })

  test('may be empty', async () => {
    const it = desk()
    expect((await put(it, '', { 'Content-Length': '0' })).body).toMatchObject({ size: 0, digest: digestOf('') })
    expect(await it.stored()).toBe('')
    expect((await get(it)).body).toBe('')
  })

  test('with a condition that is stale is 412, and leaves nothing', async () => {
    const { it, etag } = await filled()
    expect((await put(it, 'second', { 'If-Match': etag })).status).toBe(200)
    const late = await put(it, 'third', { 'If-Match': etag })
    expect([late.status, late.body.code]).toEqual([412, 'precondition_failed'])
    expect(await it.stored()).toBe('second')
    await until(() => it.spooled().length === 0)
  })

  test('without a condition, on what is there, is 428', async () => {
    const { it } = await filled()
    expect((await put(it, 'second')).body.code).toBe('precondition_required')
    await until(() => it.spooled().length === 0)
  })

  test('that loses a race is 412 too, and leaves nothing', async () => {
    const { it, etag } = await filled()
    it.meanwhile = async () => {
      it.meanwhile = async () => undefined
      await put(it, 'faster', { 'If-Match': etag })
    }
    const late = await put(it, 'slower', { 'If-Match': etag })
    expect([late.status, late.body.code]).toEqual([412, 'precondition_failed'])
    expect(await it.stored()).toBe('faster')
    await until(() => it.spooled().length === 0)
  })

  test('with If-Match: * tries again after a lost race', async () => {
    const { it, etag } = await filled()
    it.meanwhile = async () => {
      it.meanwhile = async () => undefined
      await put(it, 'faster', { 'If-Match': etag })
    }
    expect((await put(it, 'slower', { 'If-Match': '*' })).status).toBe(200)
    expect(await it.stored()).toBe('slower')
  })

  test('that is sent again is 412: nobody can tell it from the same bytes of somebody else', async () => {
    const { it, etag } = await filled()
    const second = await put(it, 'second', { 'If-Match': etag })
    const again = await put(it, 'second', { 'If-Match': etag })
    expect([again.status, again.headers.etag]).toEqual([412, second.headers.etag])
  })

  test('DELETE removes it', async () => {
    const { it, etag } = await filled()
    expect((await request(it.app).delete('/files/a').set('If-Match', etag)).status).toBe(204)
    expect((await get(it)).status).toBe(404)
  })
})

describe('what is refused', () => {
  test.each([
    ['too long', { maxBytes: 43 }, {}, 413, 'content_too_large'],
    ['another digest', {}, { 'Content-Digest': digestOf('other') }, 400, 'malformed_body'],
    ['another SHA-512', {}, { 'Repr-Digest': digestOf('other', 'sha-512') }, 400, 'malformed_body'],
    ['a digest that is none', {}, { 'Content-Digest': 'sha-256=AAAA' }, 400, 'malformed_body'],
    ['a part', {}, { 'Content-Range': 'bytes 0-43/100' }, 400, 'malformed_body'],
    ['a coding', {}, { 'Content-Encoding': 'gzip' }, 415, 'unsupported_media_type'],
    ['a form', {}, { 'Content-Type': 'Multipart/Form-Data; boundary=x' }, 415, 'unsupported_media_type'],
    ['parts with what is said of them', {}, { 'Content-Type': 'multipart/related' }, 415, 'unsupported_media_type'],
    ['mixed parts', {}, { 'Content-Type': ' multipart/mixed; boundary=x' }, 415, 'unsupported_media_type'],
    ['names of a form', {}, { 'Content-Type': 'application/x-www-form-urlencoded' }, 415, 'unsupported_media_type'],
    ['a parameter that is none', {}, { 'Content-Digest': `${digestOf(TEXT)};a=a=1` }, 400, 'malformed_body'],
  ])('%s', async (_, limits, headers, status, code) => {
    const it = desk(limits)
    const answer = await put(it, TEXT, headers as Record<string, string>)
    expect([answer.status, answer.body.code]).toEqual([status, code])
    expect(await it.stored()).toBeUndefined()
    await until(() => it.spooled().length === 0)
  })

  test.each([
    ['as long as it may be', { maxBytes: 44 }, {}],
    ['the digest', {}, { 'Content-Digest': `${digestOf(TEXT)}, ${digestOf(TEXT, 'sha-512')}, md5=:AAAA:` }],
    ['unknown algorithms', {}, { 'Content-Digest': 'unixsum=30637, x=(1 "a");q=1, y, z=:AA==:' }],
    ['no digest', {}, { 'Content-Digest': '' }],
    ['a string as a parameter', {}, { 'Repr-Digest': `${digestOf(TEXT)};by="me, you";at=@1;s=%"%c3%a9"` }],
    ['no coding', {}, { 'Content-Encoding': 'identity' }],
  ])('not: %s', async (_, limits, headers) => {
    expect((await put(desk(limits), TEXT, headers as Record<string, string>)).status).toBe(201)
  })

  test('PATCH, whatever it sends', async () => {
    const { it, etag } = await filled()
    for (const type of ['application/merge-patch+json', 'text/plain']) {
      const answer = await request(it.app).patch('/files/a').set({ 'If-Match': etag, 'Content-Type': type }).send('{}')
      expect([answer.status, answer.body.code]).toEqual([415, 'unsupported_media_type'])
    }
  })

  test('too long, in chunks: the rest is let by, and the connection goes on', async () => {
    const it = desk({ maxBytes: 10 })
    const server = it.app.listen(0)
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    socket.write('PUT /files/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n12345678901\r\n')
    const [answer] = await once(socket, 'data')
    expect(String(answer)).toMatch(/^HTTP\/1\.1 413 [\s\S]*"code":"content_too_large"/)
    socket.write('1\r\n2\r\n0\r\n\r\nGET /files/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect(await answerOn(socket)).toMatch(/^HTTP\/1\.1 404 /)
    await until(() => it.spooled().length === 0)
    server.close()
  })

  test('PUT without a body', async () => {
    const it = desk()
    const server = it.app.listen(0)
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    socket.write('PUT /files/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect(await answerOn(socket)).toContain('"code":"malformed_body"')
    server.close()
  })

  test('a parser in front is the mistake of the app', async () => {
    const adapter = uploadAdapter({ folder: join(root, String(++count)) })
    const app = express().use(express.json(), receiveFile({ adapter }), mistake)
    const answer = await request(app).put('/').send({})
    expect(answer.body.mistake).toContain('the PUT body of type application/json was read already. Mount receiveFile()')
  })

  test.each([
    [{}, 'receiveFile(): the adapter cannot receive files; give an uploadAdapter().'],
    [{ adapter: { read: () => {} } }, 'receiveFile(): the adapter cannot receive files; give an uploadAdapter().'],
    [{ adapter: { spool: () => {} }, maxBytes: 0 }, 'receiveFile(): maxBytes is 0; give a positive integer.'],
    [{ maxByte: 5 }, 'receiveFile(): there is no option "maxByte". Did you mean "maxBytes"?'],
  ])('%j at start-up', (options, message) => {
    expect(() => receiveFile(options as never)).toThrow(new TypeError(message))
  })
})

async function answerOn(socket: ReturnType<typeof connect>): Promise<string> {
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  socket.on('error', () => {})
  await once(socket, 'close')
  return text
}

/** Hears of each upload that is opened, and of each that was taken away. */
const uploads = new EventEmitter().setMaxListeners(0)

function telling(adapter: UploadAdapter): UploadAdapter {
  return {
    ...adapter,
    async spool() {
      const spool = await adapter.spool()
      const discard = async () => {
        await spool.discard()
        uploads.emit('change')
      }
      uploads.emit('change')
      return { ...spool, discard }
    },
  }
}

/** However busy the machine is: looks again when something has happened, and only then. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await once(uploads, 'change')
}

describe('an upload that breaks off', () => {
  const HEAD = 'PUT /files/a HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n'

  async function begun(head: string, body: string) {
    const it = desk()
    const server: Server = it.app.listen(0)
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    socket.write(`${HEAD}${head}\r\n\r\n${body}`)
    await until(() => it.spooled().length === 1)
    return { it, server, socket }
  }

  test.each([
    ['Content-Length: 100', 'half of it'],
    ['Transfer-Encoding: chunked', '5\r\nhalf \r\n'],
  ])('leaves nothing (%s)', async (head, body) => {
    const { it, server, socket } = await begun(head, body)
    socket.destroy()
    await until(() => it.spooled().length === 0)
    expect(await it.stored()).toBeUndefined()
    server.close()
  })

  test('half a body is 400, and leaves nothing', async () => {
    const { it, server, socket } = await begun('Content-Length: 100', 'half of it')
    const answer = answerOn(socket)
    socket.end()
    expect(await answer).toMatch(/^HTTP\/1\.1 400 /)
    await until(() => it.spooled().length === 0)
    expect(await it.stored()).toBeUndefined()
    server.close()
  })

  test('a client that leaves before the answer does not take away what is being committed', async () => {
    const it = desk()
    let go: (value?: unknown) => void = () => undefined
    it.meanwhile = () =>
      new Promise((resolve) => {
        go = resolve
      })
    const server = it.app.listen(0)
    const closed = new Promise((resolve) => server.on('connection', (socket) => socket.on('close', resolve)))
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    socket.write(`${HEAD}Content-Length: 2\r\n\r\nit`)
    await until(() => it.spooled().length === 1)
    await new Promise((resolve) => setTimeout(resolve, 50))
    socket.destroy()
    await closed
    expect(it.spooled()).toHaveLength(1)
    go()
    await until(() => it.spooled().length === 0)
    expect(await it.stored()).toBe('it')
    server.close()
  })
})

describe('a disk that is full', () => {
  const full = () => Promise.reject(storeFault(new Error('ENOSPC'), { applied: 'no' }))

  test.each([
    ['when the upload begins', (it: UploadAdapter): UploadAdapter => ({ ...it, spool: full })],
    [
      'in the middle',
      (it: UploadAdapter): UploadAdapter => ({ ...it, spool: async () => ({ ...(await it.spool()), write: full }) }),
    ],
    ['when it is committed', (it: UploadAdapter): UploadAdapter => ({ ...it, write: full })],
  ])('%s is 503, and leaves nothing', async (_, change) => {
    const it = desk({ change })
    const answer = await put(it)
    expect([answer.status, answer.body.code]).toEqual([503, 'backend_unavailable'])
    expect(answer.headers['retry-after']).toMatch(/^\d+$/)
    await until(() => it.spooled().length === 0)
  })
})

describe('GET of a file', () => {
  test('gives its bytes, its type, its validators and its digest; nothing is guessed', async () => {
    const { it, etag } = await filled()
    const answer = await get(it)
    expect(answer.status).toBe(200)
    expect(answer.body).toBe(TEXT)
    expect(answer.headers).toMatchObject({
      'content-type': 'text/plain',
      'content-length': String(TEXT.length),
      'content-disposition': 'attachment',
      'x-content-type-options': 'nosniff',
      'repr-digest': digestOf(TEXT),
      'accept-ranges': 'bytes',
      etag,
    })
    expect(answer.headers['cache-control']).toBe('no-cache')
  })

  test('as the app says: shown, or saved', async () => {
    const it = desk()
    await put(it, TEXT, { 'Content-Type': 'image/png' })
    expect((await get(it)).headers).toMatchObject({ 'content-disposition': 'inline', 'content-type': 'image/png' })
  })

  test('HEAD gives the same header, also when it asks for a range', async () => {
    const { it, etag } = await filled()
    const answer = await request(it.app).head('/files/a').set('Range', 'bytes=0-3')
    expect([answer.status, answer.headers['content-length'], answer.headers.etag]).toEqual([200, '44', etag])
    expect(answer.headers['content-range']).toBeUndefined()
  })

  test('304 for what the client has', async () => {
    const { it, etag } = await filled()
    expect((await get(it, { 'If-None-Match': etag })).status).toBe(304)
    expect((await get(it, { 'If-Match': '"other"' })).status).toBe(412)
  })

  test.each([
    ['bytes=4-8', 206, 'quick', 'bytes 4-8/44'],
    ['bytes=-4', 206, 'dog.', 'bytes 40-43/44'],
    ['bytes=40-', 206, 'dog.', 'bytes 40-43/44'],
    ['bytes=40-100', 206, 'dog.', 'bytes 40-43/44'],
    ['bytes=0-1,4-5', 200, TEXT, undefined],
    ['lines=0-1', 200, TEXT, undefined],
    // Longer than the file: all of it (RFC 9110 §14.1.2).
    ['bytes=-44', 206, TEXT, 'bytes 0-43/44'],
    ['bytes=-45', 206, TEXT, 'bytes 0-43/44'],
    ['bytes=-99999999999999999999999', 206, TEXT, 'bytes 0-43/44'],
    ['bytes=0-99999999999999999999999', 206, TEXT, 'bytes 0-43/44'],
    ['Bytes=4-8', 206, 'quick', 'bytes 4-8/44'],
    ['bytes=43-43', 206, '.', 'bytes 43-43/44'],
    ['bytes=99-, 4-8', 206, 'quick', 'bytes 4-8/44'],
    ['bytes= ,4-8,', 206, 'quick', 'bytes 4-8/44'],
    ['bytes=4-8,-500', 200, TEXT, undefined],
    // No range at all: ignored (§14.2).
    ['bytes=8-4', 200, TEXT, undefined],
    ['bytes=-', 200, TEXT, undefined],
    ['bytes=', 200, TEXT, undefined],
    ['bytes=a-b', 200, TEXT, undefined],
    ['bytes=0-1-2', 200, TEXT, undefined],
    ['bytes', 200, TEXT, undefined],
    ['bytes=44-', 416, '', 'bytes */44'],
    ['bytes=-0', 416, '', 'bytes */44'],
    ['bytes=44-50, 99-', 416, '', 'bytes */44'],
  ])('Range: %s is %i', async (range, status, body, contentRange) => {
    const { it } = await filled()
    const answer = await get(it, { Range: range })
    expect([answer.status, answer.body, answer.headers['content-range']]).toEqual([status, body, contentRange])
    if (status === 416) expect(answer.headers.etag).toBeUndefined()
  })

  test.each([
    ['bytes=-5', 200],
    ['bytes=0-', 416],
    ['bytes=-0', 416],
  ])('Range: %s of an empty file is %i', async (range, status) => {
    const it = desk()
    await put(it, '', { 'Content-Length': '0' })
    expect((await get(it, { Range: range })).status).toBe(status)
  })

  test('If-Range is a strong comparison: a weak tag, an old one or another gives the whole', async () => {
    const { it, etag } = await filled()
    const statusOf = async (ifRange: string) => (await get(it, { Range: 'bytes=0-2', 'If-Range': ifRange })).status
    expect(await statusOf(etag)).toBe(206)
    expect(await statusOf(`W/${etag}`)).toBe(200)
    expect(await statusOf(`"x", ${etag}`)).toBe(200)
    expect(await statusOf(new Date(Date.now() + 60_000).toUTCString())).toBe(200)
    await put(it, TEXT.toUpperCase(), { 'If-Match': etag })
    expect(await statusOf(etag)).toBe(200)
  })

  test('what was edited by hand has another tag, and its own digest', async () => {
    const { it, etag } = await filled()
    const state = await it.adapter.read('a')
    appendFileSync(state?.value.path ?? '', ' And on.')
    const answer = await get(it, { Range: 'bytes=0-2', 'If-Range': etag })
    expect([answer.status, answer.body]).toEqual([200, `${TEXT} And on.`])
    expect(answer.headers['repr-digest']).toBe(digestOf(`${TEXT} And on.`))
    expect((await put(it, 'mine', { 'If-Match': etag })).status).toBe(412)
  })

  test.each([
    ['removed', 404, 'not_found'],
    ['replaced', 409, 'concurrent_update'],
  ])('that was %s since it was found is %i', async (how, status, code) => {
    const { it, etag } = await filled()
    const app = express()
    app.get(
      '/files/:id',
      detectConflicts<StoredFile>({ name: 'file', adapter: it.adapter }),
      async (_req, _res, next) => {
        if (how === 'removed') await request(it.app).delete('/files/a').set('If-Match', etag)
        else for (const text of ['b', 'c']) await put(it, text, { 'If-Match': '*' })
        next()
      },
      sendFile(),
    )
    app.use(respondToConflicts())
    const answer = await request(app).get('/files/a')
    expect([answer.status, answer.body.code]).toEqual([status, code])
    expect(answer.headers['content-disposition']).toBeUndefined()
    expect(answer.headers['repr-digest']).toBeUndefined()
  })

  test('of an adapter without files is the mistake of the app', async () => {
    const { it } = await filled()
    const app = express()
    const adapter = { read: async () => ({ value: { size: 1 }, version: '1' }) }
    app.use('/files/:id', detectConflicts({ name: 'file', adapter, writes: 'by-app' }), sendFile(), mistake)
    expect((await request(app).get('/files/a')).body.mistake).toContain('what is stored is no file')
    await until(() => it.spooled().length === 0)
  })
})

describe('the file in handlers', () => {
  test('is what was proposed, and can be looked into before it is committed', async () => {
    const adapter = uploadAdapter({ folder: join(root, String(++count)) })
    const chain = detectConflicts<StoredFile>({
      name: 'file',
      adapter,
      rules: [({ proposed }) => (proposed?.type === 'text/plain' ? undefined : { detail: 'Text only.' })],
    })
    const app = express()
    app.put('/files/:id', receiveFile({ adapter }), chain, async (req, res) => {
      const { proposed, commit } = resourceOf(req, chain)
      let first = ''
      for await (const chunk of proposed?.open({ start: 0, end: 2 }) ?? []) first += chunk
      const { state } = await commit()
      res.json({ first, size: state?.value.size })
    })
    app.use(respondToConflicts())
    const send = (type: string) => request(app).put('/files/a').set('Content-Type', type).send(TEXT)
    expect((await send('image/png')).body.code).toBe('rule_violation')
    expect((await send('text/plain')).body).toEqual({ first: 'The', size: 44 })
  })

  test('resourceRouter takes uploads behind receiveFile, and answers with what they are', async () => {
    const adapter = uploadAdapter({ folder: join(root, String(++count)) })
    const app = express()
    app.use('/files', receiveFile({ adapter }), resourceRouter<StoredFile>({ name: 'file', adapter }))
    app.use(respondToConflicts())
    const made = await request(app).post('/files').set('Content-Type', 'text/plain').send(TEXT)
    expect(made.status).toBe(201)
    const read = await request(app).get(made.headers.location ?? '')
    expect(read.body).toEqual({ size: 44, type: 'text/plain', digest: digestOf(TEXT) })
  })
})
