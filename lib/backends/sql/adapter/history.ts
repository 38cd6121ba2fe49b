import { type RawBuilder, sql } from 'kysely'
import type { ResourceState } from '../../../contracts/adapter'
import { parseJson } from '../../../json/text'
import type { SqlDialect } from '../client'
import { type Fragment, fragmentsOf } from './fragments'
import type { Keys } from './keys'
import { namesIn, settledText, strictVerbs } from './names'

/** A table beside that of the resources. */
export interface HistoryPlan {
  readonly table: string
  readonly keepVersions: number
}

const KEPT = ['value', 'modified_ms', 'gone', 'position'] as const

/** The columns behind those of the key. Dates are milliseconds: no time zone changes them. */
export const HISTORY_COLUMNS = ['version', ...KEPT] as const

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
      ? sql`on duplicate key update ${sql.join(KEPT.map((column) => sql`${nameOf(column)} = values(${nameOf(column)})`))}`
      : sql`on conflict (${namesOf([...keys.columns, 'version'])}) do update
          set ${sql.join(KEPT.map((column) => sql`${nameOf(column)} = excluded.${nameOf(column)}`))}`,
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
