import type { ExpiringStore } from '../../lib/contracts/store'

interface Kept {
  readonly value: string
  readonly until: number
}

/** What stores of several processes share: the records, and a clock. */
export interface ToyRecords {
  records: Map<string, Kept>
  nowMs: number
}

/** Where the toy can be broken. */
export interface StoreSeams {
  keyOf(key: string): string
  textOf(value: string): string
  isAlive(record: Kept, nowMs: number): boolean
  /** What is read where nothing is. */
  nothing(): string | undefined
  /** What happens between a look at a record and its change. */
  between(): Promise<void> | undefined
  /** Whether a create may go on. */
  mayCreate(record: Kept | undefined): boolean
  isExpected(record: Kept | undefined, expected: string): boolean
  /** Whether a replacement counts as one. */
  hasReplaced(before: Kept | undefined, after: Kept): boolean
  mayRemove(record: Kept | undefined, expected: string): boolean
  untilOf(record: Kept | undefined, nowMs: number, ttlMs: number): number
  /** What a change that is refused does all the same. */
  refused(records: Map<string, Kept>, key: string, value: string, until: number): void
  rollBack: boolean
  within: boolean
}

const right: StoreSeams = {
  keyOf: (key) => key,
  textOf: (value) => value,
  isAlive: ({ until }, nowMs) => until > nowMs,
  nothing: () => undefined,
  between: () => undefined,
  mayCreate: (record) => record === undefined,
  isExpected: (record, expected) => record?.value === expected,
  hasReplaced: () => true,
  mayRemove: (record, expected) => record?.value === expected,
  untilOf: (_record, nowMs, ttlMs) => nowMs + ttlMs,
  refused: () => {},
  rollBack: true,
  within: true,
}

export const toyRecords = (): ToyRecords => ({ records: new Map(), nowMs: 0 })

/** A store over records in memory: right as it stands, and broken by one seam. */
export function toyStore(shared: ToyRecords, broken: Partial<StoreSeams> = {}): ExpiringStore {
  const seams: StoreSeams = { ...right, ...broken }

  function alive(key: string): Kept | undefined {
    const record = shared.records.get(seams.keyOf(key))
    return record && seams.isAlive(record, shared.nowMs) ? record : undefined
  }

  const put = (key: string, before: Kept | undefined, value: string, ttlMs: number) => {
    const after = { value: seams.textOf(value), until: seams.untilOf(before, shared.nowMs, ttlMs) }
    shared.records.set(seams.keyOf(key), after)
    return seams.hasReplaced(before, after)
  }

  const refuse = (key: string, value: string, ttlMs: number) => {
    seams.refused(shared.records, seams.keyOf(key), value, shared.nowMs + ttlMs)
    return false
  }

  const store: ExpiringStore = {
    read: async (key) => alive(key)?.value ?? seams.nothing(),
    async create(key, value, ttlMs) {
      const record = alive(key)
      if (!seams.mayCreate(record)) return refuse(key, value, ttlMs)
      const gap = seams.between()
      if (gap !== undefined) await gap
      put(key, undefined, value, ttlMs)
      return true
    },
    async replace(key, expected, value, ttlMs) {
      const record = alive(key)
      if (!seams.isExpected(record, expected)) return refuse(key, value, ttlMs)
      const gap = seams.between()
      if (gap !== undefined) await gap
      return put(key, record, value, ttlMs)
    },
    async remove(key, expected) {
      const record = alive(key)
      if (!seams.mayRemove(record, expected)) return false
      const gap = seams.between()
      if (gap !== undefined) await gap
      shared.records.delete(seams.keyOf(key))
      return true
    },
  }
  return seams.within ? { ...store, within: () => store } : store
}

/** One at a time, and all or none: what a transaction of a toy is. */
export function toyTransact(shared: () => ToyRecords, { rollBack = true }: Partial<StoreSeams> = {}) {
  return async (run: (transaction: unknown) => Promise<void>) => {
    const before = new Map(shared().records)
    try {
      await run({})
    } catch (error) {
      if (rollBack) shared().records = before
      throw error
    }
  }
}
