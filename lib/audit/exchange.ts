import { type IncomingHttpHeaders, request as plainRequest } from 'node:http'
import { request as secureRequest } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'

/** One request and its answer. */
export interface Exchange {
  readonly method: string
  readonly url: string
  readonly sent: Readonly<Record<string, string>>
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

interface Sending {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Undoes what the audit did, and is sent even when the number of requests is used up. */
  readonly undoes?: boolean
}

/** Sends requests and remembers them. */
export interface Exchanger {
  send(method: string, url: string, sending?: Sending): Promise<Exchange>
  readonly all: readonly Exchange[]
  /** What the audit changed and could not undo, as sentences. */
  readonly left: string[]
}

interface ExchangerOptions {
  readonly headers: Readonly<Record<string, string>>
  readonly maxRequests: number
  readonly timeoutMs: number
  onExchange?(exchange: Exchange): void
}

/** A request that got no answer: the connection was refused, closed or too slow. */
export class NoAnswerError extends Error {}

const MOST_BYTES = 1_000_000
const LONGEST_PAUSE_MS = 5000

/**
 * Sends with `node:http`. `fetch` would add `Cache-Control: no-cache` to conditional requests, and then no answer is a
 * 304.
 */
export function exchanger({ headers, maxRequests, timeoutMs, onExchange }: ExchangerOptions): Exchanger {
  const all: Exchange[] = []
  let begun = 0

  async function once(method: string, url: string, sending: Sending): Promise<Exchange> {
    if (begun++ >= maxRequests && !sending.undoes)
      throw new Error(`The audit stops after ${maxRequests} requests; see --max-requests.`)
    const fields = { 'user-agent': 'express-conflict-audit', accept: 'application/json', ...headers }
    const sent = lowerCased({ ...fields, ...sending.headers })
    const exchange = await roundTrip(method, url, sent, sending.body, timeoutMs)
    all.push(exchange)
    onExchange?.(exchange)
    return exchange
  }

  return {
    all,
    left: [],
    async send(method, url, sending = {}) {
      const exchange = await once(method, url, sending)
      const isBusy = exchange.status === 429 || exchange.status === 503
      if (!isBusy) return exchange
      const seconds = Number(exchange.headers['retry-after'] ?? 1)
      await sleep(Math.min(LONGEST_PAUSE_MS, (Number.isFinite(seconds) ? seconds : 1) * 1000))
      return once(method, url, sending)
    },
  }
}

function lowerCased(fields: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name.toLowerCase(), value]))
}

function roundTrip(
  method: string,
  url: string,
  sent: Record<string, string>,
  body: string | undefined,
  timeoutMs: number,
): Promise<Exchange> {
  const send = url.startsWith('https:') ? secureRequest : plainRequest
  const headers = body === undefined ? sent : { ...sent, 'content-length': String(Buffer.byteLength(body)) }
  return new Promise((resolve, reject) => {
    const outgoing = send(
      url,
      { method, headers, agent: false, signal: AbortSignal.timeout(timeoutMs) },
      (incoming) => {
        let text = ''
        incoming.setEncoding('utf8')
        incoming.on('data', (chunk: string) => {
          if (text.length < MOST_BYTES) text += chunk
        })
        incoming.on('error', reject)
        incoming.on('end', () =>
          resolve({ method, url, sent, status: incoming.statusCode ?? 0, headers: incoming.headers, body: text }),
        )
      },
    )
    outgoing.on('error', (error) => reject(new NoAnswerError(`${method} ${url}: ${error.message}`, { cause: error })))
    outgoing.end(body)
  })
}

/** What the audit cannot undo is told with the findings, and does not take their place. */
export async function undo({ left }: Exchanger, url: string, send: () => Promise<Exchange>): Promise<void> {
  try {
    const { method, status } = await send()
    if (status >= 300) left.push(`${url}: its ${method} is ${status}`)
  } catch (error) {
    if (!(error instanceof NoAnswerError)) throw error
    left.push(error.message)
  }
}

/** A JSON object. */
export type Value = Record<string, unknown>

export function parsed(text: string): Value | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Value) : undefined
  } catch {
    return undefined
  }
}

/** Members with these names are probably free text. An id, a date or a state must not be changed. */
const TEXTS = ['title', 'name', 'description', 'text', 'subject', 'body', 'content', 'note', 'comment', 'label']

/** Without the members that only the server sets: keys, revisions and links. */
export function withoutOwn(value: Value): Value {
  return Object.fromEntries(Object.entries(value).filter(([name]) => !/^(id$|[_@])/i.test(name)))
}

/** Changes one text in the value, or a number if there is no such text. */
export function changedValue(value: Value, nth: number): Value {
  const names = Object.keys(value)
  const text = TEXTS.find((name) => typeof value[name] === 'string')
  const member = text ?? names.find((name) => typeof value[name] === 'number' && !/id$|version|rev/i.test(name))
  if (member === undefined) return { ...value, title: `audit ${nth}` }
  const before = value[member]
  return { ...value, [member]: typeof before === 'number' ? before + nth : `${before} ${nth}` }
}
