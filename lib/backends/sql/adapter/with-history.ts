import type { RawBuilder } from 'kysely'
import type { RemoveResult, ResourceState, Version, WriteResult } from '../../../contracts/adapter'
import { parseJson } from '../../../json/text'
import type { SqlDialect } from '../client'
import { type HistoryRow, historyStatements } from './history-statements'
import type { Connection, Operations } from './operations'
import type { HistoryPlan } from './plan'
import type { rowsOf } from './statements'
import type { Row } from './versions'

export interface OperationsWithHistory<T> extends Operations<T> {
  readVersion(key: string, version: Version): Promise<ResourceState<T> | undefined>
  readSince(key: string, version: Version): Promise<readonly ResourceState<T>[] | undefined>
}

/**
 * Operations that keep what they replace, in one transaction with the change. The row is locked from the first read on,
 * so what is kept is exactly what was replaced.
 *
 * In PostgreSQL one statement does all of it, without a transaction: while a version is stored, its value is the one
 * that was read with it. Where the version is a hash, a state can come back with its old version, so there the row is
 * locked too.
 */
export function withHistory<T>(
  connection: Connection,
  operationsIn: (connection: Connection) => Operations<T>,
  plan: HistoryPlan,
  { keys, versions }: ReturnType<typeof rowsOf<T>>,
  dialect: SqlDialect,
  hasTombstones: boolean,
): OperationsWithHistory<T> {
  const history = historyStatements(plan, keys, dialect)
  const plain = operationsIn(connection)
  const inOne = dialect === 'postgres'

  async function replacing<R extends WriteResult<T> | RemoveResult<T>>(
    key: string,
    expected: Version,
    replace: (inner: Operations<T>) => Promise<R>,
  ) {
    const where = keys.where(key)
    const keyValues = keys.values(key)
    if (!where || !keyValues) return NOTHING_STORED
    return holding(async (on) => {
      const inner = operationsIn(on)
      const current = await inner.read(key)
      if (current?.version !== expected) return { ok: false as const, current }
      if (inOne)
        return replace(operationsIn({ ...on, along: (change) => history.keepAlong(change, where, keyValues, current) }))
      // Kept before the change: if this fails, there must be no change, even if the app goes on after the error.
      await on.execute(history.keep(where, keyValues, current))
      const result = await replace(inner)
      await on.execute(history.prune(where))
      return result
    })
  }

  async function removeWithHistory(key: string, expected: Version): Promise<RemoveResult<T>> {
    const where = keys.where(key)
    if (!where) return NOTHING_STORED
    return holding(async (on) => {
      const along = inOne ? (change: RawBuilder<Row>) => history.forgetAlong(change, where) : undefined
      const result = await operationsIn({ ...on, along }).remove(key, expected)
      if (result.ok && !inOne) await on.execute(history.forget(where))
      return result
    })
  }

  function holding<R>(run: (on: Connection) => Promise<R>): Promise<R> {
    if (inOne && !versions.needsRow) return run(connection)
    return connection.batch((execute) => run({ ...connection, execute, batch: (inner) => inner(execute), locks: true }))
  }

  return {
    ...plain,

    write: (key, value, expected) =>
      expected === null
        ? plain.write(key, value, null)
        : replacing(key, expected, (inner) => inner.write(key, value, expected)),

    remove: (key, expected) =>
      hasTombstones
        ? replacing(key, expected, (inner) => inner.remove(key, expected))
        : removeWithHistory(key, expected),

    async readVersion(key, version) {
      // The stored state is read first. If it is replaced meanwhile, it is in the history by then. In the other order,
      // both reads could miss it.
      const current = await plain.read(key)
      if (!current || current.version === version) return current
      const where = keys.where(key)
      const [row] = where ? (await connection.execute(history.select(where, version))).rows : []
      return row && stateIn<T>(row, version)
    },

    async readSince(key, version) {
      // In this order for the same reason.
      const current = await plain.read(key)
      if (!current || current.version === version) return current && [current]
      const where = keys.where(key)
      const { rows } = where ? await connection.execute(history.selectSince(where, version)) : { rows: [] }
      if (rows.length === 0) return undefined
      // A state that was replaced meanwhile is in both.
      const earlier = rows.findIndex((row) => row.version === current.version)
      const states = rows.slice(0, earlier === -1 ? rows.length : earlier).map((row) => stateIn<T>(row, row.version))
      return [...states, current]
    },
  }
}

const NOTHING_STORED = { ok: false, current: undefined } as const

export function stateIn<T>({ value, modified_ms, gone }: HistoryRow, version: string): ResourceState<T> {
  const state = { value: parseJson(value, 'sqlAdapter()') as T, version }
  const dated = modified_ms === null ? state : { ...state, lastModified: new Date(Number(modified_ms)) }
  return Number(gone) === 1 ? { ...dated, gone: true } : dated
}
