import type { ExpiringStore } from '../../contracts/store'
import { storeFault } from '../../contracts/store-fault'

/** What a memory store may be told. Without any of it: unbounded, by the clock that nobody sets. */
export interface MemoryStoreOptions {
  /** A record too many is refused with a store fault. Nothing is evicted before its time: a claim would be forgotten. */
  readonly maxRecords?: number
  /** The clock that records expire by, in milliseconds. */
  readonly now?: () => number
}

/** An `ExpiringStore` that can say how much it holds. */
export interface MemoryStore extends ExpiringStore {
  /** How many records are kept, those that have expired and were not swept yet included. */
  readonly size: number
}

interface Kept {
  readonly value: string
  readonly until: number
}

/** How many records each change looks at. More than one, so that records cannot expire faster than they are swept. */
const SWEPT_PER_CHANGE = 2

/** Keeps records in this process. They end with it, and no other process sees them. No timer runs: changes sweep. */
export function memoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  const { maxRecords = Number.POSITIVE_INFINITY, now = () => performance.now() } = checked(options)
  const kept = new Map<string, Kept>()
  let round = kept.entries()
  /** Before then nothing that is kept expires, as far as the last look at all of it knows. */
  let fullUntil = Number.NEGATIVE_INFINITY

  function alive(key: string): string | undefined {
    const record = kept.get(key)
    return record && record.until > now() ? record.value : undefined
  }

  /** Whether this is what is there. Nothing is there that is `undefined`, whatever a caller without types expects. */
  const holds = (key: string, expected: string) => expected !== undefined && alive(key) === expected

  /** An iterator of a Map goes on over what is added and removed meanwhile. */
  function sweep(steps: number): void {
    for (let step = 0; step < steps; step++) {
      const { value: next } = round.next()
      if (!next) round = kept.entries()
      else if (next[1].until <= now()) kept.delete(next[0])
    }
  }

  function makeRoom(): void {
    if (kept.size < maxRecords) return
    if (now() >= fullUntil) {
      sweep(2 * kept.size + 1)
      fullUntil = Number.POSITIVE_INFINITY
      for (const { until } of kept.values()) fullUntil = Math.min(fullUntil, until)
    }
    if (kept.size >= maxRecords) throw full(maxRecords)
  }

  function put(key: string, value: string, ttlMs: number): true {
    const until = now() + ttlMs
    fullUntil = Math.min(fullUntil, until)
    kept.set(key, { value, until })
    sweep(SWEPT_PER_CHANGE)
    return true
  }

  // No await stands between a comparison and its change: that makes each method one atomic step.
  return {
    get size() {
      return kept.size
    },
    read: async (key) => alive(key),
    async create(key, value, ttlMs) {
      if (alive(key) !== undefined) return false
      if (!kept.has(key)) makeRoom()
      return put(key, value, ttlMs)
    },
    replace: async (key, expected, value, ttlMs) => holds(key, expected) && put(key, value, ttlMs),
    remove: async (key, expected) => holds(key, expected) && kept.delete(key),
  }
}

function full(maxRecords: number): Error {
  const message = `memoryStore(): full, it holds maxRecords (${maxRecords}) and none has expired.`
  return storeFault(new Error(message), { applied: 'no' })
}

function checked(options: MemoryStoreOptions): MemoryStoreOptions {
  const { maxRecords, now, ...unknown } = options
  const [name] = Object.keys(unknown)
  if (name !== undefined) {
    throw new TypeError(`memoryStore(): "${name}" is not an option; it takes maxRecords and now.`)
  }
  if (maxRecords !== undefined && !(Number.isSafeInteger(maxRecords) && maxRecords > 0)) {
    throw new TypeError(`memoryStore(): maxRecords is ${maxRecords}; give a positive integer, or leave it out.`)
  }
  if (now !== undefined && typeof now !== 'function') {
    throw new TypeError(`memoryStore(): now is ${now}; give a function that returns milliseconds.`)
  }
  return options
}
