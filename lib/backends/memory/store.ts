import type { ExpiringStore } from '../../contracts/store'
import { storeFault } from '../../contracts/store-fault'
import { refuseUnknown } from '../../options'
import { type Expiring, expiryQueue } from './expiry-queue'

/** Options of a memory store. By default it is unbounded, and uses a clock that nobody can set. */
export interface MemoryStoreOptions {
  /**
   * The maximum number of records; one more is refused with a store fault. No record is evicted early: that would
   * forget a claim.
   */
  readonly maxRecords?: number
  /** The clock by which records expire, in milliseconds. */
  readonly now?: () => number
}

/** An `ExpiringStore` that can say how much it holds. */
export interface MemoryStore extends ExpiringStore {
  /** How many records are kept, including expired ones that were not swept yet. */
  readonly size: number
}

interface Kept {
  readonly key: string
  value: string
  until: number
  /** When the queue has its entry: never later than `until`, so a record that is only renewed keeps its place. */
  queuedUntil: number
}

/** How many records each change checks. More than one, so that records cannot expire faster than they are swept. */
const SWEPT_PER_CHANGE = 4
/** How many entries of removed records may stay in memory. */
const FEW = 64

/**
 * Keeps records in the memory of this process. They end with it, and no other process sees them. There is no timer:
 * changes sweep expired records.
 */
export function memoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  const { maxRecords = Number.POSITIVE_INFINITY, now = () => performance.now() } = checked(options)
  const kept = new Map<string, Kept>()
  const queue = expiryQueue<Kept>()
  const counts = ({ record, until }: Expiring<Kept>) => kept.get(record.key) === record && record.queuedUntil === until

  function alive(key: string): Kept | undefined {
    const record = kept.get(key)
    return record && record.until > now() ? record : undefined
  }

  /** The live record with this value. None if `expected` is `undefined`, which a caller without types may pass. */
  function holding(key: string, expected: string): Kept | undefined {
    const record = alive(key)
    return record && record.value === expected ? record : undefined
  }

  function enqueue(record: Kept): void {
    record.queuedUntil = record.until
    queue.push(record, record.until)
    if (queue.size > 2 * kept.size + FEW) queue.prune(counts)
  }

  /** Takes the first entry out of the queue, if its time has come. */
  function sweepOne(): boolean {
    const { first } = queue
    const nowMs = now()
    if (first === undefined || first.until > nowMs) return false
    queue.shift()
    if (!counts(first)) return true
    if (first.record.until > nowMs) enqueue(first.record)
    else kept.delete(first.record.key)
    return true
  }

  function makeRoom(): void {
    while (kept.size >= maxRecords) if (!sweepOne()) throw full(maxRecords)
  }

  function sweep(): true {
    for (let step = 0; step < SWEPT_PER_CHANGE && sweepOne(); step++);
    return true
  }

  // There is no `await` between comparing and changing. That makes each method one atomic step.
  return {
    get size() {
      return kept.size
    },
    read: async (key) => alive(key)?.value,
    async create(key, value, ttlMs) {
      if (alive(key)) return false
      if (!kept.has(key)) makeRoom()
      const record: Kept = { key, value, until: now() + ttlMs, queuedUntil: 0 }
      kept.set(key, record)
      enqueue(record)
      return sweep()
    },
    async replace(key, expected, value, ttlMs) {
      const record = holding(key, expected)
      if (!record) return false
      record.value = value
      record.until = now() + ttlMs
      if (record.until < record.queuedUntil) enqueue(record)
      return sweep()
    },
    remove: async (key, expected) => holding(key, expected) !== undefined && kept.delete(key),
  }
}

function full(maxRecords: number): Error {
  const message = `memoryStore(): full, it holds maxRecords (${maxRecords}) and none has expired.`
  return storeFault(new Error(message), { applied: 'no' })
}

function checked(options: MemoryStoreOptions): MemoryStoreOptions {
  refuseUnknown('memoryStore()', options, ['maxRecords', 'now'])
  const { maxRecords, now } = options
  if (maxRecords !== undefined && !(Number.isSafeInteger(maxRecords) && maxRecords > 0)) {
    throw new TypeError(`memoryStore(): maxRecords is ${maxRecords}; give a positive integer, or leave it out.`)
  }
  if (now !== undefined && typeof now !== 'function') {
    throw new TypeError(`memoryStore(): now is ${now}; give a function that returns milliseconds.`)
  }
  return options
}
