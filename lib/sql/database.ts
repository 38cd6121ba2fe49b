import {
  Kysely,
  MysqlDialect,
  type MysqlPool,
  PostgresDialect,
  type PostgresPool,
  type PostgresPoolClient,
  type QueryExecutorProvider,
  type QueryResult,
  type RawBuilder,
  type SqliteDatabase,
  SqliteDialect,
} from 'kysely'

/** The words of SQL that a database takes; MariaDB's are MySQL's. */
export type SqlDialect = 'postgres' | 'mysql' | 'sqlite'

/** What is asked of a Kysely instance. */
export interface KyselyInstance extends QueryExecutorProvider {
  transaction(): { execute<R>(run: (transaction: QueryExecutorProvider) => Promise<R>): Promise<R> }
}

/** A pool of `mysql2/promise`; the one of `mysql2` stands in `pool`. */
export interface MysqlPromisePool {
  readonly pool: MysqlPool
}

/** What the app has to talk to its database. */
export type SqlClient = KyselyInstance | PostgresPool | MysqlPool | MysqlPromisePool | SqliteDatabase

/** Runs one statement. */
export type Execute = <R>(statement: RawBuilder<R>) => Promise<QueryResult<R>>

export interface SqlDatabase {
  readonly dialect: SqlDialect
  readonly execute: Execute
  /** Runs several on one connection, all or none. */
  together<R>(run: (execute: Execute) => Promise<R>): Promise<R>
}

/** The app's client behind one interface. Nothing is opened here, and nothing is ever closed: it is the app's. */
export function databaseOf(client: SqlClient, dialect: SqlDialect | undefined, who: string): SqlDatabase {
  const kysely = kyselyOf(client, who)
  return {
    dialect: dialect ?? dialectOf(kysely, who),
    execute: executeOn(kysely),
    together: (run) => kysely.transaction().execute((transaction) => run(executeOn(transaction))),
  }
}

/** An app's plugins may rename columns on their way in and out; these statements name what is there. */
export function executeOn(provider: QueryExecutorProvider): Execute {
  const plain = { getExecutor: () => provider.getExecutor().withoutPlugins() }
  return (statement) => statement.execute(plain)
}

function kyselyOf(client: SqlClient, who: string): KyselyInstance {
  if ('getExecutor' in client) return client
  if ('pool' in client && !('promise' in client)) return instance(new MysqlDialect({ pool: client.pool }))
  if ('getConnection' in client) return instance(new MysqlDialect({ pool: client }))
  if ('prepare' in client) return instance(new SqliteDialect({ database: client }))
  if ('connect' in client) return instance(new PostgresDialect({ pool: heard(client) }))
  throw new TypeError(`${who}: client is no Kysely instance, no pool of pg or mysql2 and no better-sqlite3 database.`)
}

/**
 * A connection of pg that ends during a statement tells its listeners too, and unheard that ends the process. The pool
 * listens only while a connection is idle.
 */
function heard(pool: PostgresPool): PostgresPool {
  const known = new WeakSet<object>()
  return {
    end: () => pool.end(),
    async connect() {
      const client: PostgresPoolClient & { on?(event: 'error', listener: () => void): unknown } = await pool.connect()
      if (!known.has(client)) client.on?.('error', () => {})
      known.add(client)
      return client
    },
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
