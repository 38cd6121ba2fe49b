import { type RawBuilder, sql } from 'kysely'
import type { SqlDialect } from '../client'
import { namesIn } from './names'

/** A piece of a statement. */
export type Fragment = RawBuilder<unknown>

/** Where the three dialects differ. */
export interface Fragments {
  nameOf(column: string): Fragment
  /** The column as text, for comparisons and versions. Two contents that differ have two texts. */
  textOf(column: string): Fragment
  /** The column is exactly this text: no collation, no padding, no numbers that are equal. */
  isExactly(column: string, text: string): Fragment
  /** What `fullTextOf` gave, NULL included, is still there. */
  isStill(column: string, text: string | null): Fragment
  /** As `textOf`, but two floats that differ have two texts too. */
  fullTextOf(column: string): Fragment
  /** A date as ISO 8601, where the driver would make another moment of it, or drop what is finer than a millisecond. */
  dateOf(column: string): Fragment
  integer(text: string): Fragment
  uuid(text: string): Fragment
  later(column: string, value: unknown): Fragment
}

export function fragmentsOf(dialect: SqlDialect): Fragments {
  return { postgres, mysql, sqlite }[dialect](namesIn(dialect))
}

type Names = ReturnType<typeof namesIn>

const postgres = (nameOf: Names): Fragments => ({
  nameOf,
  textOf: (column) => sql`cast(${nameOf(column)} as text)`,
  // "C": the collation of the column may be one that takes é for e.
  isExactly: (column, text) => sql`cast(${nameOf(column)} as text) collate "C" = ${text}`,
  isStill: (column, text) => sql`cast(${nameOf(column)} as text) collate "C" is not distinct from ${text}`,
  fullTextOf: (column) => sql`cast(${nameOf(column)} as text)`,
  // Whatever the DateStyle, and also of a date without a time or a zone, which pg takes for local ones.
  dateOf: (column) => sql`to_json(${nameOf(column)}) #>> '{}'`,
  integer: (text) => sql`cast(${text} as bigint)`,
  uuid: (text) => sql`cast(${text} as uuid)`,
  later: (column, value) => sql`greatest(${nameOf(column)}, ${value})`,
})

/** `convert` first: the column may be in another character set, and bytes of two sets do not compare. */
const mysqlBytes = (content: Fragment) => sql`cast(convert(${content} using utf8mb4) as binary)`

const MYSQL_NUMBER = sql.raw("'^-?[0-9]{1,20}([.][0-9]{1,20})?(e[-+]?[0-9]{1,2})?$'")

/**
 * The text of a FLOAT has six of its digits only; as a DOUBLE it has all of them. Asked of numbers alone, for to make a
 * number of another text is an error in an UPDATE.
 */
function mysqlFullText(column: Fragment): Fragment {
  const text = sql`convert(${column} using utf8mb4)`
  return sql`concat(${text}, '/', if(${text} regexp ${MYSQL_NUMBER}, ${column} + 0e0, ''))`
}

const mysql = (nameOf: Names): Fragments => ({
  nameOf,
  textOf: (column) => sql`convert(${nameOf(column)} using utf8mb4)`,
  isExactly: (column, text) => sql`${mysqlBytes(nameOf(column))} = ${mysqlBytes(sql`${text}`)}`,
  isStill: (column, text) => sql`${mysqlBytes(mysqlFullText(nameOf(column)))} <=> ${mysqlBytes(sql`${text}`)}`,
  fullTextOf: (column) => mysqlFullText(nameOf(column)),
  dateOf: nameOf,
  integer: (text) => sql`cast(${text} as signed)`,
  uuid: (text) => sql`${text}`,
  // Here greatest() of NULL is NULL.
  later: (column, value) => sql`greatest(coalesce(${nameOf(column)}, ${value}), ${value})`,
})

const sqlite = (nameOf: Names): Fragments => ({
  nameOf,
  textOf: (column) => sql`cast(${nameOf(column)} as text)`,
  isExactly: (column, text) => sql`cast(${nameOf(column)} as text) collate binary = ${text}`,
  isStill: (column, text) => sql`quote(${nameOf(column)}) is ${text}`,
  // A cast keeps 15 digits of a float, quote() all of them.
  fullTextOf: (column) => sql`quote(${nameOf(column)})`,
  dateOf: nameOf,
  integer: (text) => sql`cast(${text} as integer)`,
  uuid: (text) => sql`${text}`,
  later: (column, value) => sql`max(coalesce(${nameOf(column)}, ${value}), ${value})`,
})
