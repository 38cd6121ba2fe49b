/**
 * `Retry-After` in whole seconds, for a wait that will probably take `ms`. At most a minute. A random part keeps clients from
 * all coming back in the same second.
 */
export function retryAfterS(ms = 1000): number {
  return Math.min(60, Math.max(1, Math.ceil((ms * (1 + Math.random())) / 1000)))
}

/** `Retry-After` for a wait that ends in `leftMs`. */
export function retryAfterEndS(leftMs: number): number {
  return Math.ceil(leftMs / 1000) + Math.floor(Math.random() * 3) || 1
}
