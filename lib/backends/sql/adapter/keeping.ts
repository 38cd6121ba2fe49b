import type { RemoveResult, ResourceState, Version, WriteResult } from '../../../contracts/adapter'
import type { SqlDialect } from '../client'
import { type HistoryPlan, historyStatements, stateIn } from './history'
import type { Operations, Place } from './operations'
import type { rowsOf } from './rows'

export interface KeepingOperations<T> extends Operations<T> {
  readVersion(key: string, version: Version): Promise<ResourceState<T> | undefined>
  readSince(key: string, version: Version): Promise<readonly ResourceState<T>[] | undefined>
}

/**
 * Operations that keep what they replace, in one transaction with the change. It holds the row from the first look on:
 * what is kept is what was replaced.
 */
export function keepingAt<T>(
  place: Place,
  operationsIn: (place: Place) => Operations<T>,
  plan: HistoryPlan,
  { keys }: ReturnType<typeof rowsOf<T>>,
  dialect: SqlDialect,
  hasTombstones: boolean,
): KeepingOperations<T> {
  const history = historyStatements(plan, keys, dialect)
  const plain = operationsIn(place)

  async function replacing<R extends WriteResult<T> | RemoveResult<T>>(
    key: string,
    expected: Version,
    replace: (inner: Operations<T>) => Promise<R>,
  ) {
    const where = keys.where(key)
    const keyValues = keys.values(key)
    if (!where || !keyValues) return NOTHING_STORED
    return place.atomically(async (execute) => {
      const inner = operationsIn({ ...place, execute, together: (run) => run(execute), locks: true })
      const current = await inner.read(key)
      if (current?.version !== expected) return { ok: false as const, current }
      // Kept first: if that fails, the change must not stand without it, even if the app goes on after the error.
      await execute(history.keep(where, keyValues, current))
      const result = await replace(inner)
      await execute(history.prune(where))
      return result
    })
  }

  async function removeWithHistory(key: string, expected: Version): Promise<RemoveResult<T>> {
    const where = keys.where(key)
    if (!where) return NOTHING_STORED
    return place.atomically(async (execute) => {
      const inner = operationsIn({ ...place, execute, together: (run) => run(execute), locks: true })
      const result = await inner.remove(key, expected)
      if (result.ok) await execute(history.forget(where))
      return result
    })
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
      const [row] = where ? (await place.execute(history.select(where, version))).rows : []
      return row && stateIn<T>(row, version)
    },

    async readSince(key, version) {
      // In this order for the same reason.
      const current = await plain.read(key)
      if (!current || current.version === version) return current && [current]
      const where = keys.where(key)
      const { rows } = where ? await place.execute(history.selectSince(where, version)) : { rows: [] }
      if (rows.length === 0) return undefined
      // What was replaced meanwhile is both.
      const earlier = rows.findIndex((row) => row.version === current.version)
      const states = rows.slice(0, earlier === -1 ? rows.length : earlier).map((row) => stateIn<T>(row, row.version))
      return [...states, current]
    },
  }
}

const NOTHING_STORED = { ok: false, current: undefined } as const
