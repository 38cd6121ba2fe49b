import { type RawBuilder, sql } from 'kysely'
import type { ResourceState } from '../../../contracts/adapter'
import type { SqlDialect } from '../client'
import { type Fragment, fragmentsOf, namesIn, settledText, strictVerbs } from './fragments'
import type { Keys } from './keys'
import { HISTORY_COLUMNS, HISTORY_VALUES, type HistoryPlan } from './plan'
import type { Row } from './versions'

export interface HistoryRow {
  readonly value: string
  readonly modified_ms: unknown
  readonly gone: unknown
}

/** The statements that write and read the history of a resource. Nothing here talks to a database. */
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
  /** As a derived table, because MySQL cannot read a table directly in a statement that changes it. */
  const latest = (where: Fragment, most: number) =>
    sql`(select ${position} from ${table} where ${where} order by ${position} desc limit ${sql.lit(most)}) as latest`

  /** A version that comes back gets the last position. */
  function contentsOf(where: Fragment, keyValues: readonly unknown[], state: ResourceState<unknown>): Fragment {
    const { version, value, lastModified, gone = false } = state
    const mark = dialect === 'postgres' ? gone : Number(gone)
    const last = sql`coalesce((select max(${position}) from ${latest(where, 1)}), 0) + 1`
    return sql.join([...keyValues, version, JSON.stringify(value), lastModified?.getTime() ?? null, mark, last])
  }

  return {
    /** The caller has locked the row, so no two versions get the same position. */
    keep: (where: Fragment, keyValues: readonly unknown[], state: ResourceState<unknown>): Fragment =>
      sql`${verb.insert} into ${table} (${into}) values (${contentsOf(where, keyValues, state)}) ${replacing}`,

    /**
     * All parts see the tables as they were before the statement. So `pruned` does not see the version that is kept
     * now, and keeps one fewer.
     */
    keepAlong(
      change: RawBuilder<Row>,
      where: Fragment,
      keyValues: readonly unknown[],
      state: ResourceState<unknown>,
    ): RawBuilder<Row> {
      const others = sql`${where} and not (${isExactly('version', state.version)})`
      return sql<Row>`with changed as (${change}),
        kept as (
          insert into ${table} (${into}) select ${contentsOf(where, keyValues, state)} where exists (select 1 from changed)
          ${replacing}
        ),
        pruned as (
          delete from ${table} where ${others} and exists (select 1 from changed) and ${position} <= (
            select ${position} from ${table} where ${others} order by ${position} desc
            offset ${sql.lit(keepVersions - 1)} limit 1
          )
        )
        select * from changed`
    },

    forgetAlong: (change: RawBuilder<Row>, where: Fragment): RawBuilder<Row> =>
      sql<Row>`with changed as (${change}),
        forgotten as (delete from ${table} where ${where} and exists (select 1 from changed))
        select * from changed`,

    /** Removes all but the latest `keepVersions` versions. */
    prune: (where: Fragment): Fragment =>
      sql`delete from ${table}
        where ${where} and ${position} < (select min(${position}) from ${latest(where, keepVersions)})`,

    forget: (where: Fragment): Fragment => sql`delete from ${table} where ${where}`,

    /** All versions from the given one on, oldest first. */
    selectSince: (where: Fragment, version: string): RawBuilder<HistoryRow & { readonly version: string }> =>
      sql`select ${textOf('version')} as version, ${textOf('value')} as value, modified_ms, gone from ${table}
        where ${where} and ${position} >= (select ${position} from ${table} where ${where} and ${isExactly('version', version)})
        order by ${position}`,

    select: (where: Fragment, version: string): RawBuilder<HistoryRow> =>
      sql`select ${textOf('value')} as value, modified_ms, gone from ${table} where ${where} and ${isExactly('version', version)}`,
  }
}
