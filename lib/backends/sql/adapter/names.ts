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
