import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Waits before a step is tried again. Resolves to `false`, without waiting, if that would take longer than `untilMs`. `tries`
 * says how often it was tried.
 *
 * The pause is random ("full jitter"), up to a bound that doubles with each try, so that those who lost the same race do
 * not collide again.
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
  /** A time of `Date.now`. */
  readonly untilMs?: number | undefined
  /** Ends the pause. Its reason is thrown. */
  readonly signal?: AbortSignal | undefined
}

/** How long to wait between two polls: between half of `ms` and `ms`, so that processes do not all poll at once. */
export function pollingMs(ms: number): number {
  return ms * (0.5 + Math.random() / 2)
}

/** Node fires a timer at once if it is longer than this. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1

/** `woken` resolves after `ms`, when `signal` is aborted, or when `wake` is called. */
export function sleeper(ms: number, signal?: AbortSignal): { readonly woken: Promise<void>; wake(): void } {
  let wake = () => {}
  const woken = new Promise<void>((resolve) => {
    const timer = setTimeout(() => wake(), Math.min(ms, LONGEST_TIMER_MS))
    wake = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', wake)
      resolve()
    }
    signal?.addEventListener('abort', wake)
    if (signal?.aborted) wake()
  })
  return { woken, wake }
}
