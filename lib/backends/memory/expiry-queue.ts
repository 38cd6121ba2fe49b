/** Records in the order in which they expire. */
export interface ExpiryQueue<R> {
  readonly first: Expiring<R> | undefined
  push(record: R, until: number): void
  /** Takes the first one out. */
  shift(): void
  /** Keeps only the entries for which `counts` is true. */
  prune(counts: (entry: Expiring<R>) => boolean): void
  readonly size: number
}

export interface Expiring<R> {
  readonly record: R
  readonly until: number
}

/** A binary heap. A change takes logarithmic time, whatever the times to live are. */
export function expiryQueue<R>(): ExpiryQueue<R> {
  let heap: Expiring<R>[] = []

  function rise(from: number, entry: Expiring<R>): void {
    let at = from
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || parent.until <= entry.until) break
      heap[at] = parent
      at = above
    }
    heap[at] = entry
  }

  function sink(from: number, entry: Expiring<R>): void {
    let at = from
    for (;;) {
      const left = heap[2 * at + 1]
      const right = heap[2 * at + 2]
      if (left === undefined) break
      const isRight = right !== undefined && right.until < left.until
      const child = isRight ? right : left
      if (child.until >= entry.until) break
      heap[at] = child
      at = 2 * at + (isRight ? 2 : 1)
    }
    heap[at] = entry
  }

  return {
    get first() {
      return heap[0]
    },
    get size() {
      return heap.length
    },
    push: (record, until) => rise(heap.length, { record, until }),
    shift() {
      const last = heap.pop()
      if (last !== undefined && heap.length > 0) sink(0, last)
    },
    prune(counts) {
      heap = heap.filter(counts)
      for (let at = (heap.length >> 1) - 1; at >= 0; at--) sink(at, heap[at] as Expiring<R>)
    },
  }
}
