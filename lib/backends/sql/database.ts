import {
  Kysely,
  MysqlDialect,
  PostgresDialect,
  type PostgresPool,
  type SqliteDatabase,
  SqliteDialect,
  type SqliteStatement,
} from 'kysely'
import {
  type Execute,
  executeOn,
  type KyselyInstance,
  type NodeSqliteDatabase,
  type SqlClient,
  type SqlDialect,
} from './client'
import { namingStatements } from './named-statements'
import { type Batch, batchesOn, type Transact, transactionsOn } from './run-transaction'

export interface SqlDatabase {
  readonly dialect: SqlDialect
  readonly execute: Execute
  /** Runs several statements in one transaction. Rows that were read with a lock stay as they are until it ends. */
  readonly batch: Batch
  /** Runs a transaction for the app, which may run statements of its own in it. */
  readonly transact: Transact
}

/**
 * Gives every kind of client the same interface. The client belongs to the app, so it is neither opened nor closed
 * here.
 */
export function databaseOf(client: SqlClient, dialect: SqlDialect | undefined, who: string): SqlDatabase {
  const kysely = kyselyOf(client, who)
  if (dialect !== undefined) checkDialect(dialect, who)
  const known = dialect ?? dialectOf(kysely, who)
  const source = { client, kysely, dialect: known, who }
  return {
    dialect: known,
    execute: executeOn(kysely),
    batch: batchesOn(source),
    transact: transactionsOn(source),
  }
}

function kyselyOf(client: SqlClient, who: string): KyselyInstance {
  if (typeof client !== 'object' || client === null)
    throw new TypeError(
      `${who}: client is ${client}; give a Kysely instance, a pool of pg or mysql2, or a better-sqlite3 database.`,
    )
  if ('getExecutor' in client) return client
  if ('pool' in client && !('promise' in client)) return instance(new MysqlDialect({ pool: client.pool }))
  if ('getConnection' in client) return instance(new MysqlDialect({ pool: client }))
  if ('prepare' in client) return sharedBy(client)
  if ('connect' in client) return instance(new PostgresDialect({ pool: namingStatements(withListener(client)) }))
  throw new TypeError(`${who}: client is no Kysely instance, no pool of pg or mysql2 and no better-sqlite3 database.`)
}

type Connection = object & { on(event: 'error', listener: () => void): unknown }
type ListenedPool = PostgresPool & { on?(event: 'acquire', listener: (connection: Connection) => void): unknown }

/** Pools and connections that already have a listener. */
const listened = new WeakSet<object>()

/**
 * When a connection of pg ends during a statement, it also emits 'error', and an 'error' event without a listener ends
 * the process. The pool itself listens only while a connection is idle. It stops right after 'acquire', so a listener
 * that is added after `await pool.connect()` would come too late.
 */
function withListener(pool: ListenedPool): PostgresPool {
  if (listened.has(pool)) return pool
  listened.add(pool)
  pool.on?.('acquire', (connection) => {
    if (!listened.has(connection)) connection.on('error', () => {})
    listened.add(connection)
  })
  return pool
}

const instances = new WeakMap<object, KyselyInstance>()

/**
 * One instance for each database: it has a single connection, and a statement of one user must not slip into the
 * transaction of another.
 */
function sharedBy(database: SqliteDatabase | NodeSqliteDatabase): KyselyInstance {
  const known = instances.get(database) ?? instance(new SqliteDialect({ database: keepingStatements(database) }))
  instances.set(database, known)
  return known
}

/**
 * Clients that send different members cause statements of different shapes, and the cache must not grow without bound.
 */
const MOST_STATEMENTS = 200

/**
 * A database that prepares each statement once. Kysely prepares it for every call, which takes longer than running it.
 */
export function keepingStatements(database: SqliteDatabase | NodeSqliteDatabase): SqliteDatabase {
  const kept = new Map<string, SqliteStatement>()
  const prepare = (text: string) => asOne(database.prepare(text))
  return {
    close: () => database.close(),
    prepare(text) {
      const known = kept.get(text)
      if (known) return known
      const statement = prepare(text)
      if (kept.size >= MOST_STATEMENTS) kept.clear()
      const shared: SqliteStatement = {
        reader: statement.reader,
        all: (parameters) => statement.all(parameters),
        run: (parameters) => statement.run(parameters),
        // A statement that is read row by row is not shared: nothing else could use it meanwhile.
        iterate: (parameters) => prepare(text).iterate(parameters),
      }
      kept.set(text, shared)
      return shared
    },
  }
}

/** node:sqlite takes parameters one by one. A statement that returns rows has columns. */
function asOne(statement: SqliteStatement | ReturnType<NodeSqliteDatabase['prepare']>): SqliteStatement {
  if (!('columns' in statement) || 'reader' in statement) return statement as SqliteStatement
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...(parameters as never[])),
    run: (parameters) => statement.run(...(parameters as never[])),
    iterate: (parameters) => statement.iterate(...(parameters as never[])) as IterableIterator<unknown>,
  }
}

function instance(dialect: PostgresDialect | MysqlDialect | SqliteDialect): KyselyInstance {
  return new Kysely<unknown>({ dialect })
}

const NAMES = [
  ['postgres', /postgres/i],
  ['mysql', /mysql/i],
  ['sqlite', /sqlite/i],
] as const

export function checkDialect(dialect: unknown, who: string): void {
  if (NAMES.some(([name]) => name === dialect)) return
  throw new TypeError(
    `${who}: dialect is ${JSON.stringify(dialect)}; say 'postgres', 'mysql' (MariaDB too) or 'sqlite'.`,
  )
}

/**
 * Looks at the names of the adapter's class and its base classes: a dialect for another driver uses an adapter of
 * Kysely.
 */
function dialectOf(kysely: KyselyInstance, who: string): SqlDialect {
  let type: unknown = kysely.getExecutor().adapter.constructor
  for (; typeof type === 'function' && type.name !== ''; type = Object.getPrototypeOf(type)) {
    const { name } = type
    const found = NAMES.find(([, pattern]) => pattern.test(name))
    if (found) return found[0]
  }
  throw new TypeError(
    `${who}: the dialect of the Kysely instance is not known; say dialect: 'postgres', 'mysql' or 'sqlite'.`,
  )
}
