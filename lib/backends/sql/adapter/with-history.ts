import { type RawBuilder, sql } from 'kysely'
import type { RemoveResult, ResourceState, Version, WriteResult } from '../../../contracts/adapter'
import { parseJson } from '../../../json/text'
import type { SqlDialect } from '../client'
import { type Fragment, fragmentsOf, namesIn, settledText, strictVerbs } from './fragments'
import type { Keys } from './keys'
import type { Connection, Operations } from './operations'
import { HISTORY_COLUMNS, HISTORY_VALUES, type HistoryPlan } from './plan'
import type { rowsOf } from './rows'

export interface OperationsWithHistory<T> extends Operations<T> {
  readVersion(key: string, version: Version): Promise<ResourceState<T> | undefined>
  readSince(key: string, version: Version): Promise<readonly ResourceState<T>[] | undefined>
}

/**
 * Operations that keep what they replace, in one transaction with the change. It holds the row from the first look on:
 * what is kept is what was replaced.
 */
export function withHistory<T>(
  connection: Connection,
  operationsIn: (connection: Connection) => Operations<T>,
  plan: HistoryPlan,
  { keys }: ReturnType<typeof rowsOf<T>>,
  dialect: SqlDialect,
  hasTombstones: boolean,
): OperationsWithHistory<T> {
  const history = historyStatements(plan, keys, dialect)
  const plain = operationsIn(connection)

  async function replacing<R extends WriteResult<T> | RemoveResult<T>>(
    key: string,
    expected: Version,
    replace: (inner: Operations<T>) => Promise<R>,
  ) {
    const where = keys.where(key)
    const keyValues = keys.values(key)
    if (!where || !keyValues) return NOTHING_STORED
    return connection.batch(async (execute) => {
      const inner = operationsIn({ ...connection, execute, batch: (run) => run(execute), locks: true })
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
    return connection.batch(async (execute) => {
      const inner = operationsIn({ ...connection, execute, batch: (run) => run(execute), locks: true })
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

interface HistoryRow {
  readonly value: string
  readonly modified_ms: unknown
  readonly gone: unknown
}

/** What the history of a resource is written and read with. Nothing here talks to a database. */
export function historyStatements({ table: name, keepVersions }: HistoryPlan, keys: Keys, dialect: SqlDialect) {
  const { isExactly, textOf } = fragmentsOf(dialect)
  const nameOf = namesIn(dialect)
  const verb = strictVerbs(dialect)
  const settled = (fragment: Fragment) => settledText(fragment, dialect)
  const namesOf = (columns: readonly string[]) => settled(sql.join(columns.map(nameOf)))

  const table = settled(sql.table(name))
  const into = namesOf([...keys.columns, ...HISTORY_COLUMNS])
  const replacing = settled(
    dialect === 'mysql'
      ? sql`on duplicate key update ${sql.join(HISTORY_VALUES.map((column) => sql`${nameOf(column)} = values(${nameOf(column)})`))}`
      : sql`on conflict (${namesOf([...keys.columns, 'version'])}) do update
          set ${sql.join(HISTORY_VALUES.map((column) => sql`${nameOf(column)} = excluded.${nameOf(column)}`))}`,
  )
  const position = nameOf('position')
  /** By way of a table of its own: MySQL reads none that the statement changes. */
  const latest = (where: Fragment, most: number) =>
    sql`(select ${position} from ${table} where ${where} order by ${position} desc limit ${sql.lit(most)}) as latest`

  return {
    /** Who calls it holds the resource, so no two get one position. A version that comes back moves to the end. */
    keep(where: Fragment, keyValues: readonly unknown[], state: ResourceState<unknown>): Fragment {
      const { version, value, lastModified, gone = false } = state
      const mark = dialect === 'postgres' ? gone : Number(gone)
      const last = sql`coalesce((select max(${position}) from ${latest(where, 1)}), 0) + 1`
      const contents = [...keyValues, version, JSON.stringify(value), lastModified?.getTime() ?? null, mark, last]
      return sql`${verb.insert} into ${table} (${into}) values (${sql.join(contents)}) ${replacing}`
    },

    /** Of the versions of a resource, those are removed that are too many. */
    prune: (where: Fragment): Fragment =>
      sql`delete from ${table}
        where ${where} and ${position} < (select min(${position}) from ${latest(where, keepVersions)})`,

    forget: (where: Fragment): Fragment => sql`delete from ${table} where ${where}`,

    /** In their order, from a version on. */
    selectSince: (where: Fragment, version: string): RawBuilder<HistoryRow & { readonly version: string }> =>
      sql`select ${textOf('version')} as version, ${textOf('value')} as value, modified_ms, gone from ${table}
        where ${where} and ${position} >= (select ${position} from ${table} where ${where} and ${isExactly('version', version)})
        order by ${position}`,

    select: (where: Fragment, version: string): RawBuilder<HistoryRow> =>
      sql`select ${textOf('value')} as value, modified_ms, gone from ${table} where ${where} and ${isExactly('version', version)}`,
  }
}

export function stateIn<T>({ value, modified_ms, gone }: HistoryRow, version: string): ResourceState<T> {
  const state = { value: parseJson(value, 'sqlAdapter()') as T, version }
  const dated = modified_ms === null ? state : { ...state, lastModified: new Date(Number(modified_ms)) }
  return Number(gone) === 1 ? { ...dated, gone: true } : dated
}
