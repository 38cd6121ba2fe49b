import type { RawBuilder } from 'kysely'
import type { RemoveResult, ResourceState, Version, WriteResult } from '../../../contracts/adapter'
import { parseJson } from '../../../json/text'
import type { SqlDialect } from '../client'
import { type HistoryRow, historyStatements } from './history-statements'
import type { Connection, Operations } from './operations'
import type { HistoryPlan } from './plan'
import type { rowsOf } from './rows'
import type { Row } from './versions'

export interface OperationsWithHistory<T> extends Operations<T> {
  readVersion(key: string, version: Version): Promise<ResourceState<T> | undefined>
  readSince(key: string, version: Version): Promise<readonly ResourceState<T>[] | undefined>
}

/**
 * Operations that keep what they replace, in one transaction with the change. It holds the row from the first look on:
 * what is kept is what was replaced.
 *
 * In PostgreSQL one statement does all of it, and needs no transaction: a version that is still stored has the value that
 * was read with it. But a state that comes back has its version again where that is a hash, so there the row is held, too.
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
      // Kept first: if that fails, the change must not stand without it, even if the app goes on after the error.
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
      // First what is stored: what is replaced meanwhile is found in the history then, the other way round in neither.
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
      // What was replaced meanwhile is both.
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
