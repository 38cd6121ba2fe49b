import { type RawBuilder, sql } from 'kysely'
import { escapeToken } from '../../../../json/pointer'
import { compiled, type Execute, type SqlDialect } from '../../client'
import type { ColumnFacts } from '../column-content'
import type { TablePlan } from '../plan'
import { CONSTRAINTS, constraintsFrom } from './constraints'
import { type Contents, refusedColumns } from './refused-columns'
import { type Column, usableTypes } from './usable-types'

/** What the database's own catalogue says about a table, as far as it matters here. */
export interface Catalogue extends ColumnFacts {
  /**
   * Nothing changes a row after the statement that wrote it: there is no AFTER trigger, and the table is not a view.
   */
  readonly isFinal: boolean
  /** A trigger changes rows only at COMMIT, unless constraints are set to immediate. */
  readonly isDeferred: boolean
  /** A view may not show a row that was written through it. */
  readonly isView: boolean
  /** An INSTEAD OF trigger carries INSERT out, so ON CONFLICT is not possible. */
  readonly insertsByTrigger: boolean
  /** A column gives back every text as it was written, except for spaces at its end. */
  keepsText(column: string): boolean
  /** JSON Pointers to the members that caused an INSERT or UPDATE to be refused, as far as the error tells. */
  refusedMembers(error: unknown, contents: Contents): readonly string[]
  /** Why the table cannot be used as it was described. */
  readonly problem: string | undefined
}

const NOTHING_KNOWN: Catalogue = {
  isFinal: true,
  isDeferred: false,
  isView: false,
  insertsByTrigger: false,
  keepsText: () => true,
  refusedMembers: () => [],
  generated: new Set(),
  arrays: new Set(),
  numeric: new Set(),
  problem: undefined,
}

/**
 * The catalogue of one table. It is read before the first statement and again from time to time, because migrations run
 * while apps do.
 */
export interface CatalogueReader {
  /** Waits only for the first reading. Rejects every time if a type of the table cannot be used. */
  ready(): Promise<void> | undefined
  /** What is known so far. It never waits: in a transaction there may be no other connection to ask on. */
  current(): Catalogue
  /** To call when a statement has failed: the table may have changed. */
  doubt(): void
}

const TRUSTED_MS = 10_000
/** The shortest time between two readings, so that many failures at once cause only one. */
const LEAST_MS = 1000

interface Row {
  readonly name: string
  readonly type: string
  readonly cast?: string
  readonly full?: string
  readonly generated: unknown
  readonly after: unknown
  /** In MySQL: how many characters arrive where one backslash was sent. */
  readonly backslash?: unknown
}

export function catalogueReader(plan: TablePlan, dialect: SqlDialect, execute: Execute): CatalogueReader {
  const statement = STATEMENTS[dialect](plan.table, dialect)
  let known: Catalogue | undefined
  let reading: Promise<void> | undefined
  let readAt = Number.NEGATIVE_INFINITY

  async function read(): Promise<void> {
    readAt = performance.now()
    try {
      const { rows } = await execute(statement)
      known = await catalogueFrom(rows, plan, dialect, execute)
    } catch {
      // Without an answer, nothing is known. If something is wrong, the statement that follows fails and says so.
      known ??= NOTHING_KNOWN
    } finally {
      reading = undefined
    }
  }

  function refuse(): void {
    if (known?.problem !== undefined) throw new TypeError(`sqlAdapter(): ${known.problem}`)
  }

  return {
    ready() {
      if (performance.now() - readAt >= TRUSTED_MS) reading ??= read()
      if (known && known.problem === undefined) return undefined
      return (reading ?? Promise.resolve()).then(refuse)
    },
    current: () => known ?? NOTHING_KNOWN,
    doubt() {
      if (performance.now() - readAt >= LEAST_MS) readAt = Number.NEGATIVE_INFINITY
    },
  }
}

async function catalogueFrom(
  rows: readonly Row[],
  plan: TablePlan,
  dialect: SqlDialect,
  execute: Execute,
): Promise<Catalogue> {
  const [first] = rows
  if (!first) return NOTHING_KNOWN
  const columns = new Map<string, Column>(
    rows.map(({ name, type, cast = type, full }) => [name, { name, type: type.toLowerCase(), cast, full }]),
  )
  const after = Number(first.after ?? 0)
  const table = {
    columns,
    isAlone: after === 0,
    constraints: constraintsFrom(await constraintRows(plan, dialect, execute), columns, dialect),
  }
  return {
    isFinal: after === 0,
    isDeferred: after === 2,
    isView: after >= 3,
    insertsByTrigger: after === 4,
    keepsText: (column) => TEXTS[dialect].test(columns.get(column)?.type ?? 'text'),
    refusedMembers(error, contents) {
      const refused = refusedColumns(error, table, contents, dialect)
      return plan.members
        .filter(({ column }) => refused.includes(column))
        .map(({ member }) => `/${escapeToken(member)}`)
    },
    generated: new Set(rows.filter(({ generated }) => Number(generated) === 1).map(({ name }) => name)),
    ...(await usableTypes(plan, dialect, columns, execute)),
    ...(Number(first.backslash) > 1 && { problem: BACKSLASH }),
  }
}

const BACKSLASH =
  'the driver escapes values with backslashes, and sql_mode has NO_BACKSLASH_ESCAPES, so a value could become SQL; take that mode out.'

const TEXTS: Readonly<Record<SqlDialect, RegExp>> = {
  postgres: /^(?:text|varchar|bpchar|citext)$/,
  mysql: /^(?:var)?char|text$|^varbinary|blob$/,
  // To SQLite any other name means numbers.
  sqlite: /^(?!.*int).*(?:char|clob|text|blob)|^$/,
}

/** If this fails, refusals only lack the names of members. */
async function constraintRows(plan: TablePlan, dialect: SqlDialect, execute: Execute) {
  const asked = plan.members.length > 0 ? execute(CONSTRAINTS[dialect](plan.table, dialect)) : undefined
  return (await asked?.catch(() => undefined))?.rows ?? []
}

type Ask = (table: string, dialect: SqlDialect) => RawBuilder<Row>

/**
 * `after`: 0 nothing changes rows after a statement, 1 something does, 2 it does so at COMMIT, 3 it is a view, 4
 * with a trigger in place of INSERT. Bits of tgtype: 2 is BEFORE, 4 is INSERT, 64 is INSTEAD OF.
 */
const postgres: Ask = (table, dialect) => sql`
  select a.attname as name, coalesce(base.typname, own.typname) as type, format_type(a.atttypid, null) as cast,
    case when own.typtype = 'd' then format_type(own.typbasetype, own.typtypmod) else format_type(a.atttypid, a.atttypmod) end as full,
    case when a.attgenerated <> '' or a.attidentity = 'a' then 1 else 0 end as generated,
    case when c.relkind = 'v' then (
      select coalesce(max(4), 3) from pg_catalog.pg_trigger t where t.tgrelid = c.oid and t.tgtype & 68 = 68
    ) when c.relkind <> 'r' or c.relhasrules or c.relhassubclass then 1 else (
      select max(case when t.tgdeferrable then 2 else 1 end) from pg_catalog.pg_trigger t
      where t.tgrelid = c.oid and not t.tgisinternal and t.tgenabled <> 'D' and t.tgtype & 66 = 0
    ) end as after
  from pg_catalog.pg_class c
  join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  join pg_catalog.pg_type own on own.oid = a.atttypid
  left join pg_catalog.pg_type base on own.typtype = 'd' and base.oid = own.typbasetype
  where c.oid = to_regclass(${compiled(sql.table(table), dialect)})`

/**
 * A view is assumed to change rows: the triggers of its tables are not looked up. Each subquery names schema and table
 * as constants. If it were joined by columns, MariaDB would open every table of every database.
 */
const mysql: Ask = (name) => {
  const [named = '', schema] = name.split('.').reverse()
  // Literals, because mysql2 binds no parameters inside a comment. Both are plain identifiers.
  const table = sql.lit(named)
  const here = schema === undefined ? sql`database()` : sql.lit(schema)
  // MariaDB has no type for JSON but a check. Only MariaDB reads this kind of comment.
  const json = sql`exists (
    select 1 from information_schema.check_constraints k
    where k.constraint_schema = ${here} and k.table_name = ${table}
      and k.check_clause = concat('json_valid(\`', c.column_name, '\`)'))`
  return sql`
    select c.column_name as name,
      case when c.column_type = 'json' /*M! or ${json} */ then 'json' else c.column_type end as type,
      case when c.extra like '%GENERATED%' and c.extra not like '%DEFAULT_GENERATED%' then 1 else 0 end as generated,
      case when t.table_type = 'VIEW' then 3 when t.table_type <> 'BASE TABLE' or exists (
        select 1 from information_schema.triggers
        where event_object_schema = ${here} and event_object_table = ${table}
      ) then 1 else 0 end as after,
      char_length(${'\\'}) as backslash
    from information_schema.columns c
    join information_schema.tables t on t.table_schema = ${here} and t.table_name = ${table}
    where c.table_schema = ${here} and c.table_name = ${table}`
}

const sqlite: Ask = (name) => {
  const [table = '', schema = 'main'] = name.split('.').reverse()
  const triggers = (of: string) =>
    sql`select 1 from ${sql.table(of)} where type = 'trigger' and lower(tbl_name) = lower(${table})`
  return sql`
    select x.name as name, x.type as type, case when x.hidden in (2, 3) then 1 else 0 end as generated,
      case when exists (select 1 from ${sql.table(`${schema}.sqlite_master`)} where type = 'view' and lower(name) = lower(${table}))
        then 4 when exists (${triggers(`${schema}.sqlite_master`)}) or exists (${triggers('temp.sqlite_master')})
        then 1 else 0 end as after
    from pragma_table_xinfo(${table}, ${schema}) as x`
}

const STATEMENTS: Readonly<Record<SqlDialect, Ask>> = { postgres, mysql, sqlite }
