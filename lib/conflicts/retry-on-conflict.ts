import { refuseUnknown } from '../options'
import { pause } from '../timing/pause'
import { type ConflictError, conflictOf } from './conflicts'

/** How often, how long and until when. */
export interface RetryOptions {
  /** How often it is run at the most. 5 by default. */
  readonly tries?: number
  /** The longest first pause. 10 by default; it doubles from pause to pause. */
  readonly firstPauseMs?: number
  /** 1,000 by default. */
  readonly longestPauseMs?: number
  /** No pause goes on beyond it. 10,000 by default. */
  readonly deadlineMs?: number
  /** Such as one that is aborted when the client leaves. Its reason is what is thrown. */
  readonly signal?: AbortSignal
}

/**
 * Runs a function again while the refusal may pass: another writer, a busy lock, a store that is down.
 *
 * Everything else is thrown as it came, a client's condition that is false above all: what a client has not seen is
 * not decided for it. The last refusal is thrown when tries or time are used up. The pauses have full jitter.
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

/** A kind that may pass, yet of a request whose outcome is unknown or whose condition failed, is still final. */
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
