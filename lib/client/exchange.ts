import { type ProblemError, refusalOf } from './problem-error'
import { deadline, pause, retryDelayMs } from './retry'

export interface Message {
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
  /** An earlier try got no answer that says whether it was carried out. */
  readonly afterUnknown: boolean
}

export interface Bounds {
  readonly tries: number
  readonly deadlineMs: number
}

/** Sends a request, and again while that can help and cannot hurt. What it gets in the end may still be a refusal. */
export async function exchange(send: typeof fetch, message: Message, bounds: Bounds): Promise<Reply> {
  const endsAt = Date.now() + bounds.deadlineMs
  const signal = deadline(bounds.deadlineMs, message.signal)
  let afterUnknown = false
  for (let attempt = 1; ; attempt++) {
    let reply: Received | undefined
    let failure: unknown
    try {
      reply = await once(send, message, signal)
    } catch (error) {
      // The deadline or the caller ended it, not the network.
      if (signal.aborted) throw signal.reason
      failure = error
    }
    const isUnknown = !reply || leavesUnknown(reply)
    const mayHelp = reply?.refusal?.problem.retryable ?? isUnknown
    const mayRetry = mayHelp === true && (!isUnknown || isRepeatable(message)) && attempt < bounds.tries
    const delayMs = retryDelayMs(attempt, reply?.headers.get('Retry-After') ?? '', Date.now())
    if (!mayRetry || Date.now() + delayMs >= endsAt) {
      if (reply) return { ...reply, afterUnknown }
      throw failure
    }
    afterUnknown ||= isUnknown
    await pause(delayMs, signal)
  }
}

async function once(
  send: typeof fetch,
  { method, url, headers, body }: Message,
  signal: AbortSignal,
): Promise<Received> {
  // What a cache between here and the server holds is no state to make a change from. A redirect is ours to follow: `fetch`
  // would send a change to a login page, and the headers to another origin.
  const init: RequestInit & { readonly cache: 'no-store' } = {
    method,
    headers,
    signal,
    cache: 'no-store',
    redirect: 'manual',
  }
  let at = url
  for (let hops = 0; ; hops++) {
    const response = await send(at, body === undefined ? init : { ...init, body })
    const text = await response.text()
    const { status, headers: fields } = response
    const location = fields.get('Location')
    const next = method === 'GET' && status > 300 && location ? new URL(location, at) : undefined
    if (next?.origin !== new URL(url).origin || hops > 4)
      return { status, headers: fields, text, refusal: refusalOf(method, response, text) }
    at = next.href
  }
}

/** Sent twice it does what it does once: it only reads, names the state that it changes, or carries a key. */
function isRepeatable({ method, headers }: Message): boolean {
  if (method === 'GET') return true
  return headers.get('If-Match') !== '*' && CONDITIONS.some((name) => headers.has(name))
}

const CONDITIONS = ['If-Match', 'If-None-Match', 'If-Unmodified-Since', 'Idempotency-Key']

// Without a problem that says more, nobody knows what became of the request.
const SILENT = [429, 502, 503, 504]

function leavesUnknown({ status, refusal }: Received): boolean {
  if (refusal?.problem.code === 'outcome_unknown') return true
  return SILENT.includes(status) && refusal?.problem.retryable === undefined
}
