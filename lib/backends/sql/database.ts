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
  /** Runs several on one connection, all or none. What was read with a lock cannot change before it ends. */
  readonly batch: Batch
  /** Several that others decide on: everything that the app may want of a transaction. */
  readonly transact: Transact
}

/** The app's client behind one interface. Nothing is opened here, and nothing is ever closed: it is the app's. */
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
  if ('connect' in client) return instance(new PostgresDialect({ pool: namingStatements(heard(client)) }))
  throw new TypeError(`${who}: client is no Kysely instance, no pool of pg or mysql2 and no better-sqlite3 database.`)
}

type Connection = object & { on(event: 'error', listener: () => void): unknown }
type Telling = PostgresPool & { on?(event: 'acquire', listener: (connection: Connection) => void): unknown }

/** The pools that are listened to, and the connections. */
const listened = new WeakSet<object>()

/**
 * A connection of pg that ends during a statement tells its listeners too, and unheard that ends the process. The pool
 * listens only while a connection is idle, and stops right after this event: a promise of it would come too late.
 */
function heard(pool: Telling): PostgresPool {
  if (listened.has(pool)) return pool
  listened.add(pool)
  pool.on?.('acquire', (connection) => {
    if (!listened.has(connection)) connection.on('error', () => {})
    listened.add(connection)
  })
  return pool
}

const ofDatabases = new WeakMap<object, KyselyInstance>()

/** One for all who use the database: it has one connection, and a statement must not slip into another's transaction. */
function sharedBy(database: SqliteDatabase | NodeSqliteDatabase): KyselyInstance {
  const known = ofDatabases.get(database) ?? instance(new SqliteDialect({ database: keepingStatements(database) }))
  ofDatabases.set(database, known)
  return known
}

/** Clients that send different members make statements of different shapes: they must not fill the memory. */
const MOST_STATEMENTS = 200

/** A database that prepares each statement once: Kysely does it anew each time, which takes longer than to carry it out. */
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
        // One that is being read row by row can do nothing else in between.
        iterate: (parameters) => prepare(text).iterate(parameters),
      }
      kept.set(text, shared)
      return shared
    },
  }
}

/** node:sqlite takes parameters one by one, and tells by its columns whether a statement gives rows. */
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

/** By the name of a class, and of those it extends: a dialect for another driver has an adapter of Kysely's own. */
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
