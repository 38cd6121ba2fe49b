/**
 * `Retry-After` in whole seconds, when the wait is likely to take `ms`. One second if nothing is known, at most a minute.
 * Jitter keeps the clients from all coming back in the same second.
 */
export function retryAfterS(ms = 1000): number {
  return Math.min(60, Math.max(1, Math.ceil((ms * (1 + Math.random())) / 1000)))
}

/** The same when the end of the wait is known: in `leftMs`. */
export function retryAfterEndS(leftMs: number): number {
  return Math.ceil(leftMs / 1000) + Math.floor(Math.random() * 3) || 1
}
