import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Waits before a step is tried again, and resolves to `false` without waiting where `untilMs` would be over by then. `tries`:
 * how often it was tried.
 *
 * A random part ("full jitter") of a time that doubles from try to try: those that lost the same race do not meet again.
 */
export async function pause(
  tries: number,
  { firstMs, longestMs, untilMs = Number.POSITIVE_INFINITY, signal }: Pauses,
): Promise<boolean> {
  const ms = Math.random() * Math.min(longestMs, firstMs * 2 ** (tries - 1))
  if (Date.now() + ms >= untilMs) return false
  await sleep(ms, undefined, signal && { signal }).catch(() => signal?.throwIfAborted())
  return true
}

export interface Pauses {
  readonly firstMs: number
  readonly longestMs: number
  /** By `Date.now`. */
  readonly untilMs?: number | undefined
  /** Its reason is what is thrown. */
  readonly signal?: AbortSignal | undefined
}

/** How long to wait between two looks at the same thing: most of `ms`, so that several processes do not look in step. */
export function pollingMs(ms: number): number {
  return ms * (0.5 + Math.random() / 2)
}
