import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express, { type Request, type RequestHandler, type Response } from 'express'
import {
  type ExpiringStore,
  honorIdempotencyKey,
  type IdempotencyOptions,
  memoryStore,
  respondToConflicts,
} from '../../lib'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Buffer
  readonly text: string
  readonly json: Record<string, unknown>
}

export interface Ask {
  readonly key?: string | undefined
  readonly user?: string
  readonly method?: string
  readonly path?: string
  readonly body?: unknown
  readonly headers?: Record<string, string>
  readonly signal?: AbortSignal
}

/** A back end whose clock a spec moves. */
export interface Till {
  readonly server: Server
  /** How often the handler ran. */
  runs: number
  /** What it does; by default it answers 201 with the number of its run. */
  handler: RequestHandler
  readonly store: ExpiringStore
  advance(ms: number): void
  ask(how?: Ask): Promise<Answer>
  close(): void
}

const quiet = { warn: () => undefined, error: () => undefined }

/** An app that takes payments: each one once. The caller is whom the header `User` names. */
export async function till(
  options: Partial<IdempotencyOptions> = {},
  configure: { before?: (app: express.Express) => void; behind?: (app: express.Express) => void } = {},
): Promise<Till> {
  let now = 0
  const store = options.store ?? memoryStore({ now: () => now })
  const app = express()
  app.use(express.json(), express.text(), express.raw())
  configure.before?.(app)
  app.use(
    '/payments',
    honorIdempotencyKey({
      name: 'payment',
      idempotency: { store, scope: (req) => req.get('User') ?? '', ...options },
    }),
  )
  configure.behind?.(app)
  app.use('/payments', (req: Request, res: Response, next) => {
    it.runs += 1
    return it.handler(req, res, next)
  })
  app.use(respondToConflicts({ logger: quiet }))
  const last: express.ErrorRequestHandler = (error, _req, res, next) => {
    if (res.headersSent) return next(error)
    res.status(error.status ?? 500).json({ mistake: String(error) })
  }
  app.use(last)
  const server = app.listen(0)
  await once(server, 'listening')
  const it: Till = {
    server,
    runs: 0,
    handler: (_req, res) => void res.status(201).json({ payment: it.runs }),
    store,
    advance: (ms) => {
      now += ms
    },
    ask: (how) => ask(server, how),
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
  return it
}

export async function ask(
  server: Server,
  {
    key = '"k-1"',
    user = 'ann',
    method = 'POST',
    path = '/payments',
    body = { amount: 1 },
    headers = {},
    signal,
  }: Ask = {},
): Promise<Answer> {
  const hasBody = body !== undefined && method !== 'GET' && method !== 'HEAD'
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, {
    method,
    redirect: 'manual',
    headers: {
      User: user,
      ...(hasBody ? { 'Content-Type': 'application/json' } : {}),
      ...(key === '' ? {} : { 'Idempotency-Key': key }),
      ...headers,
    },
    ...(hasBody ? { body: typeof body === 'string' ? body : JSON.stringify(body) } : {}),
    ...(signal ? { signal } : {}),
  })
  const bytes = Buffer.from(await response.arrayBuffer())
  const text = bytes.toString()
  return {
    status: response.status,
    headers: response.headers,
    bytes,
    text,
    json: text !== '' && /json/.test(response.headers.get('content-type') ?? '') ? JSON.parse(text) : {},
  }
}

/** Something that is waited for, and the way to end the wait. */
export function gate(): { readonly passed: Promise<void>; open(): void } {
  let open = () => {}
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { passed, open }
}

/** A store that tells how often it was asked for a claim, and how often one that was refused has looked why. */
export function tellingStore() {
  const inner = memoryStore()
  const counts = { asked: 0, looked: 0 }
  const waiting: {
    readonly what: keyof typeof counts
    readonly times: number
    readonly gate: ReturnType<typeof gate>
  }[] = []
  let isHeld = (_asked: number) => false
  let until = Promise.resolve()
  const count = (what: keyof typeof counts) => {
    counts[what] += 1
    for (const each of waiting) if (counts[each.what] >= each.times) each.gate.open()
    return counts[what]
  }
  const reached = (what: keyof typeof counts) => (times: number) => {
    const passed = gate()
    waiting.push({ what, times, gate: passed })
    if (counts[what] >= times) passed.open()
    return passed.passed
  }
  const isLease = (key: string) => key.includes('lease')
  const store: ExpiringStore = {
    ...inner,
    async create(...args) {
      if (!isLease(args[0]) && isHeld(count('asked'))) await until
      return inner.create(...args)
    },
    async read(key) {
      const found = await inner.read(key)
      if (!isLease(key)) count('looked')
      return found
    },
  }
  return {
    store,
    asked: reached('asked'),
    looked: reached('looked'),
    /** The claims with these numbers, from 1 on, wait. */
    hold(which: (asked: number) => boolean, passed: Promise<void>) {
      isHeld = which
      until = passed
    },
  }
}
