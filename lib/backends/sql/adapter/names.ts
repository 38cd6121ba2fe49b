import { type RawBuilder, sql } from 'kysely'
import type { SqlDialect } from '../client'
import { compiled } from '../compiled'

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
