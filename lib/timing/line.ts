import { retryAfterS } from './retry-after'

/** A queue of waiters, first come, first served. Each step takes the same time however long the queue is. */
export interface Line<W> {
  readonly length: number
  /** Joins at the end. Returns a function that leaves the line from any place; a second call does nothing. */
  join(waiter: W): () => void
  /** Removes the first waiter and returns it. */
  next(): W | undefined
}

interface Place<W> {
  readonly waiter: W
  before: Place<W> | undefined
  behind: Place<W> | undefined
  hasLeft: boolean
}

/** A linked list, because an array moves all others when the first one leaves, and a `Set` walks over those that left. */
export function line<W>(): Line<W> {
  let first: Place<W> | undefined
  let last: Place<W> | undefined
  let length = 0

  function leave(place: Place<W>): void {
    if (place.hasLeft) return
    place.hasLeft = true
    length--
    if (place.before) place.before.behind = place.behind
    else first = place.behind
    if (place.behind) place.behind.before = place.before
    else last = place.before
  }

  return {
    get length() {
      return length
    },
    join(waiter) {
      const place: Place<W> = { waiter, before: last, behind: undefined, hasLeft: false }
      if (last) last.behind = place
      else first = place
      last = place
      length++
      return () => leave(place)
    },
    next() {
      const place = first
      if (place) leave(place)
      return place?.waiter
    },
  }
}

/** How waiting for a turn ended. `done` gives the turn to the next one; it may be called twice. */
export type Waited =
  | { readonly outcome: 'turn'; readonly done: () => void }
  | { readonly outcome: 'full' | 'late' | 'left' }

export interface WaitOptions {
  readonly waitMs: number
  /** How many may wait at once for one key. */
  readonly maxWaiting: number
  /** Ends the wait when it is aborted. */
  readonly signal: AbortSignal
}

/** The requests of this process that want a lock, one line for each key, first come, first served. */
export interface LockQueue {
  wait(key: string, options: WaitOptions): Promise<Waited>
  /** Whether somebody has the turn. */
  isBusy(key: string): boolean
  /** Whole seconds until a turn is likely, from the length of the line and the duration of recent turns. */
  retryAfterS(key: string): number
  /** How many keys somebody holds or waits for. */
  readonly size: number
}

/** The weight of the latest turn in the average duration. */
const NEWEST = 0.2

export function lockQueue(now: () => number = () => performance.now()): LockQueue {
  const lines = new Map<string, Line<() => void>>()
  let turnMs = 0

  function turn(key: string): Waited {
    const since = now()
    let isDone = false
    return {
      outcome: 'turn',
      done() {
        if (isDone) return
        isDone = true
        turnMs += NEWEST * (now() - since - turnMs)
        const begin = lines.get(key)?.next()
        if (begin) begin()
        else lines.delete(key)
      },
    }
  }

  return {
    async wait(key, { waitMs, maxWaiting, signal }) {
      if (signal.aborted) return { outcome: 'left' }
      const waiting = lines.get(key)
      if (waiting === undefined) {
        lines.set(key, line())
        return turn(key)
      }
      if (waiting.length >= maxWaiting) return { outcome: 'full' }
      return new Promise((resolve) => {
        const leaveLine = waiting.join(() => end(turn(key)))
        const leave = (outcome: 'late' | 'left') => {
          leaveLine()
          end({ outcome })
        }
        const onAbort = () => leave('left')
        const timer = setTimeout(() => leave('late'), waitMs)
        function end(waited: Waited): void {
          clearTimeout(timer)
          signal.removeEventListener('abort', onAbort)
          resolve(waited)
        }
        signal.addEventListener('abort', onAbort, { once: true })
      })
    },

    isBusy: (key) => lines.has(key),

    retryAfterS(key) {
      const ahead = 1 + (lines.get(key)?.length ?? 0)
      return retryAfterS(ahead * turnMs)
    },

    get size() {
      return lines.size
    },
  }
}
