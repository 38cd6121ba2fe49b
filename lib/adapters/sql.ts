import { setTimeout as wait } from 'node:timers/promises'
import { type QueryResult, type RawBuilder, sql } from 'kysely'
import type { RemoveResult, ResourceAdapter, ResourceState, WriteResult } from '../adapter'
import { databaseOf, type Execute } from '../sql/database'
import { attempted, MOST_TRIES } from '../sql/faults'
import { recogniseStoreError } from '../store-errors'
import type { SqlAdapterOptions } from './sql/options'
import { planOf } from './sql/plan'
import { rowsOf } from './sql/rows'
import { unfit } from './sql/unfit'
import type { Row } from './sql/versions'

export type { SqlClient, SqlDialect } from '../sql/database'
export { addColumnStatements, createTableStatements } from './sql/create-table'
export type { SqlAdapterOptions, SqlTable } from './sql/options'

const WHO = 'sqlAdapter()'

export interface SqlAdapter<T> extends ResourceAdapter<T> {
  readonly write: NonNullable<ResourceAdapter<T>['write']>
  readonly remove: NonNullable<ResourceAdapter<T>['remove']>
}

/**
 * Keeps resources in a table of PostgreSQL, MariaDB, MySQL or SQLite: as a row of columns, or as JSON in one column.
 *
 * A write is one UPDATE whose WHERE names the version, so the database decides races. The key needs a unique index (of
 * `scope` and `key` together): without one nothing can keep two creators apart.
 */
export function sqlAdapter<T>(options: SqlAdapterOptions): SqlAdapter<T> {
  const plan = planOf(options, WHO)
  const { now = Date.now, generatedKeys = false } = options
  const database = databaseOf(options.client, options.dialect, WHO)
  const { dialect } = database
  const rows = rowsOf<T>(plan, dialect, now)
  const { keys, values, versions } = rows
  if (generatedKeys && plan.key.length > 1)
    throw new TypeError('sqlAdapter(): generatedKeys needs a key of one column.')

  async function rowOf(execute: Execute, key: string): Promise<Row | undefined> {
    const where = keys.where(key)
    if (!where) return undefined
    const found = await execute(rows.select(where))
    if (found.rows.length < 2) return found.rows[0]
    throw new TypeError(`sqlAdapter(): a key of "${plan.table}" names several rows; it needs a unique index.`)
  }

  async function read(key: string, execute = database.execute): Promise<ResourceState<T> | undefined> {
    const row = await rowOf(execute, key)
    return row && rows.stateOf(row)
  }

  const refused = async (key: string) => ({ ok: false as const, current: await read(key) })

  /** The row of the key, as long as it has this version. `undefined`: it has another one already. */
  async function conditionOf(key: string, expected: string): Promise<RawBuilder<unknown> | undefined> {
    const where = keys.where(key)
    const row = versions.needsRow ? await rowOf(database.execute, key) : undefined
    if (!where || (row && versions.versionOf(row) !== expected)) return undefined
    const isStill = versions.isStill(expected, row)
    return isStill && sql`${where} and ${isStill}`
  }

  /** What a change made of the row. MySQL gives no row back, so it is read. */
  async function written(execute: Execute, key: string, row: Row | undefined, value: T, version: string | undefined) {
    if (row) return rows.stateOf(row)
    if (version === undefined) return (await read(key, execute)) ?? gone()
    const seen = await read(key).catch(() => undefined)
    if (seen?.version === version) return seen
    // Another writer came between, or the read failed: the change is made all the same, and this is what it made.
    const state = { value: JSON.parse(JSON.stringify(value)) as T, version }
    return plan.lastModified ? { ...state, lastModified: new Date(now()) } : state
  }

  /** Only a read tells the hash of a row that was changed, and it has to come before others may change it again. */
  const changing = <R>(run: (execute: Execute) => Promise<R>): Promise<R> =>
    dialect === 'mysql' && versions.needsRow ? database.together(run) : run(database.execute)

  async function replace(key: string, value: T, expected: string): Promise<WriteResult<T>> {
    const set = values.columnsOf(value, false)
    const condition = await conditionOf(key, expected)
    if (!condition) return refused(key)
    const next = versions.next(expected)
    const state = await changing(async (execute) => {
      const result = await execute(rows.update(condition, [...set, ...next.set]))
      return hasChanged(result) && written(execute, key, result.rows[0], value, next.version)
    })
    return state ? { ok: true, state } : refused(key)
  }

  async function insert(key: string, value: T): Promise<WriteResult<T>> {
    const keyValues = keys.values(key)
    if (!keyValues) throw unfit(`the key columns of "${plan.table}" cannot hold this key.`)
    const next = versions.next(null)
    const set = [...values.columnsOf(value, true), ...next.set]
    for (let tries = 1; ; tries++) {
      const outcome = await changing(async (execute) => {
        const result = await execute(rows.insert(set, keyValues))
        return {
          state: hasChanged(result) && (await written(execute, key, result.rows[0], value, next.version)),
        }
      }).catch(dialect === 'mysql' ? takenOrThrow : rethrow)
      if (outcome.state) return { ok: true, state: outcome.state }
      const current = await read(key)
      if (current || !('taken' in outcome)) return { ok: false, current }
      // Somebody made the key and removed it again, or it never was the key but a unique index of the app's.
      if (tries === MOST_TRIES) throw outcome.taken
      await wait(Math.random() * tries)
    }
  }

  async function create(value: T): Promise<{ key: string; state: ResourceState<T> }> {
    const next = versions.next(null)
    const set = [...values.columnsOf(value, true), ...next.set]
    return changing(async (execute) => {
      const result = await execute(rows.insert(set, undefined))
      const [row] = result.rows
      if (!row && result.insertId === undefined) throw new TypeError(`sqlAdapter(): "${plan.table}" gave no key.`)
      const key = row ? rows.keyOf(row) : String(result.insertId)
      return { key, state: await written(execute, key, row, value, next.version) }
    })
  }

  async function remove(key: string, expected: string): Promise<RemoveResult<T>> {
    const condition = await conditionOf(key, expected)
    if (!condition) return refused(key)
    const removal = plan.softDelete ? rows.update(condition, versions.next(expected).set, true) : rows.remove(condition)
    return hasChanged(await database.execute(removal)) ? { ok: true } : refused(key)
  }

  return {
    read: (key) => attempted(() => read(key), WHO),
    write: (key, value, expected) =>
      attempted(() => (expected === null ? insert(key, value) : replace(key, value, expected)), WHO),
    remove: (key, expected) => attempted(() => remove(key, expected), WHO),
    ...(generatedKeys && { create: (value: T) => attempted(() => create(value), WHO) }),
  }
}

function hasChanged({ rows, numAffectedRows = 0n }: QueryResult<unknown>): boolean {
  return rows.length > 0 || numAffectedRows > 0n
}

/** MySQL has no ON CONFLICT for one index alone: what is taken, the key or another column, a read has to tell. */
function takenOrThrow(error: unknown): { readonly state: false; readonly taken: unknown } {
  if (recogniseStoreError(error)?.kind !== 'unique') throw error
  return { state: false, taken: error }
}

function rethrow(error: unknown): never {
  throw error
}

function gone(): never {
  throw new Error('sqlAdapter(): a row that was just written is not there; a trigger may have removed it.')
}
