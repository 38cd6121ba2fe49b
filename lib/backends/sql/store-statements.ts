import { type QueryResult, type RawBuilder, sql } from 'kysely'
import type { SqlDialect } from './client'

type Statement = RawBuilder<{ value: unknown }>

/** A store as statements, one a method. Nothing here talks to a database. */
export interface StoreStatements {
  read(key: string): Statement
  create(key: string, value: string, ttlMs: number): Statement
  replace(key: string, expected: string, value: string, ttlMs: number): Statement
  remove(key: string, expected: string): Statement
  /** Removes some of those that have expired. */
  sweep(): Statement
  hasCreated(result: QueryResult<unknown>): boolean
}

/** How many rows one statement sweeps: few enough that no other statement waits long for it. */
export const MOST_SWEPT = 1000

/** The milliseconds of this moment, by the clock of the database, in a form that no time zone changes. */
const NOW: Readonly<Record<SqlDialect, string>> = {
  // Not now(): in a transaction that is the time of its beginning.
  postgres: 'floor(extract(epoch from clock_timestamp()) * 1000)::bigint',
  mysql: "(timestampdiff(microsecond, '1970-01-01', utc_timestamp(3)) div 1000)",
  sqlite: "cast(round((julianday('now') - 2440587.5) * 86400000) as integer)",
}

export function statementsOf(dialect: SqlDialect, tableName: string): StoreStatements {
  const table = sql.table(tableName)
  const now = sql.raw(NOW[dialect])
  // Bytes: no character set of the connection stands between.
  const text = (content: string) => (dialect === 'mysql' ? Buffer.from(content) : content)
  const until = (ttlMs: number) => sql`${now} + cast(${Math.ceil(ttlMs)} as ${TYPE[dialect]})`
  const alive = (key: string) => sql`record_key = ${text(key)} and expires_at > ${now}`
  const is = (key: string, expected: string) => sql`${alive(key)} and value = ${text(expected)}`
  const expired = sql`select record_key from ${table} where expires_at <= ${now} limit ${sql.lit(MOST_SWEPT)}`

  return {
    read: (key) => sql`select value from ${table} where ${alive(key)}`,

    create(key, value, ttlMs) {
      const insert = sql`insert into ${table} (record_key, value, expires_at)
        values (${text(key)}, ${text(value)}, ${until(ttlMs)})`
      if (dialect !== 'mysql') {
        return sql`${insert} on conflict (record_key) do update
          set value = excluded.value, expires_at = excluded.expires_at where ${table}.expires_at <= ${now}`
      }
      // The value first, for assignments see those before them. Whether it was refused is told by an id of 1: what the
      // count of rows means depends on a flag of the connection.
      return sql`${insert} on duplicate key update
        value = if(expires_at <= ${now}, values(value), value),
        expires_at = if(expires_at <= ${now}, values(expires_at), expires_at + 0 * last_insert_id(1))`
    },

    hasCreated: ({ numAffectedRows = 0n, insertId }) => (dialect === 'mysql' ? insertId !== 1n : numAffectedRows > 0n),

    replace(key, expected, value, ttlMs) {
      // A row that is set to what it is has not changed to MySQL, and may count as none.
      const another = dialect === 'mysql' ? sql`, renewals = renewals + 1` : sql``
      return sql`update ${table} set value = ${text(value)}, expires_at = ${until(ttlMs)}${another}
        where ${is(key, expected)}`
    },

    remove: (key, expected) => sql`delete from ${table} where ${is(key, expected)}`,

    sweep() {
      if (dialect === 'mysql') return sql`delete from ${table} where expires_at <= ${now} limit ${sql.lit(MOST_SWEPT)}`
      const locked = dialect === 'postgres' ? sql`${expired} for update skip locked` : expired
      return sql`delete from ${table} where record_key in (${locked})`
    },
  }
}

const TYPE = { postgres: sql.raw('bigint'), mysql: sql.raw('signed'), sqlite: sql.raw('integer') }

/** The key is a hash in hexadecimal digits. `renewals` is MySQL's alone, see above. */
const COLUMNS: Readonly<Record<SqlDialect, string>> = {
  postgres: 'record_key char(64) primary key, value text collate "C" not null, expires_at bigint not null',
  mysql: `record_key binary(64) primary key, value longblob not null, expires_at bigint not null,
    renewals bigint not null default 0, index (expires_at)`,
  sqlite: 'record_key text primary key, value text not null, expires_at integer not null',
}

export function tableStatements(dialect: SqlDialect, tableName: string): Array<RawBuilder<unknown>> {
  const table = sql.table(tableName)
  const make = sql`create table if not exists ${table} (${sql.raw(COLUMNS[dialect])})`
  if (dialect === 'mysql') return [make]
  // An index of PostgreSQL is in the schema of its table.
  const index = `${tableName.split('.').at(-1)}_expires_at`
  return [make, sql`create index if not exists ${sql.ref(index)} on ${table} (expires_at)`]
}
