import { type RawBuilder, sql } from 'kysely'
import { FURTHEST_AHEAD_S, SHARED_MS } from '../../../timing/later-date'
import { compiled, type SqlDialect } from '../client'

/** A piece of a statement. */
export type Fragment = RawBuilder<unknown>

/** Where the three dialects differ. */
export interface Fragments {
  nameOf(column: string): Fragment
  /** The column as text, for comparisons and versions. Different contents give different texts. */
  textOf(column: string): Fragment
  /**
   * A condition: the column holds exactly this text. No collation or padding makes another text equal, and 1.0 is not
   * 1.
   */
  isExactly(column: string, text: string): Fragment
  /** A condition: the column holds exactly this number, as a number or as text. `5abc` and `05` are not 5. */
  isExactlyNumber(column: string, number: number): Fragment
  /** A condition: the column still holds what `fullTextOf` gave, NULL included. */
  isStill(column: string, text: string | null): Fragment
  /** Like `textOf`, but different floats also give different texts. */
  fullTextOf(column: string): Fragment
  /** Like `textOf`, in a form that can be written back to the column. */
  exactTextOf(column: string): Fragment
  /** A number with all of its digits. */
  numberOf(column: string): Fragment
  /** A date as ISO 8601, where the driver would read it as another moment, or drop digits finer than a millisecond. */
  dateOf(column: string): Fragment
  /**
   * What to store for null in a column of JSON. A JSON null stays, because both are read as null. Anything else becomes
   * NULL.
   */
  nullIn(column: string): Fragment
  integer(text: string): Fragment
  uuid(text: string): Fragment
  /** The date of a changed row, by the rule of `laterDate`. `second` is `value`, cut to whole seconds. */
  later(column: string, type: 'date' | 'ms', value: unknown, second: unknown): Fragment
}

/** better-sqlite3 binds a number as a float, so a text column would hold 5.0. It binds a bigint as an integer. */
export function wholeNumber(number: number): number | bigint {
  return Number.isSafeInteger(number) ? BigInt(number) : number
}

/** A pattern for the texts of a number: DECIMAL(10,2) shows 5 as 5.00. */
function numberPattern(number: number): string {
  const text = String(number).replace('.', '[.]')
  return Number.isInteger(number) ? `^${text}([.]0+)?$` : `^${text}0*$`
}

export function fragmentsOf(dialect: SqlDialect): Fragments {
  return { postgres, mysql, sqlite }[dialect](namesIn(dialect))
}

function laterMs(before: Fragment, value: unknown, second: unknown, seconds: (ms: Fragment) => Fragment): Fragment {
  const ahead = sql`(${seconds(sql`(${before} - ${second})`)})`
  const next = sql`(${seconds(before)} + 1) * 1000`
  const isShared = sql`${before} % 1000 = ${sql.lit(SHARED_MS)}`
  return laterOf([before, second], value, ahead, next, [isShared, before, sql`${next} + ${sql.lit(SHARED_MS)}`])
}

/** If there is no date yet (NULL), the comparison is not true, and the new value is used. */
function laterOf(
  [was, is]: readonly [Fragment, unknown],
  value: unknown,
  ahead: Fragment,
  next: Fragment,
  [isShared, same, shared]: readonly [Fragment, Fragment, Fragment],
): Fragment {
  const isNear = sql`${ahead} < ${sql.lit(FURTHEST_AHEAD_S)}`
  const later = sql`case when ${isNear} then ${next} when ${isShared} then ${same} else ${shared} end`
  return sql`case when ${was} >= ${is} then ${later} else ${value} end`
}

type Names = ReturnType<typeof namesIn>

const postgres = (nameOf: Names): Fragments => ({
  nameOf,
  textOf: (column) => sql`cast(${nameOf(column)} as text)`,
  // "C", because the column's own collation may treat é as e.
  isExactly: (column, text) => sql`cast(${nameOf(column)} as text) collate "C" = ${text}`,
  isExactlyNumber: (column, number) =>
    sql`${nameOf(column)} = ${String(number)} and cast(${nameOf(column)} as text) ~ ${numberPattern(number)}`,
  isStill: (column, text) => sql`cast(${nameOf(column)} as text) collate "C" is not distinct from ${text}`,
  fullTextOf: (column) => sql`cast(${nameOf(column)} as text)`,
  exactTextOf: (column) => sql`cast(${nameOf(column)} as text)`,
  numberOf: nameOf,
  // Independent of DateStyle. Also for dates without a time or a zone, which pg would read as local.
  dateOf: (column) => sql`to_json(${nameOf(column)}) #>> '{}'`,
  nullIn: (column) =>
    sql`case when cast(${nameOf(column)} as text) ~ '^[[:space:]]*null[[:space:]]*$' then ${nameOf(column)} end`,
  integer: (text) => sql`cast(${text} as bigint)`,
  uuid: (text) => sql`cast(${text} as uuid)`,
  later(column, type, value, second) {
    const before = nameOf(column)
    if (type === 'ms') return laterMs(before, value, second, (ms) => sql`${ms} / 1000`)
    const ahead = sql`cast(extract(epoch from date_trunc('second', ${before}) - ${second}) as bigint)`
    const at = sql`date_trunc('second', ${before})`
    const part = sql`${sql.lit(SHARED_MS)} * interval '1 millisecond'`
    const next = sql`${at} + interval '1 second'`
    return laterOf([before, second], value, ahead, next, [
      sql`${before} = ${at} + ${part}`,
      before,
      sql`${next} + ${part}`,
    ])
  },
})

/** Converted first: the column may have another character set, and bytes of two character sets cannot be compared. */
const mysqlBytes = (content: Fragment) => sql`cast(convert(${content} using utf8mb4) as binary)`

const MYSQL_NUMBER = sql.raw("'^-?[0-9]{1,20}([.][0-9]{1,20})?(e[-+]?[0-9]{1,2})?$'")

/**
 * As text, a FLOAT has only six digits. `format` shows the others. It also accepts a UUID or an IP address of MariaDB,
 * which arithmetic refuses. Only numbers are formatted, because any other text would be an error in an UPDATE.
 */
function mysqlFullText(column: Fragment): Fragment {
  const text = sql`convert(${column} using utf8mb4)`
  return sql`concat(${text}, '/', if(${text} regexp ${MYSQL_NUMBER}, format(${column}, 30), ''))`
}

const mysql = (nameOf: Names): Fragments => ({
  nameOf,
  textOf: (column) => sql`convert(${nameOf(column)} using utf8mb4)`,
  isExactly: (column, text) => sql`${mysqlBytes(nameOf(column))} = ${mysqlBytes(sql`${text}`)}`,
  isExactlyNumber: (column, number) =>
    sql`${nameOf(column)} = ${String(number)} and ${mysqlBytes(nameOf(column))} regexp ${mysqlBytes(sql`${numberPattern(number)}`)}`,
  isStill: (column, text) => sql`${mysqlBytes(mysqlFullText(nameOf(column)))} <=> ${mysqlBytes(sql`${text}`)}`,
  fullTextOf: (column) => mysqlFullText(nameOf(column)),
  exactTextOf: (column) => sql`convert(${nameOf(column)} using utf8mb4)`,
  // A FLOAT by itself shows only six digits. Anything that is not a number stays as it is.
  numberOf: (column) =>
    sql`if(convert(${nameOf(column)} using utf8mb4) regexp ${MYSQL_NUMBER}, ${nameOf(column)} + 0, ${nameOf(column)})`,
  dateOf: nameOf,
  nullIn: (column) =>
    sql`case when convert(${nameOf(column)} using utf8mb4) regexp '^[[:space:]]*null[[:space:]]*$' then ${nameOf(column)} end`,
  integer: (text) => sql`cast(${text} as signed)`,
  uuid: (text) => sql`${text}`,
  later(column, type, value, second) {
    const before = nameOf(column)
    if (type === 'ms') return laterMs(before, value, second, (ms) => sql`${ms} div 1000`)
    const ahead = sql`timestampdiff(second, ${second}, ${before})`
    const next = sql`timestampadd(second, ${ahead} + 1, ${second})`
    const isShared = sql`microsecond(${before}) = ${sql.lit(SHARED_MS * 1000)}`
    const shared = sql`timestampadd(microsecond, ${sql.lit(SHARED_MS * 1000)}, ${next})`
    return laterOf([before, second], value, ahead, next, [isShared, before, shared])
  },
})

const sqlite = (nameOf: Names): Fragments => ({
  nameOf,
  textOf: (column) => sql`cast(${nameOf(column)} as text)`,
  isExactly: (column, text) => sql`cast(${nameOf(column)} as text) collate binary = ${text}`,
  // A column of type REAL shows 5 as 5.0.
  isExactlyNumber: (column, number) =>
    sql`${nameOf(column)} = ${wholeNumber(number)} and cast(${nameOf(column)} as text) collate binary in (${String(number)}, ${`${number}.0`})`,
  isStill: (column, text) => sql`quote(${nameOf(column)}) is ${text}`,
  // A cast keeps 15 digits of a float, quote() keeps all of them.
  fullTextOf: (column) => sql`quote(${nameOf(column)})`,
  exactTextOf: (column) =>
    sql`case typeof(${nameOf(column)}) when 'real' then quote(${nameOf(column)}) when 'blob' then ${nameOf(column)} else cast(${nameOf(column)} as text) end`,
  numberOf: nameOf,
  dateOf: nameOf,
  nullIn: (column) =>
    sql`case when trim(cast(${nameOf(column)} as text), char(9, 10, 13, 32)) = 'null' then ${nameOf(column)} end`,
  integer: (text) => sql`cast(${text} as integer)`,
  uuid: (text) => sql`${text}`,
  later(column, type, value, second) {
    const before = nameOf(column)
    // Without the cast, a bound number is a float, and so is the result.
    if (type === 'ms') return laterMs(before, value, sql`cast(${second} as integer)`, (ms) => sql`${ms} / 1000`)
    // Compared as numbers, because the app's own statements may write dates with a space instead of the T.
    const [was, is] = [sql`cast(strftime('%s', ${before}) as integer)`, sql`cast(strftime('%s', ${second}) as integer)`]
    const next = sql`strftime('%Y-%m-%dT%H:%M:%S.000Z', ${was} + 1, 'unixepoch')`
    const sharedAt = (s: Fragment) => sql`strftime(${sql.lit(`%Y-%m-%dT%H:%M:%S.${SHARED_MS}Z`)}, ${s}, 'unixepoch')`
    const isShared = sql`strftime('%f', ${before}) like ${sql.lit(`%.${SHARED_MS}`)}`
    return laterOf([was, is], value, sql`(${was} - ${is})`, next, [isShared, sharedAt(was), sharedAt(sql`${was} + 1`)])
  },
})

/**
 * Compiles a fragment without values to text, once. To let Kysely quote and compile it for each request cost more than
 * the statement itself.
 */
export function settledText(fragment: RawBuilder<unknown>, dialect: SqlDialect): RawBuilder<unknown> {
  return sql.raw(compiled(fragment, dialect))
}

/**
 * Quotes the names of columns for a dialect. They come only from the configuration, so there are few, and all are kept.
 */
export function namesIn(dialect: SqlDialect): (column: string) => RawBuilder<unknown> {
  const known = new Map<string, RawBuilder<unknown>>()
  return (column) => {
    const name = known.get(column) ?? settledText(sql.ref(column), dialect)
    known.set(column, name)
    return name
  }
}

/**
 * How a statement that writes begins. With an empty `sql_mode`, MySQL cuts long texts, and stores numbers, dates and
 * enum values that differ from what it was given. So each write is strict by itself, whatever the mode of the session:
 * by SET STATEMENT in MariaDB, which alone reads this kind of comment, and by a hint in MySQL 8.
 */
export function strictVerbs(dialect: SqlDialect): Readonly<Record<'insert' | 'update', RawBuilder<unknown>>> {
  if (dialect !== 'mysql') return { insert: sql.raw('insert'), update: sql.raw('update') }
  const strictly = (verb: string) =>
    sql.raw(
      `/*M!100100 set statement sql_mode = concat(@@sql_mode, ',STRICT_ALL_TABLES') for */ ${verb} /*+ set_var(sql_mode = 'STRICT_ALL_TABLES') */`,
    )
  return { insert: strictly('insert'), update: strictly('update') }
}
