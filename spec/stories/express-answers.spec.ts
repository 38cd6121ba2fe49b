import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import express, { type Express, type NextFunction, type Request, type Response } from 'express'
import { memoryAdapter, refuseInexactNumbers, resourceRouter, respondToConflicts } from '../../lib'

/**
 * The router reads most bodies and writes most answers by itself, for Express's parser and `res.json` do much that it has
 * no need of. None of it may be seen: each request is sent to a second app, in which both are Express's own.
 */

interface Note {
  readonly id?: string
  readonly title: string
}

type Setting = (app: Express) => void

interface Seen {
  readonly answer: string
  readonly errors: readonly object[]
  readonly writes: number
}

const TYPES = ['application/json', 'application/*+json']

async function appWith(settings: readonly Setting[], isExpress: boolean) {
  const adapter = memoryAdapter<Note>({ now: () => 0 })
  await adapter.write?.('1', { id: '1', title: 'Zoë <b> & \u2028' }, null)
  const errors: object[] = []
  const app = express()
  for (const set of settings) set(app)
  if (isExpress) {
    app.use((_req, res, next) => {
      const { json, vary } = res
      // Does what it did, and is no longer Express's.
      res.json = function (value) {
        return json.call(this, value)
      }
      res.vary = function (field) {
        return vary.call(this, field)
      }
      next()
    })
    app.use('/notes', express.json({ type: TYPES, strict: false, verify: refuseInexactNumbers }))
  }
  let writes = 0
  const counted = {
    ...adapter,
    read: async (key: string) => {
      const state = await adapter.read(key)
      return state && { ...state, etag: '"t"' }
    },
    write: (...args: Parameters<NonNullable<typeof adapter.write>>) => {
      writes++
      return adapter.write!(...args)
    },
  }
  app.use(
    '/notes',
    resourceRouter<Note>({
      name: 'note',
      adapter: counted,
      preconditions: { required: false },
      generateKey: () => 'made',
    }),
  )
  app.use((error: object, _req: Request, _res: Response, next: NextFunction) => {
    errors.push(shapeOf(error))
    next(error)
  })
  app.use(respondToConflicts())
  app.use((error: Error, _req: Request, res: Response, _next: NextFunction) => {
    res.status(500).end(error.message)
  })
  return { app, errors, writes: () => writes }
}

/** What an error handler of the app can see of a parser's error. */
function shapeOf(error: object): object {
  const { message, ...rest } = error as Error & Record<string, unknown>
  return Object.fromEntries(
    Object.entries({ ...rest, message, name: (error as Error).name })
      .filter(([name]) => !['facts', 'detail', 'stack'].includes(name))
      .map(([name, value]) => [name, Buffer.isBuffer(value) ? value.toString('hex') : value]),
  )
}

const server = (app: Express) => createServer(app)

async function send(
  settings: readonly Setting[],
  isExpress: boolean,
  bytes: readonly (string | Buffer)[],
  isCut: boolean,
): Promise<Seen> {
  const { app, errors, writes } = await appWith(settings, isExpress)
  const listening = server(app).listen(0)
  await once(listening, 'listening')
  const requests: IncomingMessage[] = []
  listening.prependListener('request', (req: IncomingMessage) => requests.push(req))
  const socket = connect((listening.address() as AddressInfo).port)
  let answer = ''
  socket.setEncoding('latin1').on('data', (text: string) => {
    answer += text
  })
  for (const part of bytes) {
    await new Promise<void>((resolve) => socket.write(part, () => resolve()))
    await new Promise((resolve) => setImmediate(resolve))
  }
  if (isCut) {
    while (requests.length === 0) await new Promise((resolve) => setImmediate(resolve))
    socket.destroy()
    while (errors.length === 0) await new Promise((resolve) => setImmediate(resolve))
  } else await once(socket, 'close')
  listening.close()
  const head = answer
    .replace(/^(Date|ETag): .*\r\n/gim, '$1\r\n')
    // Shown once its second is over.
    .replace(/^Last-Modified: .*\r\n/gim, '')
    .replace(/urn:uuid:[-\da-f]+/g, 'urn')
  return { answer: head.split('\r\n').sort().join('\r\n'), errors: [...errors], writes: writes() }
}

const JSON_TYPE = 'Content-Type: application/json'

function requestOf(line: string, headers: readonly string[] = [], body?: string | Buffer): Buffer {
  const length = body === undefined ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]
  const head = [
    `${line} HTTP/1.1`,
    'Host: x',
    'Connection: close',
    ...headers,
    ...(headers.some((each) => /^(Content-Length|Transfer-Encoding)/.test(each)) ? [] : length),
  ]
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), Buffer.from(body ?? '')])
}

const put = (body: string | Buffer, ...headers: string[]) =>
  requestOf(
    'PUT /notes/1',
    headers.some((each) => each.startsWith('Content-Type')) ? headers : [JSON_TYPE, ...headers],
    body,
  )

const padded = (length: number) => {
  const text = JSON.stringify({ title: '' })
  return text.replace('""', `"${'x'.repeat(length - text.length)}"`)
}
const replacing =
  (name: 'json' | 'send' | 'set' | 'vary'): Setting =>
  (app) =>
    app.use((_req, res, next) => {
      const own = res[name] as (...args: unknown[]) => Response
      Object.assign(res, {
        [name](this: Response, ...args: unknown[]) {
          if (name === 'json') return own.call(this, { wrapped: args[0] })
          if (!this.headersSent) this.setHeader(`X-${name}`, 'seen')
          return own.apply(this, args)
        },
      })
      next()
    })
const inFront =
  (field: string, value: string): Setting =>
  (app) =>
    app.use((_req, res, next) => {
      res.setHeader(field, value)
      next()
    })

const statusInFront =
  (status: number): Setting =>
  (app) =>
    app.use((_req, res, next) => {
      res.status(status)
      next()
    })

const SETTINGS: Readonly<Record<string, readonly Setting[]>> = {
  'nothing set': [],
  'json spaces': [(app) => app.set('json spaces', 2)],
  'json replacer': [(app) => app.set('json replacer', ['title'])],
  'json escape': [(app) => app.set('json escape', true)],
  'etag false': [(app) => app.set('etag', false)],
  'etag strong': [(app) => app.set('etag', 'strong')],
  'x-powered-by off': [(app) => app.disable('x-powered-by')],
  'res.json replaced': [replacing('json')],
  'res.send replaced': [replacing('send')],
  'res.set replaced': [replacing('set')],
  'res.vary replaced': [replacing('vary')],
  'app.response.json replaced': [
    (app) => {
      const { json } = app.response
      app.response.json = function (value) {
        return json.call(this, { wrapped: value })
      }
    },
  ],
  'Content-Type in front': [inFront('Content-Type', 'application/vnd.note+json')],
  'Transfer-Encoding in front': [inFront('Transfer-Encoding', 'chunked')],
  'Vary in front': [inFront('Vary', 'Origin')],
  'Vary: Prefer in front': [inFront('Vary', 'prefer')],
  'Vary: * in front': [inFront('Vary', '*')],
  'Cache-Control in front': [inFront('Cache-Control', 'max-age=5')],
  'status 204 in front': [statusInFront(204)],
  'status 205 in front': [statusInFront(205)],
  'our tags taken off in front': [
    (app) =>
      app.use((_req, res, next) => {
        const { setHeader } = res
        res.setHeader = function (name, value) {
          return name === 'ETag' && !String(value).startsWith('W/') ? this : setHeader.call(this, name, value)
        }
        next()
      }),
  ],
}

const REQUESTS: Readonly<Record<string, readonly (string | Buffer)[]>> = {
  GET: [requestOf('GET /notes/1')],
  HEAD: [requestOf('HEAD /notes/1')],
  'GET of nothing': [requestOf('GET /notes/2')],
  'GET with another tag': [requestOf('GET /notes/1', ['If-None-Match: "other"'])],
  'GET with an old date': [requestOf('GET /notes/1', ['If-Modified-Since: Sat, 01 Jan 2000 00:00:00 GMT'])],
  'GET with a date to come': [requestOf('GET /notes/1', ['If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT'])],
  'GET with a tag in a malformed list': [requestOf('GET /notes/1', ['If-None-Match: "x, "t"'])],
  'GET with any tag': [requestOf('GET /notes/1', ['If-None-Match: *'])],
  PUT: [put('{"title":"é"}')],
  'PUT that makes': [requestOf('PUT /notes/3', [JSON_TYPE], '{"title":"three"}')],
  'PUT with Prefer': [put('{"title":"b"}', 'Prefer: return=minimal')],
  PATCH: [requestOf('PATCH /notes/1', ['Content-Type: application/merge-patch+json'], '{"title":"c"}')],
  'JSON Patch': [
    requestOf(
      'PATCH /notes/1',
      ['Content-Type: application/json-patch+json'],
      '[{"op":"replace","path":"/title","value":"d"}]',
    ),
  ],
  POST: [requestOf('POST /notes', [JSON_TYPE], '{"title":"e"}')],
  DELETE: [requestOf('DELETE /notes/1')],
  'DELETE with a body': [requestOf('DELETE /notes/1', [JSON_TYPE], '{"a":1}')],
}

/** The first part ends within a character. */
const longPut = put(`{"title":"${'é'.repeat(3000)}"}`)

const BODIES: Readonly<Record<string, readonly (string | Buffer)[]>> = {
  'in two parts': [put('{"title":"two parts"}').subarray(0, -5), put('{"title":"two parts"}').subarray(-5)],
  'a character over two parts': [put('{"title":"é"}').subarray(0, -3), put('{"title":"é"}').subarray(-3)],
  'long, in two parts': [longPut.subarray(0, 3001), longPut.subarray(3001)],
  'spaces between': [put('{ "title": "a" }')],
  'a needless escape': [put('{"title":"\\u0061"}')],
  'a member twice': [put('{"title":"a","title":"b"}')],
  'a number with needless zeros': [put('{"title":"a","n":1.500}')],
  'charset in capitals': [put('{"title":"a"}', 'Content-Type: application/json; charset=UTF-8')],
  'charset in quotes': [put('{"title":"a"}', 'Content-Type: application/json; charset="utf-8"')],
  'utf-8 named': [put('{"title":"a"}', 'Content-Type: application/json;charset=utf-8')],
  'utf-16': [put(Buffer.from('\ufeff{"title":"a"}', 'utf16le'), 'Content-Type: application/json; charset=utf-16')],
  'utf-32': [put('{"title":"a"}', 'Content-Type: application/json; charset=utf-32')],
  latin1: [put('{"title":"a"}', 'Content-Type: application/json; charset=latin1')],
  'another JSON type': [put('{"title":"a"}', 'Content-Type: application/vnd.note+json')],
  'no type': [requestOf('PUT /notes/1', [], '{"title":"a"}')],
  'another type': [put('title=a', 'Content-Type: application/x-www-form-urlencoded')],
  gzip: [put(gzipSync('{"title":"a"}'), 'Content-Encoding: gzip')],
  'gzip of nothing': [put(gzipSync(''), 'Content-Encoding: gzip')],
  'no gzip, though said': [put('{"title":"a"}', 'Content-Encoding: gzip')],
  'an unknown coding': [put('{"title":"a"}', 'Content-Encoding: rot13')],
  identity: [put('{"title":"a"}', 'Content-Encoding: identity')],
  chunked: [requestOf('PUT /notes/1', [JSON_TYPE, 'Transfer-Encoding: chunked'], 'd\r\n{"title":"a"}\r\n0\r\n\r\n')],
  'chunked, of nothing': [requestOf('PUT /notes/1', [JSON_TYPE, 'Transfer-Encoding: chunked'], '0\r\n\r\n')],
  'a byte order mark': [put('\ufeff{"title":"a"}')],
  'a byte order mark alone': [put('\ufeff')],
  nothing: [put('')],
  spaces: [put('   ')],
  null: [put('null')],
  text: [put('"x"')],
  number: [put('7')],
  'an empty object': [put('{}')],
  'an empty object as long as a byte order mark': [put('{ }')],
  'no JSON': [put('{"title":')],
  'no JSON, with a quotation': [put("{'title': 1}")],
  'no JSON, of two values': [put('{} {}')],
  'a prototype': [put('{"__proto__":{"a":1},"title":"x"}')],
  'half a surrogate': [put('{"title":"\\ud800"}')],
  'bytes that are no UTF-8': [put(Buffer.from('7b227469746c65223a22ff227d', 'hex'))],
  'a number that is too long': [put('{"title":"a","n":9007199254740993}')],
  'a number that is too large': [put('{"title":"a","n":1e400}')],
  'too long a number in no JSON': [put('{"title":"a","n":9007199254740993')],
  'as long as may be': [put(padded(102_400))],
  'a byte too long': [put(padded(102_401))],
  'a length with a sign': [requestOf('PUT /notes/1', [JSON_TYPE, 'Content-Length: +13'], '{"title":"a"}')],
  'too deep': [put(`${'['.repeat(1000)}${']'.repeat(1000)}`)],
}

async function expectTheSame(settings: readonly Setting[], bytes: readonly (string | Buffer)[], isCut = false) {
  const ours = await send(settings, false, bytes, isCut)
  const theirs = await send(settings, true, bytes, isCut)
  expect(ours).toEqual(theirs)
  return ours
}

describe('answers are as res.json gives them', () => {
  describe.each(Object.entries(SETTINGS))('%s', (_name, settings) => {
    test.each(Object.entries(REQUESTS))('%s', async (_request, bytes) => {
      const { answer } = await expectTheSame(settings, bytes)
      expect(answer).toMatch(/HTTP\/1.1 \d\d\d/)
    })
  })
})

test('a function of the answer that the app has replaced is called', async () => {
  const { answer } = await expectTheSame([replacing('vary'), replacing('send')], REQUESTS.PUT ?? [])
  expect(answer).toMatch(/X-send: seen.*X-vary: seen/s)
})

describe('bodies are as the parser of Express reads them', () => {
  test.each(Object.entries(BODIES))('%s', async (_name, bytes) => {
    const { answer } = await expectTheSame([], bytes)
    expect(answer).toMatch(/HTTP\/1.1 \d\d\d/)
  })

  test('that ends too early, as the error handler of the app sees it', async () => {
    const { errors, writes } = await expectTheSame([], [put('{"title":"too short"}').subarray(0, -5)], true)
    expect(errors).toMatchObject([{ type: 'request.aborted', received: 16, expected: 21 }])
    expect(writes).toBe(0)
  })

  test('that is not as long as was said', async () => {
    const shortened: Setting = (app) =>
      app.use((req, _res, next) => {
        req.headers['content-length'] = '12'
        next()
      })
    const { errors } = await expectTheSame([shortened], [put('{"title":"a"}')])
    expect(errors).toMatchObject([{ type: 'request.size.invalid', received: 13, expected: 12 }])
  })

  test('behind a stream with an encoding', async () => {
    const decoded: Setting = (app) =>
      app.use((req, _res, next) => {
        req.setEncoding('utf8')
        next()
      })
    const { errors } = await expectTheSame([decoded], [put('{"title":"a"}')])
    expect(errors).toMatchObject([{ type: 'stream.encoding.set' }])
  })

  test('what AsyncLocalStorage holds in front is there behind', async () => {
    const storage = new AsyncLocalStorage<string>()
    const seen: (string | undefined)[] = []
    const app = express()
    app.use((_req, _res, next) => storage.run('mine', next))
    const adapter = memoryAdapter<Note>()
    app.use(
      '/notes',
      resourceRouter<Note>({ name: 'note', adapter, rules: [() => void seen.push(storage.getStore())] }),
    )
    const listening = server(app).listen(0)
    const { port } = listening.address() as AddressInfo
    for (const body of ['{"title":"a"}', '\ufeff{"title":"a"}'])
      await fetch(`http://127.0.0.1:${port}/notes/${body.length}`, {
        method: 'PUT',
        headers: { 'Content-Type': 'application/json' },
        body: Buffer.from(body),
      })
    listening.close()
    expect(seen).toEqual(['mine', 'mine'])
  })
})
