import { pollingMs } from '../../timing/pause'

/** How long somebody waits for a lock. */
export interface Patience {
  readonly waitMs: number
  readonly signal?: AbortSignal | undefined
}

/** A look at the lock: what was granted, if it was free. */
export interface Attempt<R> {
  look(): Promise<R | undefined>
  /** Gives back what was granted to somebody who had given up by then. */
  giveBack(granted: R): Promise<void>
}

/** The first wait between two looks at a lock, and the longest one. */
const POLL_MS = { first: 4, longest: 50 }

/** Node fires a longer timer at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Looks until something is granted, or until `waitMs` has passed or `signal` was aborted. */
export async function pollFor<R>(attempt: Attempt<R>, { waitMs, signal }: Patience): Promise<R | undefined> {
  const until = performance.now() + waitMs
  for (let pollMs = POLL_MS.first; !signal?.aborted; pollMs = Math.min(2 * pollMs, POLL_MS.longest)) {
    const granted = await lookOnce(attempt, signal)
    const leftMs = until - performance.now()
    if (granted !== undefined || leftMs <= 0) return granted
    // Jitter keeps waiters of several processes from asking in step. The last look is at the very end.
    await sleeper(Math.min(leftMs, pollingMs(pollMs)), signal).woken
  }
  return undefined
}

function lookOnce<R>({ look, giveBack }: Attempt<R>, signal: AbortSignal | undefined): Promise<R | undefined> {
  const looked = look()
  if (!signal) return looked
  return new Promise((resolve, reject) => {
    const giveUp = () => {
      resolve(undefined)
      // If this fails, nobody is waiting for it any more.
      looked.then((granted) => (granted === undefined ? undefined : giveBack(granted))).catch(() => {})
    }
    signal.addEventListener('abort', giveUp)
    looked.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp))
  })
}

/** Resolves `woken` after `ms`, when `signal` is aborted, or by `wake`. */
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
