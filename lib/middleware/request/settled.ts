import type { ServerResponse } from 'node:http'
import { guardOnTop } from './answer-guard'

/** `ended`: `res.end()` was called. `abandoned`: the client left, and the time for the handler ran out. */
export type Settlement = 'ended' | 'abandoned'

/** Tells when a request is over, by the only signal that can be trusted. */
export interface Settled {
  /**
   * Aborted when the client leaves before the answer has ended. The handler may still be writing, so nothing is freed
   * yet.
   */
  readonly left: AbortSignal
  /** Calls back once: when the answer has ended, or `abandonAfterMs` after the client left without one. */
  onSettled(abandonAfterMs: number, callback: (how: Settlement) => void): void
}

const SETTLED = Symbol.for('express-conflict.settled')

/**
 * Watches an answer. Further calls for the same answer return the same watcher.
 *
 * `finish` is never emitted after an early close, and `close` is emitted while the handler is still at work. Only a
 * call of `end` shows that the handler is done.
 */
export function settledOf(res: ServerResponse): Settled {
  const carrier = res as ServerResponse & { [SETTLED]?: Settled }
  carrier[SETTLED] ??= watch(res)
  return carrier[SETTLED]
}

function watch(res: ServerResponse): Settled {
  const left = new AbortController()
  const waiting = new Set<(how: Settlement) => void>()
  const deadlines: { ms: number; callback: (how: Settlement) => void }[] = []
  let isEnded = res.writableEnded
  // If the client left before anybody watched, `close` does not come again.
  if (res.destroyed && !isEnded) left.abort()

  guardOnTop(res).onEnd = () => {
    isEnded = true
    settle([...waiting], 'ended')
  }

  res.once('close', () => {
    if (isEnded) return
    left.abort()
    for (const { ms, callback } of deadlines) setTimeout(() => settle([callback], 'abandoned'), ms).unref()
  })

  function settle(callbacks: readonly ((how: Settlement) => void)[], how: Settlement): void {
    for (const callback of callbacks) if (waiting.delete(callback)) callback(how)
  }

  return {
    left: left.signal,
    onSettled(abandonAfterMs, callback) {
      if (isEnded) return callback('ended')
      waiting.add(callback)
      deadlines.push({ ms: abandonAfterMs, callback })
      if (left.signal.aborted) setTimeout(() => settle([callback], 'abandoned'), abandonAfterMs).unref()
    },
  }
}
