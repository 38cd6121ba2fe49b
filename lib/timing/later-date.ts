/** How many seconds the date of a state may run ahead of the clock before several states come to share one. */
export const FURTHEST_AHEAD_S = 13

/** The millisecond of a date that several states may share. No clock that `datingClock` reads ever shows it. */
export const SHARED_MS = 999

/**
 * The date of a state that replaces one of `beforeMs`, in milliseconds: the second that HTTP shows is a later one, even if
 * the clock shows the same second, belongs to another process or was set back. `If-Unmodified-Since` counts in seconds, so
 * two states that share one would be mistaken for each other.
 *
 * A resource that changes many times a second would run away from the clock that way. So where the date is too far ahead
 * its second is shared, and the date says so: such a date is not shown to anybody, and no condition on it holds.
 */
export function laterDate(beforeMs: number | undefined, nowMs: number): number {
  if (beforeMs === undefined) return nowMs
  const before = Math.floor(beforeMs / 1000)
  const aheadS = before - Math.floor(nowMs / 1000)
  if (aheadS < 0) return nowMs
  if (aheadS < FURTHEST_AHEAD_S) return (before + 1) * 1000
  // Where it is kept without its milliseconds it never says so, and goes on with each change.
  return isShared(beforeMs) ? beforeMs : (before + 1) * 1000 + SHARED_MS
}

/** Whether the second of a date may be that of several states. */
export function isShared(ms: number): boolean {
  return ms - Math.floor(ms / 1000) * 1000 === SHARED_MS
}

/** The clock of an adapter, in whole milliseconds. */
export function datingClock(now: () => number): () => number {
  return () => {
    const ms = Math.floor(now())
    return isShared(ms) ? ms - 1 : ms
  }
}
