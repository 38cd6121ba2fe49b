/** How many seconds the date of a state may run ahead of the clock. Further states share a second. */
export const FURTHEST_AHEAD_S = 13

/** Marks a date that several states may share: its milliseconds. `datingClock` never returns them. */
export const SHARED_MS = 999

/**
 * The date of a state that replaces one from `beforeMs`, in milliseconds. It is always in a later second, even if the clock
 * shows the same second, is that of another process, or was set back: `If-Unmodified-Since` counts in seconds, so it cannot
 * tell apart two states in the same second.
 *
 * If a resource changes many times a second, its date runs ahead of the clock. When it is too far ahead, several states
 * share a second, and `SHARED_MS` marks the date. Clients never see such a date, and no condition on it is true.
 */
export function laterDate(beforeMs: number | undefined, nowMs: number): number {
  if (beforeMs === undefined) return nowMs
  const before = Math.floor(beforeMs / 1000)
  const aheadS = before - Math.floor(nowMs / 1000)
  if (aheadS < 0) return nowMs
  if (aheadS < FURTHEST_AHEAD_S) return (before + 1) * 1000
  // A back end that stores no milliseconds loses the mark. Then the date goes on with each change.
  return isShared(beforeMs) ? beforeMs : (before + 1) * 1000 + SHARED_MS
}

/** Whether several states may share the second of a date. */
export function isShared(ms: number): boolean {
  return ms - Math.floor(ms / 1000) * 1000 === SHARED_MS
}

/** The clock of an adapter, in whole milliseconds, which are never `SHARED_MS`. */
export function datingClock(now: () => number): () => number {
  return () => {
    const ms = Math.floor(now())
    return isShared(ms) ? ms - 1 : ms
  }
}
