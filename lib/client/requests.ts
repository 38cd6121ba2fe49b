import { sameJson } from '../json/equal'
import { refuseUnknown } from '../options'
import {
  answerOf,
  changeCondition,
  isChanged,
  isGone,
  type Memory,
  memoryOf,
  namesState,
  readCondition,
  type Seen,
  seenIn,
  showsResource,
} from './memory'
import {
  type Answer,
  type ChangeOptions,
  type ClientOptions,
  type PostOptions,
  REQUEST_OPTIONS,
  type RequestOptions,
} from './options'
import { type ProblemError, refusalWith, unknownOutcome } from './problem-error'
import { type Reply, sendWithRetries } from './send-with-retries'

/** A state that was read, with its validators and the answer that showed it. */
export interface Read {
  readonly seen: Seen
  readonly answer: Answer<unknown>
}

/** The requests of a client, each with its retries. */
export interface Requests {
  readonly memory: Memory
  absolute(url: string): string
  /** The state that a change is made from. */
  seenBy(url: string, options: ChangeOptions): Seen | undefined
  read(url: string, options: RequestOptions): Promise<Read>
  /** Reads without remembering the state. */
  readUnremembered(url: string, options: RequestOptions): Promise<Answer<unknown>>
  /** Resolves after the answer to a change of the resource that is under way, if there is one. */
  answered(url: string): Promise<unknown>
  /** Opens a stream of server-sent events. */
  connect(url: string, fields: Readonly<Record<string, string>>, options: RequestOptions): Promise<Response>
  change(method: string, url: string, value: unknown, seen: Seen | undefined, options: ChangeOptions): Promise<Changed>
  post(url: string, value: unknown, options: PostOptions): Promise<Answer<unknown>>
}

export type Changed = { readonly answer: Answer<unknown>; readonly refusal?: undefined } | Refused

/** `afterUnknown`: an earlier try may have been carried out. */
export interface Refused {
  readonly answer?: undefined
  readonly refusal: ProblemError
  readonly afterUnknown: boolean
}

export function requestsOf(options: ClientOptions): Requests {
  const { deadlineMs = 30_000, tries = 5, maxRemembered = 500, idempotencyKeys = true } = options
  const memory = memoryOf(maxRemembered)
  const underWay = new Map<string, Promise<unknown>>()
  // People write it with or without a slash at the end.
  const base = options.baseUrl && absoluteUrl('baseUrl', options.baseUrl.replace(/\/?$/, '/'), pageUrl())

  async function send(
    method: string,
    url: string,
    value: unknown,
    fields: Readonly<Record<string, string>>,
    own: RequestOptions,
  ): Promise<Reply> {
    refuseUnknown(`${method} ${url}`, own, REQUEST_OPTIONS)
    const headers = new Headers({ Accept: 'application/json, application/problem+json', ...options.headers })
    mustBeJson(method, url, value)
    if (value !== undefined) headers.set('Content-Type', typeOf(method, value))
    if (method !== 'GET') headers.set('Prefer', 'return=representation')
    for (const [name, text] of Object.entries({ ...fields, ...own.headers })) headers.set(name, text)
    const message = { method, url, headers, body: JSON.stringify(value), signal: own.signal }
    const reply = await sendWithRetries(options.fetch ?? fetch, message, {
      tries,
      deadlineMs: own.deadlineMs ?? deadlineMs,
    })
    if (isGone(reply)) memory.forget(url)
    return reply
  }

  /** Remembers a representation under its URL. */
  function remember(url: string, reply: Reply, text: string): Seen {
    const seen = seenIn(reply.headers, text)
    memory.set(url, seen)
    return seen
  }

  async function read(url: string, own: RequestOptions): Promise<Read> {
    const known = memory.get(url)
    const reply = await send('GET', url, undefined, readCondition(known), own)
    if (reply.refusal) throw reply.refusal
    // After a 304 to the caller's own condition, only the caller knows the value.
    const seen = reply.status === 304 ? (known ?? seenIn(reply.headers, '')) : remember(url, reply, reply.text)
    return { seen, answer: { ...answerOf(url, reply, seen.text), etag: seen.etag } }
  }

  /** After a change, the value may be known without validators. If a read shows the same value, it has them. */
  async function named(url: string, seen: Seen | undefined, own: RequestOptions): Promise<Seen | undefined> {
    if (!seen?.text || seen.etag || seen.lastModified) return seen
    const now = await read(url, own)
    return sameJson(now.answer.value, JSON.parse(seen.text)) ? now.seen : undefined
  }

  async function change(
    method: string,
    url: string,
    value: unknown,
    known: Seen | undefined,
    own: ChangeOptions,
  ): Promise<Changed> {
    const seen = own.condition ? known : await named(url, known, own)
    if (known && !seen) return { refusal: changedMeanwhile(), afterUnknown: false }
    const sendIf = (condition?: string) => send(method, url, value, changeCondition(method, url, seen, condition), own)
    let reply = await sendIf(own.condition)
    const problem = reply.refusal?.problem
    // A proxy has changed the tag. The server says that the state is still the same, and names its tag.
    if (problem?.code === 'weak_validator' && problem.current) reply = await sendIf(`${problem.current}`)
    const { refusal, afterUnknown } = reply
    // Either an earlier try, whose answer was lost, has removed it, or somebody else has.
    if (method === 'DELETE' && afterUnknown && isGone(reply)) return { answer: answerOf(url, reply, '') }
    if (refusal) return { refusal, afterUnknown }
    // A login portal may have answered. If the answer names no state, a read has to show that the state has changed.
    const now = namesState(reply) ? reply : await send('GET', url, undefined, {}, own)
    if (now !== reply && !isChanged(method, seen, now)) return { refusal: unknownOutcome(reply), afterUnknown }
    const asSent = method === 'PUT' ? JSON.stringify(value) : undefined
    const text = showsResource(url, reply) ? reply.text : asSent
    if (method === 'DELETE' || text === undefined) memory.forget(url)
    else remember(url, reply, text)
    // RFC 9110 §9.3.4: the answer to a PUT has an ETag only if the value was stored as it was sent.
    const isKnown = text !== asSent || reply.headers.has('ETag')
    return { answer: answerOf(url, reply, (isKnown && text) || reply.text) }
  }

  return {
    memory,
    absolute: (url) => absoluteUrl('url', url, base || pageUrl()),
    seenBy(url, { from }) {
      if (!from) return memory.get(url)
      // Another resource may have the same tag: versions that are counted all begin at 1. A query does not count.
      if (from.url && from.url.split('?')[0] !== url.split('?')[0])
        throw new TypeError(`from: ${from.url} is not ${url}.`)
      return seenIn(from.headers, JSON.stringify(from.value) ?? '')
    },
    read,

    async readUnremembered(url, own) {
      const reply = await send('GET', url, undefined, {}, own)
      if (reply.refusal) throw reply.refusal
      return answerOf(url, reply, reply.text)
    },

    connect(url, fields, { headers, signal = null }) {
      const all = { Accept: 'text/event-stream', ...options.headers, ...fields, ...headers }
      return (options.fetch ?? fetch)(url, { headers: all, signal, cache: 'no-store' } as RequestInit)
    },

    change(method, url, value, known, own) {
      const changed = change(method, url, value, known, own)
      underWay.set(url, changed)
      const end = () => underWay.get(url) === changed && underWay.delete(url)
      changed.then(end, end)
      return changed
    },

    answered: async (url) => underWay.get(url)?.catch(() => {}),

    async post(url, value, { idempotencyKey, ...own }) {
      const key = idempotencyKey ?? (idempotencyKeys ? randomKey() : undefined)
      // A string of RFC 9651 §3.3.3 with these characters is the same as in JSON.
      const fields = key === undefined ? {} : { 'Idempotency-Key': JSON.stringify(key) }
      const reply = await send('POST', url, value, fields, own)
      if (reply.refusal) throw reply.refusal
      const answer = answerOf(url, reply, reply.text)
      if (answer.location && showsResource(answer.location, reply)) remember(answer.location, reply, reply.text)
      return answer
    },
  }
}

function changedMeanwhile(): ProblemError {
  return refusalWith('precondition_failed', 'It has changed', { status: 412, headers: new Headers() })
}

/** A PATCH with an array is a JSON Patch (RFC 6902), with anything else a merge patch (RFC 7396). */
function typeOf(method: string, value: unknown): string {
  const patch = Array.isArray(value) ? 'json-patch+' : 'merge-patch+'
  return `application/${method === 'PATCH' ? patch : ''}json`
}

/** 128 random bits. `crypto.randomUUID` is missing in pages that were not loaded over TLS. */
function randomKey(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join('-')
}

function absoluteUrl(name: string, url: string, base: string | undefined): string {
  try {
    return new URL(url, base).href
  } catch {
    throw new TypeError(`${name} ${url}: give an absolute URL.`)
  }
}

/** Throws for a value that `JSON.stringify` would drop, such as a function, or turn into `{}`, such as a promise. */
function mustBeJson(method: string, url: string, value: unknown): void {
  const isMissing = /^P[UA]/.test(method) && JSON.stringify(value) === undefined
  if (isMissing || value instanceof Promise)
    throw new TypeError(`${method} ${url}: the value is ${isMissing ? `${value}` : 'a promise; await it'}.`)
}

function pageUrl(): string | undefined {
  const page = globalThis as { document?: { baseURI: string }; location?: { href: string } }
  return page.document?.baseURI ?? page.location?.href
}
