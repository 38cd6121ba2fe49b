import { refuseUnknown } from '../options'
import { pause } from '../timing/pause'
import { type ConflictError, conflictOf } from './conflicts'

/** How often to retry, how long to pause, and when to stop. */
export interface RetryOptions {
  /** How often the function is called at most. 5 by default. */
  readonly tries?: number
  /** The upper bound of the first pause; it doubles with every pause. 10 by default. */
  readonly firstPauseMs?: number
  /** The upper bound of every pause. 1,000 by default. */
  readonly longestPauseMs?: number
  /** No new try begins after this time. 10,000 by default. */
  readonly deadlineMs?: number
  /** Stops the pauses, for example when the client disconnects. Its reason is thrown. */
  readonly signal?: AbortSignal
}

/**
 * Calls a function again after conflicts that may pass: another writer, a busy lock, a store that is down.
 *
 * Everything else is rethrown unchanged, above all a failed condition of the client: the client has to see the new
 * state before it decides. The last conflict is thrown when tries or time run out. The pauses have full jitter.
 */
export async function retryOnConflict<R>(
  run: (attempt: number) => R | Promise<R>,
  options: RetryOptions = {},
): Promise<R> {
  const { tries, firstPauseMs, longestPauseMs, deadlineMs } = checked(options)
  const { signal } = options
  const untilMs = Date.now() + deadlineMs
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted()
    try {
      return await run(attempt)
    } catch (error) {
      if (!isPassing(error) || attempt >= tries) throw error
      if (!(await pause(attempt, { firstMs: firstPauseMs, longestMs: longestPauseMs, untilMs, signal }))) throw error
    }
  }
}

/** Even if the kind is retryable: an unknown outcome and a failed condition are final. */
function isPassing(error: unknown): error is ConflictError {
  const conflict = conflictOf(error)
  return conflict?.retryable === true && conflict.status !== 412 && conflict.code !== 'outcome_unknown'
}

const DEFAULTS = { tries: 5, firstPauseMs: 10, longestPauseMs: 1000, deadlineMs: 10_000 }

function checked(options: RetryOptions): typeof DEFAULTS {
  refuseUnknown('retryOnConflict()', options, [...Object.keys(DEFAULTS), 'signal'])
  const { signal: _, ...given } = options
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined && !(typeof value === 'number' && value > 0))
      throw new TypeError(`retryOnConflict(): ${name} is ${value}; give a number above 0, or leave it out.`)
  }
  const named = Object.entries(given).filter(([, value]) => value !== undefined)
  return { ...DEFAULTS, ...Object.fromEntries(named) }
}
