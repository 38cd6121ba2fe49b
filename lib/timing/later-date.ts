/**
 * How many seconds the date of a state may run ahead of the clock. A resource that changes many times a second would
 * otherwise run away from it, one second with each change. A date this far ahead has not been shown to anybody, since
 * `Last-Modified` is never in the future.
 */
export const FURTHEST_AHEAD_S = 13

/** Behind a clock that was set back, a date stops at the next of these: it must not run away there either. */
export const AHEAD_CYCLE_S = 1000

/**
 * The date of a state that replaces one of `beforeMs`, in milliseconds: the second that HTTP shows is a later one, even if
 * the clock shows the same second, belongs to another process or was set back. `If-Unmodified-Since` counts in seconds, so
 * two states that share one would be mistaken for each other.
 */
export function laterDate(beforeMs: number | undefined, nowMs: number): number {
  if (beforeMs === undefined) return nowMs
  const before = Math.floor(beforeMs / 1000)
  const aheadS = before - Math.floor(nowMs / 1000)
  if (aheadS < 0) return nowMs
  return aheadS % AHEAD_CYCLE_S === FURTHEST_AHEAD_S ? beforeMs : (before + 1) * 1000
}
