import { sameJson } from '../json/equal'
import { changeCondition, readCondition } from './conditions'
import { exchange, type Reply } from './exchange'
import { type Memory, memoryOf, type Seen } from './memory'
import type { Answer, ChangeOptions, ClientOptions, PostOptions, RequestOptions } from './options'
import { ProblemError } from './problem-error'

/** A state that was read: what the server showed, and by what it is known. */
export interface Read {
  readonly seen: Seen
  readonly answer: Answer<unknown>
}

/** The requests of a client, each once with its retries; what they were refused with is thrown. */
export interface Requests {
  readonly memory: Memory
  absolute(url: string): string
  read(url: string, options: RequestOptions): Promise<Read>
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
  const base = options.baseUrl && new URL(options.baseUrl, pageUrl())

  async function send(
    method: string,
    url: string,
    value: unknown,
    fields: Readonly<Record<string, string>>,
    own: RequestOptions,
  ): Promise<Reply> {
    const headers = new Headers({ Accept: 'application/json, application/problem+json', ...options.headers })
    const type = value === undefined ? {} : { 'Content-Type': typeOf(method, value) }
    const prefer = method === 'GET' ? {} : { Prefer: 'return=representation' }
    for (const [name, text] of Object.entries({ ...type, ...prefer, ...fields, ...own.headers }))
      headers.set(name, text)
    const body = value === undefined ? undefined : JSON.stringify(value)
    const message = { method, url, headers, body, signal: own.signal }
    const reply = await exchange(options.fetch ?? fetch, message, { tries, deadlineMs: own.deadlineMs ?? deadlineMs })
    if (isGone(reply)) memory.forget(url)
    return reply
  }

  /** A representation stands under its URL from now on. */
  function remember(url: string, reply: Reply, text: string): Seen {
    const seen = seenIn(reply, text)
    memory.set(url, seen)
    return seen
  }

  async function read(url: string, own: RequestOptions): Promise<Read> {
    const known = memory.get(url)
    const reply = await send('GET', url, undefined, readCondition(known), own)
    if (reply.refusal) throw reply.refusal
    // 304 to a condition of the caller's own: nothing is known of what it has.
    const seen = reply.status === 304 ? (known ?? seenIn(reply, '')) : remember(url, reply, reply.text)
    return { seen, answer: { ...answerOf(url, reply, seen.text), etag: seen.etag } }
  }

  /** What a change left behind is sometimes known without its validators: whoever reads the same knows them too. */
  async function named(url: string, seen: Seen | undefined, own: RequestOptions): Promise<Seen | undefined> {
    if (!seen || seen.etag || seen.lastModified) return seen
    const now = await read(url, own)
    return sameJson(now.answer.value, JSON.parse(seen.text)) ? now.seen : undefined
  }

  return {
    memory,
    absolute: (url) => new URL(url, base ?? pageUrl()).href,
    read,

    async change(method, url, value, known, own) {
      const seen = own.condition ? known : await named(url, known, own)
      if (known && !seen) return { refusal: changedMeanwhile(), afterUnknown: false }
      const sendIf = (condition?: string) =>
        send(method, url, value, changeCondition(method, url, seen, condition), own)
      let reply = await sendIf(own.condition)
      const problem = reply.refusal?.problem
      // A proxy has changed the tag on its way here. The server says that the state is the same, and what its tag is.
      if (problem?.code === 'weak_validator' && problem.current) reply = await sendIf(`${problem.current}`)
      const { refusal, afterUnknown } = reply
      // What was to be removed is not there: by the try whose answer was lost, if nobody else was faster.
      if (method === 'DELETE' && afterUnknown && isGone(reply)) return { answer: answerOf(url, reply, '') }
      if (refusal) return { refusal, afterUnknown }
      const asSent = method === 'PUT' ? JSON.stringify(value) : undefined
      const text = showsResource(url, reply) ? reply.text : asSent
      if (method === 'DELETE' || text === undefined) memory.forget(url)
      else remember(url, reply, text)
      // RFC 9110 §9.3.4: a PUT is answered with an ETag only when what is stored is what was sent.
      const isKnown = text !== asSent || reply.headers.has('ETag')
      return { answer: answerOf(url, reply, (isKnown && text) || reply.text) }
    },

    async post(url, value, { idempotencyKey, ...own }) {
      const key = idempotencyKey ?? (idempotencyKeys ? randomKey() : undefined)
      // A string of RFC 9651 §3.3.3.
      const fields = key === undefined ? {} : { 'Idempotency-Key': `"${key.replace(/["\\]/g, '\\$&')}"` }
      const reply = await send('POST', url, value, fields, own)
      if (reply.refusal) throw reply.refusal
      const answer = answerOf(url, reply, reply.text)
      if (answer.location && showsResource(answer.location, reply)) remember(answer.location, reply, reply.text)
      return answer
    },
  }
}

function isGone({ status }: Reply): boolean {
  return [404, 410].includes(status)
}

function seenIn({ headers }: Reply, text: string): Seen {
  return { etag: headers.get('ETag'), lastModified: headers.get('Last-Modified'), text }
}

function changedMeanwhile(): ProblemError {
  const title = 'It has changed'
  return new ProblemError({ type: 'about:blank', title, status: 412, code: 'precondition_failed' }, new Headers())
}

function answerOf(url: string, { status, headers }: Reply, text: string): Answer<unknown> {
  const location = headers.get('Location')
  return {
    status,
    value: text ? JSON.parse(text) : undefined,
    etag: headers.get('ETag'),
    location: location && new URL(location, url).href,
    headers,
  }
}

/** RFC 9110 §6.4.1, RFC 7240 §4.2: otherwise the body of an answer to a change says how the change went. */
function showsResource(url: string, { headers, text }: Reply): boolean {
  if (!text) return false
  const shown = headers.get('Content-Location')
  if (shown) return new URL(shown, url).href === url
  return /(?:^|,)\s*return\s*=\s*"?representation/i.test(headers.get('Preference-Applied') ?? '')
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

function pageUrl(): string | undefined {
  const page = globalThis as { document?: { baseURI: string }; location?: { href: string } }
  return page.document?.baseURI ?? page.location?.href
}
