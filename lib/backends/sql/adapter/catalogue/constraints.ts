import { type RawBuilder, sql } from 'kysely'
import { compiled, type SqlDialect } from '../../client'

/** The columns of the constraints and unique indexes of a table and its partitions. */
export interface Constraints {
  /** Whether this is the table or one of its partitions. Default schema: that of the table. */
  isOwn(table: unknown, schema?: unknown): boolean
  /** The columns of a constraint of the table, or of one of its partitions. */
  columnsOf(name: unknown, table?: unknown, schema?: unknown): readonly string[]
  /** The columns that an expression names. */
  columnsIn(expression: string): readonly string[]
}

export interface ConstraintRow {
  readonly of_schema: string
  readonly of_table: string
  /** NULL in a row that only names the table. */
  readonly name: string | null
  readonly column_name: string | null
  /** An expression. In SQLite, the statement that created the table or index. */
  readonly expression: string | null
}

export function constraintsFrom(
  rows: readonly ConstraintRow[],
  columns: ReadonlyMap<string, unknown>,
  dialect: SqlDialect,
): Constraints {
  const folded = (name: string) => (dialect === 'postgres' ? name : name.toLowerCase())
  const byFolded = new Map([...columns.keys()].map((column) => [folded(column), column]))
  const columnsIn = (expression: string) => [
    ...new Set(namesIn(expression).flatMap((name) => byFolded.get(folded(name)) ?? [])),
  ]
  const at = (...names: unknown[]) => folded(JSON.stringify(names))
  const tables = new Set<string>()
  const known = new Map<string, readonly string[]>()
  for (const { of_schema, of_table, name, column_name, expression } of rows) {
    tables.add(at(of_schema, of_table))
    const found = dialect === 'sqlite' ? partsOf(expression ?? '', name) : [[name, expression] as const]
    for (const [part, text] of found) {
      const place = at(of_schema, of_table, part)
      const named = [...(column_name === null ? [] : [column_name]), ...columnsIn(text ?? '')]
      known.set(place, [...new Set([...(known.get(place) ?? []), ...named])])
    }
  }
  const [first] = rows
  return {
    isOwn: (table, schema = first?.of_schema) => tables.has(at(schema, table)),
    columnsOf: (name, table = first?.of_table, schema = first?.of_schema) => known.get(at(schema, table, name)) ?? [],
    columnsIn,
  }
}

const NO_CODE = /'(?:[^']|'')*'|--[^\n]*|\/\*[\s\S]*?\*\//g
/** A name, bare or quoted as in any of the three dialects. Names of functions do not match. */
const NAME = /"([^"]+)"|`([^`]+)`|\[([^\]]+)\]|\b([A-Za-z_]\w*)\b(?!\s*\()/g

function namesIn(expression: string): string[] {
  return [...expression.replace(NO_CODE, ' ').matchAll(NAME)].map(([, ...names]) => names.find(Boolean) ?? '')
}

const CHECK = /\bconstraint\s+(?:"([^"]+)"|`([^`]+)`|\[([^\]]+)\]|(\w+))\s+check\s*(?=\()/gi

/**
 * SQLite has no catalogue of checks and of expressions of indexes, so they are read from the statement that created
 * them.
 */
function partsOf(statement: string, name: string | null): Array<readonly [name: string | null, expression: string]> {
  const code = statement.replace(NO_CODE, ' ')
  if (/^\s*create\s+(?:unique\s+)?index/i.test(code)) return [[name, inParentheses(code, code.indexOf('('))]]
  return [...code.matchAll(CHECK)].map((found) => [
    found.slice(1).find(Boolean) ?? '',
    inParentheses(code, found.index + found[0].length),
  ])
}

function inParentheses(code: string, from: number): string {
  let depth = 0
  for (let at = from; at < code.length; at++) {
    if (code[at] === '(') depth++
    else if (code[at] === ')' && --depth === 0) return code.slice(from + 1, at)
  }
  return ''
}

type Ask = (table: string, dialect: SqlDialect) => RawBuilder<ConstraintRow>

const postgres: Ask = (table, dialect) => sql`
  with recursive own (oid) as (
    select cast(to_regclass(${compiled(sql.table(table), dialect)}) as oid)
    union select i.inhrelid from pg_catalog.pg_inherits i join own on i.inhparent = own.oid
  )
  select n.nspname as of_schema, c.relname as of_table, k.name, a.attname as column_name, k.expression
  from own
  join pg_catalog.pg_class c on c.oid = own.oid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join lateral (
    select conname as name, unnest(conkey) as number, cast(null as text) as expression
    from pg_catalog.pg_constraint where conrelid = c.oid
    union all
    select i.relname, unnest((cast(x.indkey as int2[]))[0:x.indnkeyatts - 1]), pg_get_expr(x.indexprs, x.indrelid)
    from pg_catalog.pg_index x join pg_catalog.pg_class i on i.oid = x.indexrelid
    where x.indrelid = c.oid and x.indisunique
  ) k on true
  left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = k.number`

/**
 * In MySQL the name of a constraint is unique in its schema, in MariaDB only in its table. Only MariaDB reads this kind
 * of comment.
 */
const mysql: Ask = (name) => {
  const [named = '', schema] = name.split('.').reverse()
  const table = sql.lit(named)
  const here = schema === undefined ? sql`database()` : sql.lit(schema)
  return sql`
    select ${here} as of_schema, ${table} as of_table, null as name, null as column_name, null as expression
    union all
    select ${here}, ${table}, index_name, column_name, null from information_schema.statistics
    where table_schema = ${here} and table_name = ${table} and non_unique = 0
    union all
    select ${here}, ${table}, constraint_name, null, check_clause from information_schema.check_constraints
    where constraint_schema = ${here} /*M! and table_name = ${table} */`
}

const sqlite: Ask = (name) => {
  const [table = '', schema = 'main'] = name.split('.').reverse()
  return sql`
    select ${schema} as of_schema, ${table} as of_table, name, null as column_name, sql as expression
    from ${sql.table(`${schema}.sqlite_master`)}
    where lower(tbl_name) = lower(${table}) and type in ('table', 'index')
    order by type desc`
}

export const CONSTRAINTS: Readonly<Record<SqlDialect, Ask>> = { postgres, mysql, sqlite }
