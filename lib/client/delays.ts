const FIRST_MS = 100
const LONGEST_MS = 10_000

/** Full jitter: a random delay up to a bound that doubles with each attempt, added to what the server asked for. */
export function retryDelayMs(attempt: number, retryAfter: string, now: number, random = Math.random): number {
  return askedForMs(retryAfter, now) + random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** (attempt - 1))
}

/** RFC 9110 §10.2.3: seconds, or a date in the form that servers have to send, which every `Date.parse` reads alike. */
function askedForMs(retryAfter: string, now: number): number {
  if (/^\d{1,9}$/.test(retryAfter)) return Number(retryAfter) * 1000
  return /^\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT$/.test(retryAfter) ? Math.max(0, Date.parse(retryAfter) - now) || 0 : 0
}

/** A signal that follows another one, and aborts when the time is up. */
export function deadline(ms: number, signal: AbortSignal | undefined): AbortSignal {
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
