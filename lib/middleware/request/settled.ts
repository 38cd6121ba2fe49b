import type { ServerResponse } from 'node:http'
import { answerOnTop } from './answer'

/** `ended`: `res.end()` was called. `abandoned`: the client left, and the time for the handler ran out. */
export type Settlement = 'ended' | 'abandoned'

/** When a request is over, as told by the one signal that can be trusted. */
export interface Settled {
  /** Aborted when the client left before the answer was ended. The handler may still be writing: nothing is freed by it. */
  readonly left: AbortSignal
  /** Calls back once: when the answer is ended, or `abandonAfterMs` after the client left without one. */
  onSettled(abandonAfterMs: number, callback: (how: Settlement) => void): void
}

const SETTLED = Symbol.for('express-conflict.settled')

/**
 * Watches an answer, once however often it is asked for.
 *
 * `finish` never comes after an early close, and `close` comes while the handler is still at work. That `end` was
 * called is the only sign that it is not.
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

  answerOnTop(res).onEnd = () => {
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
