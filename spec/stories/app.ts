import { type AddressInfo, connect } from 'node:net'
import express from 'express'
import {
  type ConflictMiddleware,
  type ConflictOptions,
  detectConflicts,
  type MemoryAdapter,
  type MemoryAdapterOptions,
  memoryAdapter,
  resourceOf,
  respondToConflicts,
} from '../../lib'

export type Doc = Record<string, unknown>

/** A memory adapter that holds one resource, and knows its version. */
export interface Shelf {
  readonly adapter: MemoryAdapter<Doc>
  /** Of what was stored under "1" at first. */
  readonly version: string
  /** The same as an entity tag. */
  readonly tag: string
  stored(key?: string): Promise<Doc | undefined>
  /** What another client does in between. Gives the new tag. */
  change(value: Doc, key?: string): Promise<string>
}

export async function shelf(value: Doc | null = { title: 'first' }, options?: MemoryAdapterOptions): Promise<Shelf> {
  const adapter = memoryAdapter<Doc>(options)
  const change = async (next: Doc, key = '1') => {
    const result = await adapter.write(key, next, (await adapter.read(key))?.version ?? null)
    return result.ok ? result.state.version : ''
  }
  const version = value === null ? '' : await change(value)
  return {
    adapter,
    version,
    tag: `"${version}"`,
    stored: async (key = '1') => (await adapter.read(key))?.value,
    change: async (next, key) => `"${await change(next, key)}"`,
  }
}

/** An app with a parser in front and the responder behind. What is nobody's is answered as a mistake, in one line. */
export function appOf(mount: (app: express.Express) => void): express.Express {
  const app = express()
  app.use(express.json({ type: ['application/json', 'application/*+json'] }))
  mount(app)
  app.use(respondToConflicts(), mistake)
  return app
}

export const mistake: express.ErrorRequestHandler = (error, _req, res, _next) => {
  res.status(error.status ?? 500).json({ mistake: String(error) })
}

const chains = new WeakMap<Shelf, ConflictMiddleware<Doc>>()

/** The chain of the articles on a shelf; `tells` answers with what the latest one found. */
export function chainFor(it: Shelf, options: Partial<ConflictOptions<Doc>> = {}): ConflictMiddleware<Doc> {
  const chain = detectConflicts<Doc>({ name: 'article', adapter: it.adapter, ...options })
  chains.set(it, chain)
  return chain
}

/** Answers with what the chain found: key, action, or that it let the request pass. */
export function tells(it: Shelf, resource?: ConflictMiddleware<Doc>): express.RequestHandler {
  return (req, res) => {
    res.json(found(req, resource ?? chains.get(it)))
  }
}

function found(req: express.Request, chain: ConflictMiddleware<Doc> | undefined): object {
  try {
    const { key, action } = resourceOf(req, chain as ConflictMiddleware<Doc>)
    return { key, action }
  } catch (error) {
    return { passed: /let the request pass/.test(String(error)) }
  }
}

export const PASSED = { passed: true }

/** What no client library sends: the lines as they are. The server closes the connection after its answer. */
export async function raw(app: express.Express, [first = '', ...lines]: readonly string[], body = '') {
  const server = app.listen(0)
  try {
    const socket = connect((server.address() as AddressInfo).port)
    const length = body === '' ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]
    socket.write([first, 'Host: test', 'Connection: close', ...length, ...lines, '', body].join('\r\n'))
    let text = ''
    for await (const chunk of socket) text += chunk
    const [head = '', ...rest] = text.split('\r\n\r\n')
    return { status: Number(head.split(' ')[1]), head, body: rest.join('\r\n\r\n') }
  } finally {
    server.close()
  }
}
