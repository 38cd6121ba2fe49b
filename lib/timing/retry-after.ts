/**
 * `Retry-After`, in whole seconds, for what should have passed after `ms`; a second where nothing is known. At most a minute.
 * It is jittered: clients that all come back in one second only find the line that the others made.
 */
export function retryAfterS(ms = 1000): number {
  return Math.min(60, Math.max(1, Math.ceil((ms * (1 + Math.random())) / 1000)))
}

/** The same for what ends in `leftMs`, which is known. */
export function retryAfterEndS(leftMs: number): number {
  return Math.ceil(leftMs / 1000) + Math.floor(Math.random() * 3) || 1
}
