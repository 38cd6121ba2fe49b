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
