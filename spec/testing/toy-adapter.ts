import type {
  ResourceAdapter,
  ResourceState,
  TransactionalAdapter,
  Version,
  WriteResult,
} from '../../lib/contracts/adapter'

export interface Row {
  readonly value: unknown
  readonly version: number
  readonly ms: number
  readonly gone: boolean
}

type Work<R> = () => Promise<R>

/** Where the toy can be broken. */
export interface Seams {
  readonly tombstones: boolean
  now(): number
  keyOf(key: string): string
  /** Whether a write or a removal that expects `expected` may touch the row. */
  matches(row: Row | undefined, expected: Version | null): boolean
  removable(row: Row | undefined, expected: Version): boolean
  nextVersion(before: Row | undefined, value: unknown, count: number): number
  nextMs(now: number, before: Row | undefined): number
  keep(value: unknown): unknown
  give(value: unknown): unknown
  refusal(row: Row | undefined): ResourceState<unknown> | undefined
  newKey(count: number): string
  rowAt(kept: readonly Row[], version: Version): Row | undefined
  exclusively<R>(work: Work<R>): Promise<R>
  /** As `exclusively`, for reads outside of transactions. */
  look<R>(work: Work<R>): Promise<R>
  /** Whether a transaction that is over rejects. */
  readonly ends: boolean
  rollBack(restore: () => void): void
  rollBackHistory(restore: () => void): void
  /** How many versions before the current one are kept. */
  readonly keepVersions: number
  /** Whether a removal takes the history along. */
  readonly forgets: boolean
  /** Whether what is refused is kept all the same. */
  readonly keepsRefused: boolean
}

const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

/** An adapter that can do everything, right as it stands and broken by one seam. It awaits in the middle of each step. */
export function toyAdapter(broken: Partial<Seams> = {}): ResourceAdapter<unknown> {
  const whole = { ...right(), ...broken }
  const seams: Seams = { ...whole, look: broken.look ?? whole.exclusively }
  const { keyOf, matches, exclusively } = seams
  let rows = new Map<string, Row>()
  let history = new Map<string, readonly Row[]>()
  let count = 0

  function put(key: string, value: unknown, gone: boolean): Row {
    const before = rows.get(key)
    const version = seams.nextVersion(before, value, ++count)
    const row = { value: seams.keep(value), version, ms: seams.nextMs(seams.now(), before), gone }
    rows.set(key, row)
    keep(key, row)
    return row
  }

  function keep(key: string, row: Row): void {
    history.set(key, [...(history.get(key) ?? []), row].slice(-seams.keepVersions - 1))
  }

  async function read(key: string): Promise<ResourceState<unknown> | undefined> {
    const row = rows.get(keyOf(key))
    return row && stateOf(row, seams.give)
  }

  async function write(key: string, value: unknown, expected: Version | null): Promise<WriteResult<unknown>> {
    const row = rows.get(keyOf(key))
    await null
    if (!matches(row, expected)) {
      if (row && seams.keepsRefused) keep(keyOf(key), { ...row, value })
      return { ok: false, current: seams.refusal(row) }
    }
    return { ok: true, state: stateOf(put(keyOf(key), value, false), seams.give) }
  }

  async function remove(key: string, expected: Version) {
    const row = rows.get(keyOf(key))
    await null
    if (!seams.removable(row, expected)) return { ok: false as const, current: seams.refusal(row) }
    if (row && seams.tombstones) put(keyOf(key), row.value, true)
    else {
      rows.delete(keyOf(key))
      if (seams.forgets) history.delete(keyOf(key))
    }
    return { ok: true as const }
  }

  async function create(value: unknown) {
    const key = seams.newKey(count)
    return { key, state: stateOf(put(key, value, false), seams.give) }
  }

  async function readVersion(key: string, version: Version) {
    const row = seams.rowAt(history.get(keyOf(key)) ?? [], version)
    return row && stateOf(row, seams.give)
  }

  async function transact<R>(run: (tx: TransactionalAdapter<unknown>) => Promise<R>): Promise<R> {
    const before = new Map(rows)
    const historyBefore = new Map(history)
    let isOver = false
    const open =
      <A extends unknown[], R>(call: (...values: A) => Promise<R>) =>
      async (...values: A): Promise<R> => {
        if (isOver && seams.ends) throw new Error('the transaction is over')
        return call(...values)
      }
    const methods = { read: open(read), write: open(write), remove: open(remove), create: open(create), readVersion }
    try {
      return await run({ ...methods, transactionHandle: before })
    } catch (error) {
      seams.rollBack(() => {
        rows = before
      })
      seams.rollBackHistory(() => {
        history = historyBefore
      })
      throw error
    } finally {
      isOver = true
    }
  }

  return {
    read: (key) => seams.look(() => read(key)),
    write: (key, value, expected) => exclusively(() => write(key, value, expected)),
    remove: (key, expected) => exclusively(() => remove(key, expected)),
    create: (value) => exclusively(() => create(value)),
    readVersion: (key, version) => exclusively(() => readVersion(key, version)),
    transaction: (run) => exclusively(() => transact(run)),
  }
}

export function stateOf(row: Row, give: (value: unknown) => unknown = json): ResourceState<unknown> {
  const state = { value: give(row.value), version: String(row.version), lastModified: new Date(row.ms) }
  return row.gone ? { ...state, gone: true } : state
}

function right(): Seams {
  return {
    tombstones: false,
    now: () => 0,
    keyOf: (key) => key,
    matches: (row, expected) => (row ? String(row.version) : null) === expected,
    removable: (row, expected) => row !== undefined && String(row.version) === expected,
    nextVersion: (_before, _value, count) => count,
    nextMs: (now, before) => (before ? Math.max(now, before.ms + 1000) : now),
    keep: json,
    give: json,
    refusal: (row) => row && stateOf(row),
    newKey: (count) => `created ${count}`,
    rowAt: (kept, version) => kept.find((row) => String(row.version) === version),
    exclusively: oneAfterAnother(),
    look: oneAfterAnother(),
    ends: true,
    rollBack: (restore) => restore(),
    rollBackHistory: (restore) => restore(),
    keepVersions: Number.MAX_SAFE_INTEGER - 1,
    forgets: true,
    keepsRefused: false,
  }
}

export function oneAfterAnother() {
  let last: Promise<unknown> = Promise.resolve()
  return <R>(work: Work<R>): Promise<R> => {
    const done = last.then(work)
    last = done.catch(() => {})
    return done
  }
}
