import { type QueryExecutorProvider, type QueryResult, type RawBuilder, sql } from 'kysely'
import type { ExpiringStore } from '../../contracts/store'
import { refuseUnknown } from '../../options'
import { keyHash, storedText, textOf } from '../records/stored-form'
import { compiled, type Execute, executeOn, type SqlClient, type SqlDialect } from './client'
import { databaseOf } from './database'
import { answered, retried } from './run-statement'

/** Where the records are. */
export interface SqlStoreOptions {
  /** A Kysely instance, a pool of `pg` or `mysql2`, or a database of `better-sqlite3`. It stays the app's. */
  readonly client: SqlClient
  /** The dialect of the client, for a Kysely instance with a custom dialect. */
  readonly dialect?: SqlDialect
  /** The table, or `schema.table`. Default: 'express_conflict_records'. `createStoreTableStatements` creates it. */
  readonly table?: string
}

/** An `ExpiringStore` that can be part of the app's transactions. */
export interface SqlStore extends ExpiringStore {
  /** Takes a transaction of Kysely on the database that holds the records. */
  within(transaction: unknown): ExpiringStore
  /** Removes the rows that have expired. It happens by itself, once a minute or every 1000 creations. */
  sweep(): Promise<void>
}

const WHO = 'sqlStore()'
const TABLE = 'express_conflict_records'
const SWEEP_EVERY_MS = 60_000
const SWEEP_EVERY_CREATIONS = 1000

/**
 * Keeps records in a table of PostgreSQL, MariaDB, MySQL or SQLite. Each method is one statement. Records expire by the
 * clock of the database.
 */
export function sqlStore(options: SqlStoreOptions): SqlStore {
  const { client, dialect, table = TABLE } = checked(options)
  const database = databaseOf(client, dialect, WHO)
  const statements = statementsOf(database.dialect, table)
  let sweptAt = performance.now()
  let createdSince = 0
  let sweeping: Promise<void> | undefined

  const store = storeOf(statements, (statement) => retried(() => database.execute(statement), WHO))

  async function sweepAll(): Promise<void> {
    sweptAt = performance.now()
    createdSince = 0
    for (;;) {
      const { numAffectedRows = 0n } = await retried(() => database.execute(statements.sweep()), WHO)
      if (numAffectedRows < MOST_SWEPT) return
      // SQLite runs on this thread, so other requests get their turn in between.
      await new Promise(setImmediate)
    }
  }

  function sweep(): Promise<void> {
    sweeping ??= sweepAll().finally(() => {
      sweeping = undefined
    })
    return sweeping
  }

  return {
    ...store,
    async create(key, value, ttlMs) {
      const isCreated = await store.create(key, value, ttlMs)
      createdSince++
      const isTime = createdSince >= SWEEP_EVERY_CREATIONS || performance.now() - sweptAt >= SWEEP_EVERY_MS
      // Nobody waits for this. A later sweep removes what is left.
      if (isTime) sweep().catch(() => {})
      return isCreated
    },
    sweep,
    within(transaction) {
      if (!isKysely(transaction))
        throw new TypeError(
          `${WHO}: within() takes a transaction of Kysely, as sqlAdapter() opens it. Beside another adapter leave isolation: 'transaction' out, or take that adapter's store.`,
        )
      const execute = executeOn(transaction)
      return storeOf(statements, (statement) => answered(() => execute(statement), WHO))
    },
  }
}

function storeOf(statements: StoreStatements, execute: Execute): ExpiringStore {
  const hasChanged = async (statement: ReturnType<StoreStatements['read']>) =>
    ((await execute(statement)).numAffectedRows ?? 0n) > 0n

  return {
    async read(key) {
      const { rows } = await execute(statements.read(keyHash(key)))
      return rows[0] && textOf(String(rows[0].value))
    },
    async create(key, value, ttlMs) {
      return statements.hasCreated(await execute(statements.create(keyHash(key), storedText(value), ttlMs)))
    },
    replace: (key, expected, value, ttlMs) =>
      hasChanged(statements.replace(keyHash(key), storedText(expected), storedText(value), ttlMs)),
    remove: (key, expected) => hasChanged(statements.remove(keyHash(key), storedText(expected))),
  }
}

/** The statements that create the table of a store. They may run again if it exists. */
export function createStoreTableStatements(dialect: SqlDialect, options: { table?: string } = {}): string[] {
  refuseUnknown('createStoreTableStatements()', options, ['table'])
  const { table = TABLE } = options
  return tableStatements(dialect, table).map((statement) => compiled(statement, dialect))
}

function isKysely(transaction: unknown): transaction is QueryExecutorProvider {
  return typeof transaction === 'object' && transaction !== null && 'getExecutor' in transaction
}

function checked(options: SqlStoreOptions): SqlStoreOptions {
  refuseUnknown(WHO, options, ['client', 'dialect', 'table'])
  const { client, table = TABLE } = options
  if (typeof client !== 'object' || client === null) throw new TypeError(`${WHO}: client is ${client}; give one.`)
  if (!/^(?:[A-Za-z_]\w{0,62}\.)?[A-Za-z_]\w{0,50}$/.test(table))
    throw new TypeError(`${WHO}: table is ${JSON.stringify(table)}; give a plain name, or schema.table.`)
  return options
}

type Statement = RawBuilder<{ value: unknown }>

/** The statements of a store, one for each method. Nothing here talks to a database. */
interface StoreStatements {
  read(key: string): Statement
  create(key: string, value: string, ttlMs: number): Statement
  replace(key: string, expected: string, value: string, ttlMs: number): Statement
  remove(key: string, expected: string): Statement
  /** Removes some of the expired rows. */
  sweep(): Statement
  hasCreated(result: QueryResult<unknown>): boolean
}

/** How many rows one statement sweeps: few enough that no other statement waits long for it. */
const MOST_SWEPT = 1000

/** The time of the database's clock in milliseconds, in a form that no time zone changes. */
const NOW: Readonly<Record<SqlDialect, string>> = {
  // Not now(), which is the time when the transaction began.
  postgres: 'floor(extract(epoch from clock_timestamp()) * 1000)::bigint',
  mysql: "(timestampdiff(microsecond, '1970-01-01', utc_timestamp(3)) div 1000)",
  sqlite: "cast(round((julianday('now') - 2440587.5) * 86400000) as integer)",
}

function statementsOf(dialect: SqlDialect, tableName: string): StoreStatements {
  const table = sql.table(tableName)
  const now = sql.raw(NOW[dialect])
  // As bytes, so that the character set of the connection does not matter.
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
      // The value comes first, because an assignment sees those before it. An id of 1 means that the creation was
      // refused. The count of rows cannot tell: what it means depends on a flag of the connection.
      return sql`${insert} on duplicate key update
        value = if(expires_at <= ${now}, values(value), value),
        expires_at = if(expires_at <= ${now}, values(expires_at), expires_at + 0 * last_insert_id(1))`
    },

    hasCreated: ({ numAffectedRows = 0n, insertId }) => (dialect === 'mysql' ? insertId !== 1n : numAffectedRows > 0n),

    replace(key, expected, value, ttlMs) {
      // MySQL may not count a row that is set to the values that it already has.
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

/** The key is a hash in hexadecimal digits. Only MySQL has `renewals`; see `replace`. */
const COLUMNS: Readonly<Record<SqlDialect, string>> = {
  postgres: 'record_key char(64) primary key, value text collate "C" not null, expires_at bigint not null',
  mysql: `record_key binary(64) primary key, value longblob not null, expires_at bigint not null,
    renewals bigint not null default 0, index (expires_at)`,
  sqlite: 'record_key text primary key, value text not null, expires_at integer not null',
}

function tableStatements(dialect: SqlDialect, tableName: string): Array<RawBuilder<unknown>> {
  const table = sql.table(tableName)
  const make = sql`create table if not exists ${table} (${sql.raw(COLUMNS[dialect])})`
  if (dialect === 'mysql') return [make]
  // In PostgreSQL an index is in the schema of its table, so its name has none.
  const index = `${tableName.split('.').at(-1)}_expires_at`
  return [make, sql`create index if not exists ${sql.ref(index)} on ${table} (expires_at)`]
}
