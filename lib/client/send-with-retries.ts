import { type ProblemError, refusalOf } from './problem-error'

interface Message {
  readonly method: string
  readonly url: string
  readonly headers: Headers
  readonly body?: string | undefined
  readonly signal?: AbortSignal | undefined
}

interface Received {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** `undefined` for 2xx and 304. */
  readonly refusal: ProblemError | undefined
}

export interface Reply extends Received {
  /** No answer to an earlier try says whether it was carried out. */
  readonly afterUnknown: boolean
}

interface Bounds {
  readonly tries: number
  readonly deadlineMs: number
}

/** Sends a request, and repeats it as long as that can help and is safe. The reply may still be a refusal. */
export async function sendWithRetries(send: typeof fetch, message: Message, bounds: Bounds): Promise<Reply> {
  const endsAt = Date.now() + bounds.deadlineMs
  const signal = deadline(bounds.deadlineMs, message.signal)
  let afterUnknown = false
  for (let tries = 1; ; tries++) {
    let reply: Received | undefined
    let failure: unknown
    try {
      reply = await once(send, message, signal)
    } catch (error) {
      // The deadline or the caller has ended it, not the network.
      if (signal.aborted) throw signal.reason
      failure = error
    }
    const isUnknown = !reply || leavesUnknown(reply)
    const delayMs = retryDelayMs(tries, reply?.headers.get('Retry-After') ?? '', Date.now())
    if (tries >= bounds.tries || Date.now() + delayMs >= endsAt || !mayRetry(message, reply, isUnknown)) {
      if (reply) return { ...reply, afterUnknown }
      throw failure
    }
    afterUnknown ||= isUnknown
    await pause(delayMs, signal)
  }
}

/** May the same request be sent again? Only if that can help, and if the change is still made only once. */
function mayRetry(message: Message, reply: Received | undefined, isUnknown: boolean): boolean {
  const canHelp = reply?.refusal?.problem.retryable ?? isUnknown
  return canHelp === true && (!isUnknown || isRepeatable(message))
}

async function once(
  send: typeof fetch,
  { method, url, headers, body }: Message,
  signal: AbortSignal,
): Promise<Received> {
  // A change must not be made from a cached state. Redirects are followed here, because `fetch` would send a change to a
  // login page, and the headers to another origin.
  const init = { method, headers, body, signal, cache: 'no-store', redirect: 'manual' } as RequestInit
  let at = url
  for (let hops = 0; ; hops++) {
    const response = await send(at, init)
    const text = await response.text()
    const { status, headers: fields } = response
    const location = fields.get('Location')
    const next = method === 'GET' && status > 300 && location ? new URL(location, at) : undefined
    if (next?.origin !== new URL(url).origin || hops > 4)
      return { status, headers: fields, text, refusal: refusalOf(method, response, text) }
    at = next.href
  }
}

/** Whether sending it twice has the same effect as once: it is a read, names the state that it changes, or has a key. */
function isRepeatable({ method, headers }: Message): boolean {
  if (method === 'GET') return true
  return headers.get('If-Match') !== '*' && CONDITIONS.some((name) => headers.has(name))
}

const CONDITIONS = ['If-Match', 'If-None-Match', 'If-Unmodified-Since', 'Idempotency-Key']

// Without a problem that says more, the client cannot know whether the request was carried out.
const SILENT = [429, 502, 503, 504]

function leavesUnknown({ status, refusal }: Received): boolean {
  if (refusal?.problem.code === 'outcome_unknown') return true
  return SILENT.includes(status) && refusal?.problem.retryable === undefined
}

const FIRST_MS = 100
const LONGEST_MS = 10_000

/** Full jitter: a random delay up to a bound that doubles with each try, added to what the server asked for. */
export function retryDelayMs(tries: number, retryAfter: string, now: number, random = Math.random): number {
  return askedForMs(retryAfter, now) + random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** (tries - 1))
}

/** RFC 9110 §10.2.3: seconds, or a date in the form that servers have to send. `Date.parse` reads that form correctly. */
function askedForMs(retryAfter: string, now: number): number {
  if (/^\d{1,9}$/.test(retryAfter)) return Number(retryAfter) * 1000
  return /^\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT$/.test(retryAfter) ? Math.max(0, Date.parse(retryAfter) - now) || 0 : 0
}

/** A signal that follows another one, and aborts when the time is up. */
function deadline(ms: number, signal: AbortSignal | undefined): AbortSignal {
  // A timer with a longer delay would fire at once.
  const timeout = AbortSignal.timeout(Math.min(ms, 2 ** 31 - 1))
  return signal ? AbortSignal.any([timeout, signal]) : timeout
}

/** `signal` comes from `deadline`, so its listener ends with the request. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason)
    })
  })
}
