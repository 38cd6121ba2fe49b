import { type RawBuilder, sql } from 'kysely'
import { FURTHEST_AHEAD_S, SHARED_MS } from '../../../timing/later-date'
import { compiled, type SqlDialect } from '../client'

/** A piece of a statement. */
export type Fragment = RawBuilder<unknown>

/** Where the three dialects differ. */
export interface Fragments {
  nameOf(column: string): Fragment
  /** The column as text, for comparisons and versions. Two contents that differ have two texts. */
  textOf(column: string): Fragment
  /** The column is exactly this text: no collation, no padding, no numbers that are equal. */
  isExactly(column: string, text: string): Fragment
  /** The column is exactly this number, whether it holds numbers or texts: `5abc` and `05` are not 5. */
  isExactlyNumber(column: string, number: number): Fragment
  /** What `fullTextOf` gave, NULL included, is still there. */
  isStill(column: string, text: string | null): Fragment
  /** As `textOf`, but two floats that differ have two texts too. */
  fullTextOf(column: string): Fragment
  /** As `textOf`, in the form from which the column can be written again. */
  exactTextOf(column: string): Fragment
  /** A number with all of its digits. */
  numberOf(column: string): Fragment
  /** A date as ISO 8601, where the driver would make another moment of it, or drop what is finer than a millisecond. */
  dateOf(column: string): Fragment
  /** What null makes of a column of JSON: a JSON null stays one, for both are read as null; all else becomes NULL. */
  nullIn(column: string): Fragment
  integer(text: string): Fragment
  uuid(text: string): Fragment
  /** What a row that is changed is dated with, as `laterDate` has it. `second` is `value` without its parts of a second. */
  later(column: string, type: 'date' | 'ms', value: unknown, second: unknown): Fragment
}

/** better-sqlite3 binds a number as a float, which a column of text keeps as 5.0; SQLite knows integers. */
export function wholeNumber(number: number): number | bigint {
  return Number.isSafeInteger(number) ? BigInt(number) : number
}

/** A number as its column may show it: a DECIMAL(10,2) has 5 as 5.00. */
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

/** NULL is not later than anything. */
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
  // "C": the collation of the column may be one that takes é for e.
  isExactly: (column, text) => sql`cast(${nameOf(column)} as text) collate "C" = ${text}`,
  isExactlyNumber: (column, number) =>
    sql`${nameOf(column)} = ${String(number)} and cast(${nameOf(column)} as text) ~ ${numberPattern(number)}`,
  isStill: (column, text) => sql`cast(${nameOf(column)} as text) collate "C" is not distinct from ${text}`,
  fullTextOf: (column) => sql`cast(${nameOf(column)} as text)`,
  exactTextOf: (column) => sql`cast(${nameOf(column)} as text)`,
  numberOf: nameOf,
  // Whatever the DateStyle, and also of a date without a time or a zone, which pg takes for local ones.
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

/** `convert` first: the column may be in another character set, and bytes of two sets do not compare. */
const mysqlBytes = (content: Fragment) => sql`cast(convert(${content} using utf8mb4) as binary)`

const MYSQL_NUMBER = sql.raw("'^-?[0-9]{1,20}([.][0-9]{1,20})?(e[-+]?[0-9]{1,2})?$'")

/**
 * The text of a FLOAT has only six of its digits; `format` shows the others, and takes a UUID or an address of MariaDB
 * too, which arithmetic refuses. Only numbers are formatted: another text is an error in an UPDATE.
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
  // A FLOAT by itself shows six of its digits. What is no number stays what it is.
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
  // A cast keeps 15 digits of a float, quote() all of them.
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
    // Without the cast a bound number is a float, and so is what comes of it.
    if (type === 'ms') return laterMs(before, value, sql`cast(${second} as integer)`, (ms) => sql`${ms} / 1000`)
    // As numbers: the app's own statements may write a date with a space in place of the T.
    const [was, is] = [sql`cast(strftime('%s', ${before}) as integer)`, sql`cast(strftime('%s', ${second}) as integer)`]
    const next = sql`strftime('%Y-%m-%dT%H:%M:%S.000Z', ${was} + 1, 'unixepoch')`
    const sharedAt = (s: Fragment) => sql`strftime(${sql.lit(`%Y-%m-%dT%H:%M:%S.${SHARED_MS}Z`)}, ${s}, 'unixepoch')`
    const isShared = sql`strftime('%f', ${before}) like ${sql.lit(`%.${SHARED_MS}`)}`
    return laterOf([was, is], value, sql`(${was} - ${is})`, next, [isShared, sharedAt(was), sharedAt(sql`${was} + 1`)])
  },
})

/**
 * A piece of a statement without values, as text: Kysely quotes and compiles it once, and not again for each request,
 * which cost more than the statement itself.
 */
export function settledText(fragment: RawBuilder<unknown>, dialect: SqlDialect): RawBuilder<unknown> {
  return sql.raw(compiled(fragment, dialect))
}

/** Names, which come from configuration alone and are few, as a dialect quotes them. */
export function namesIn(dialect: SqlDialect): (column: string) => RawBuilder<unknown> {
  const known = new Map<string, RawBuilder<unknown>>()
  return (column) => {
    const name = known.get(column) ?? settledText(sql.ref(column), dialect)
    known.set(column, name)
    return name
  }
}

/**
 * How a statement that writes begins. With an empty `sql_mode` MySQL cuts a text that is too long, and stores another
 * number, date or enum value than the one it was given. So each of our writes is strict by itself, whatever the session
 * is set to: by SET STATEMENT in MariaDB, which alone reads this kind of comment, and by a hint in MySQL 8.
 */
export function strictVerbs(dialect: SqlDialect): Readonly<Record<'insert' | 'update', RawBuilder<unknown>>> {
  if (dialect !== 'mysql') return { insert: sql.raw('insert'), update: sql.raw('update') }
  const strictly = (verb: string) =>
    sql.raw(
      `/*M!100100 set statement sql_mode = concat(@@sql_mode, ',STRICT_ALL_TABLES') for */ ${verb} /*+ set_var(sql_mode = 'STRICT_ALL_TABLES') */`,
    )
  return { insert: strictly('insert'), update: strictly('update') }
}
