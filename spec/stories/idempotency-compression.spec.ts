import { request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import compression from 'compression'
import type { RequestHandler } from 'express'
import { type Till, till } from './payments'

const TEXT = 'each line of the receipt, again and again\n'.repeat(200)

let it: Till
afterEach(() => it?.close())

const inFront = (handler: RequestHandler = compression()) => till({}, { before: (app) => app.use(handler) })

interface Raw {
  readonly status: number | undefined
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly bytes: Buffer
}

/** As it comes over the wire: `fetch` would take the coding off. */
function ask(coding: string): Promise<Raw> {
  const { port } = it.server.address() as AddressInfo
  const headers = { User: 'ann', 'Idempotency-Key': '"k-1"', 'Accept-Encoding': coding }
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ port, path: '/payments', method: 'POST', headers }, (res) => {
      const chunks: Buffer[] = []
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('end', () =>
        resolve({ status: res.statusCode, headers: res.headers as Raw['headers'], bytes: Buffer.concat(chunks) }),
      )
      res.on('error', reject)
    })
    sent.on('error', reject)
    sent.end()
  })
}

const DECODED: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  gzip: gunzipSync,
  br: brotliDecompressSync,
  identity: (bytes) => bytes,
}

function textOf({ headers, bytes }: Raw): string | undefined {
  return DECODED[headers['content-encoding'] ?? 'identity']?.(bytes).toString()
}

/** However an answer is written, and what is in it. */
const WRITTEN: Readonly<Record<string, readonly [RequestHandler, string]>> = {
  'res.json': [
    (_req, res) => void res.status(201).set('Vary', 'Accept').json({ text: TEXT }),
    JSON.stringify({ text: TEXT }),
  ],
  'res.send of bytes': [(_req, res) => void res.status(201).vary('Accept').type('text').send(Buffer.from(TEXT)), TEXT],
  'pieces, and end': [
    (_req, res) => {
      res.status(201).vary('Accept').type('text').write(TEXT)
      res.end('and the end')
    },
    `${TEXT}and the end`,
  ],
}

const CODINGS = ['gzip', 'br', 'identity']
const PAIRS = CODINGS.flatMap((first) => CODINGS.map((second) => [first, second] as const))

describe.each(Object.entries(WRITTEN))('behind compression, %s', (_name, [handler, text]) => {
  test.each(PAIRS)('asked for in %s, and again in %s: each gets the coding that it takes', async (one, other) => {
    it = await inFront()
    it.handler = handler
    const first = await ask(one)
    const second = await ask(other)
    for (const [answer, coding] of [
      [first, one],
      [second, other],
    ] as const) {
      expect(answer.status).toBe(201)
      expect(answer.headers['content-encoding'] ?? 'identity').toBe(coding)
      expect(answer.headers.vary?.split(', ').toSorted()).toEqual(['Accept', 'Accept-Encoding'])
      if (coding === 'identity' && answer.headers['content-length'])
        expect(Number(answer.headers['content-length'])).toBe(answer.bytes.length)
    }
    expect([first, second].map((answer) => textOf(answer) === text)).toEqual([true, true])
    expect(second.headers['content-type']).toBe(first.headers['content-type'])
    expect([first, second].map(({ headers }) => headers['idempotency-replayed'])).toEqual([undefined, 'true'])
    expect(it.runs).toBe(1)
  })
})

test('what is smaller than its threshold is compressed neither time', async () => {
  it = await inFront()
  it.handler = (_req, res) => void res.status(201).json({ small: true })
  for (const answer of [await ask('gzip'), await ask('gzip')]) {
    expect(answer.headers['content-encoding']).toBeUndefined()
    expect(answer.bytes.toString()).toBe('{"small":true}')
  }
  expect(it.runs).toBe(1)
})

test('an answer without a body stays one', async () => {
  it = await inFront()
  it.handler = (_req, res) => void res.status(204).end()
  for (const answer of [await ask('gzip'), await ask('gzip')]) {
    expect([answer.status, answer.bytes.length]).toEqual([204, 0])
    expect(answer.headers['content-encoding']).toBeUndefined()
  }
  expect(it.runs).toBe(1)
})
