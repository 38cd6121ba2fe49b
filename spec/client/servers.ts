import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { type ConflictOptions, memoryAdapter, resourceRouter, respondToConflicts } from '../../lib'
import type { ClientOptions } from '../../lib/client'

export type Doc = Record<string, unknown>

/** A request as a server saw it. */
export interface Seen {
  readonly method: string
  readonly headers: IncomingMessage['headers']
}

export interface Served {
  /** Of the note. */
  readonly url: string
  readonly collection: string
  readonly seen: Seen[]
  /** Takes the next request of a method in place of the server. Without a reply the connection is cut. */
  takeNext(method: string, take: (req: IncomingMessage, res: ServerResponse) => unknown): void
  close(): Promise<void>
}

/** A server, with a place to stand in front of it. */
export async function serve(listener: RequestListener): Promise<Served> {
  const seen: Seen[] = []
  const takers: { method: string; take: (req: IncomingMessage, res: ServerResponse) => unknown }[] = []
  const server: Server = createServer((req, res) => {
    seen.push({ method: req.method ?? '', headers: req.headers })
    const index = takers.findIndex(({ method }) => method === req.method)
    if (index < 0) listener(req, res)
    else takers.splice(index, 1)[0]?.take(req, res)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const collection = `http://127.0.0.1:${(server.address() as AddressInfo).port}/notes`
  return {
    url: `${collection}/1`,
    collection,
    seen,
    takeNext: (method, take) => takers.push({ method, take }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** One of ours, that holds a note. */
export async function ourServer(
  value: Doc = { id: '1', title: 'a', body: 'a' },
  options: Partial<ConflictOptions<Doc>> = {},
) {
  const adapter = memoryAdapter<Doc>()
  const app = express()
  app.use('/notes', resourceRouter<Doc>({ name: 'note', adapter, keyPointer: '/id', ...options }))
  app.use(respondToConflicts())
  await adapter.write('1', value, null)
  const served = await serve(app)
  return {
    ...served,
    app,
    stored: async () => (await adapter.read('1'))?.value,
    /** What somebody else does. */
    async change(change: Doc) {
      const current = await adapter.read('1')
      await adapter.write('1', { ...current?.value, ...change }, current?.version ?? null)
    },
  }
}

/** Not ours: tags and conditions of RFC 9110, and no word on what is wrong. PUT is answered with what `answerPut` does. */
export async function foreignServer(
  value: Doc = { title: 'a', body: 'a' },
  { tag = (n: number) => `"v${n}"`, answerPut = true } = {},
) {
  let [count, stored] = [1, value]
  const set = (next: Doc) => {
    count++
    stored = next
  }
  const served = await serve((req, res) => {
    const current = tag(count)
    if (req.method === 'GET') {
      res.setHeader('ETag', current)
      if (req.headers['if-none-match'] === current) res.writeHead(304).end()
      else res.setHeader('Content-Type', 'application/json').end(JSON.stringify(stored))
      return
    }
    const expected = req.headers['if-match']
    // RFC 9110 §13.1.1: a weak tag matches nothing here.
    const isExpected = expected === '*' || (expected === current && !current.startsWith('W/'))
    if (req.headers['if-none-match'] === '*' || !isExpected) {
      res.writeHead(412, { 'Content-Type': 'text/plain' }).end('somebody was faster')
      return
    }
    let text = ''
    req.on('data', (chunk) => {
      text += chunk
    })
    req.on('end', () => {
      set(JSON.parse(text))
      if (answerPut) res.setHeader('ETag', tag(count))
      res.writeHead(200).end()
    })
  })
  return {
    ...served,
    stored: () => stored,
    change: (change: Doc) => set({ ...stored, ...change }),
  }
}

/** A `fetch` that loses the answers to so many requests of a method, after the server has sent them. */
export function losing(method: string, times = 1): NonNullable<ClientOptions['fetch']> {
  let left = times
  return async (url, init) => {
    const response = await fetch(url, init)
    if (init?.method !== method || left-- <= 0) return response
    await response.text()
    throw new TypeError('the line is dead')
  }
}
