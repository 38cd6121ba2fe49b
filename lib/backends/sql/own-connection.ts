import {
  CompiledQuery,
  type DatabaseConnection,
  MysqlDialect,
  type MysqlPool,
  PostgresDialect,
  type PostgresPool,
  type QueryExecutorProvider,
  type SqliteDatabase,
  SqliteDialect,
} from 'kysely'

/** A connection that is taken from a pool for one transaction. */
export interface OwnConnection {
  readonly connection: DatabaseConnection
  /** Gives the connection back to the pool. One that is not sound is ended instead, where that is possible. */
  giveBack(isSound: boolean): Promise<void>
  readonly canBeEnded: boolean
  /** Ends the connection at once, even during a statement. Missing where that is not possible. */
  readonly cut?: () => void
  /** Called when the transaction has begun. */
  readonly begun?: () => void
}

/** Members of clients of pg and mysql2 that Kysely's types lack. */
interface PgClient {
  release(destroy?: boolean): void
  on?(event: 'error', listener: () => void): unknown
  off?(event: 'error', listener: () => void): unknown
}
interface MysqlConnection {
  destroy?(): void
  release(): void
  readonly stream?: { destroy?(): void }
}

export async function fromPgPool(pool: PostgresPool): Promise<OwnConnection> {
  const client = await pool.connect()
  const pg: PgClient = client
  // An 'error' event without a listener ends the process, and a pool does not listen while its client is in use.
  pg.on?.('error', ignore)
  let isOut = true
  const release = (destroy: boolean) => {
    if (!isOut) return
    isOut = false
    if (!destroy) pg.off?.('error', ignore)
    pg.release(destroy)
  }
  const driver = new PostgresDialect({ pool: { connect: async () => client, end: async () => {} } }).createDriver()
  await driver.init()
  return {
    connection: await driver.acquireConnection(),
    canBeEnded: true,
    giveBack: async (isSound) => release(!isSound),
    cut: () => release(true),
  }
}

export async function fromMysqlPool(pool: MysqlPool): Promise<OwnConnection> {
  const client = await new Promise<Parameters<Parameters<MysqlPool['getConnection']>[0]>[1]>((resolve, reject) => {
    pool.getConnection((error, connection) => (error ? reject(error) : resolve(connection)))
  })
  const mysql: MysqlConnection = client
  let isOut = true
  const release = (destroy: boolean) => {
    if (!isOut) return
    isOut = false
    if (!destroy) return mysql.release()
    mysql.destroy?.()
    mysql.stream?.destroy?.()
  }
  const getConnection: MysqlPool['getConnection'] = (callback) => callback(undefined, client)
  const driver = new MysqlDialect({ pool: { getConnection, end: () => {} } }).createDriver()
  await driver.init()
  return {
    connection: await driver.acquireConnection(),
    canBeEnded: true,
    giveBack: async (isSound) => release(!isSound),
    cut: () => release(true),
  }
}

/**
 * Takes a connection from the app's own Kysely instance. Such a connection cannot be destroyed from here. One that must
 * not be used again is told to kill itself, after whatever still runs on it; the next statement then fails, and the
 * pool drops the connection.
 *
 * This is not done with pg. Its connections emit 'error' when they end, and without a listener, which only the app
 * could add, that ends the process.
 */
export function fromKysely(kysely: QueryExecutorProvider, killSelf: string | undefined): Promise<OwnConnection> {
  return new Promise((resolve, reject) => {
    const lent = kysely.getExecutor().provideConnection((connection) => {
      return new Promise<void>((done) => {
        const run = (text: string) => connection.executeQuery(CompiledQuery.raw(text)).catch(ignore)
        resolve({
          connection,
          canBeEnded: killSelf !== undefined,
          async giveBack(isSound) {
            if (!isSound && killSelf !== undefined) await run(killSelf).then(() => run('select 1'))
            done()
            await lent
          },
        })
      })
    })
    lent.catch(reject)
  })
}

/** A database with one connection, which the app uses too. */
interface SharedDatabase {
  exec(text: string): unknown
  prepare(text: string): { all(): unknown[] }
}

export function isSharedDatabase(client: object): client is SharedDatabase {
  return 'prepare' in client && typeof (client as Partial<SharedDatabase>).exec === 'function'
}

/**
 * Runs a transaction on the app's own connection, and blocks writes by others meanwhile. Otherwise a statement of
 * another route would succeed, and then be rolled back with our transaction. Such a write is refused (SQLITE_READONLY);
 * waiting would block this process for ever.
 *
 * The driver is synchronous, so nothing can run between the three steps of `executeQuery`.
 */
export async function fromSharedDatabase(
  database: SharedDatabase,
  lend: () => Promise<OwnConnection>,
): Promise<OwnConnection> {
  const lent = await lend()
  const inner = lent.connection
  const [row] = database.prepare('pragma query_only').all() as Array<{ query_only: number | bigint }>
  if (Number(row?.query_only) === 1) return lent
  const allowWrites = () => void database.exec('pragma query_only = off')
  const connection: DatabaseConnection = {
    executeQuery<R>(query: CompiledQuery) {
      allowWrites()
      try {
        return inner.executeQuery<R>(query)
      } finally {
        if (!ENDS.test(query.sql)) database.exec('pragma query_only = on')
      }
    },
    streamQuery: (query, chunkSize) => inner.streamQuery(query, chunkSize),
  }
  return {
    ...lent,
    connection,
    async giveBack(isSound) {
      // If the app has closed the database meanwhile, this fails, and there is nothing left to undo.
      await Promise.resolve().then(allowWrites).catch(ignore)
      await lent.giveBack(isSound)
    },
  }
}

const ENDS = /^\s*(?:commit|rollback)\s*$/i

/** Members of a database of better-sqlite3 that Kysely's type lacks. */
interface SqliteFile extends SqliteDatabase {
  readonly name: string
  readonly open: boolean
  readonly readonly: boolean
  readonly inTransaction: boolean
  pragma(text: string, options?: { readonly simple: boolean }): unknown
}

/** Only a database in a file can be opened a second time. */
export function isSqliteFile(client: object): client is SqliteFile {
  const { name, memory, pragma } = client as Partial<SqliteFile> & { readonly memory?: unknown }
  return typeof pragma === 'function' && memory === false && typeof name === 'string' && name !== ''
}

/** The second connection to the file of an app's database, kept for the next transaction. */
const seconds = new WeakMap<SqliteFile, SqliteFile>()

/**
 * Gives a transaction its own connection to the file. On the app's connection, a statement of another route would slip
 * in between ours, succeed, and be rolled back with them. While the transaction is open, the app's connection reads
 * what is committed. Its writes are refused at once (SQLITE_BUSY), because waiting would block this process for ever.
 *
 * `lend` gives the app's connection. Our other statements need it too, so they wait for the end of the transaction.
 */
export async function fromSqliteFile(database: SqliteFile, lend: () => Promise<OwnConnection>): Promise<OwnConnection> {
  const lent = await lend()
  try {
    // The app has a transaction open. Waiting for its lock would block this process, so the app could never end it.
    if (database.inTransaction)
      throw Object.assign(new Error('the database has a transaction open'), { code: 'SQLITE_BUSY' })
    const second = secondOf(database)
    for (const name of COPIED) second.pragma(`${name} = ${database.pragma(name, { simple: true })}`)
    const driver = new SqliteDialect({ database: second }).createDriver()
    await driver.init()
    const connection = await driver.acquireConnection()
    const waitsMs = database.pragma('busy_timeout', { simple: true })
    return {
      connection,
      canBeEnded: true,
      begun: () => void database.pragma('busy_timeout = 0'),
      async giveBack(isSound) {
        if (database.open) database.pragma(`busy_timeout = ${waitsMs}`)
        if (!isSound || !database.open) {
          seconds.delete(database)
          second.close()
        }
        await lent.giveBack(true)
      },
    }
  } catch (error) {
    await lent.giveBack(true)
    throw error
  }
}

const COPIED = [
  'busy_timeout',
  'foreign_keys',
  'ignore_check_constraints',
  'query_only',
  'recursive_triggers',
  'synchronous',
  'trusted_schema',
]

function secondOf(database: SqliteFile): SqliteFile {
  const known = seconds.get(database)
  if (known?.open) return known
  const Database = database.constructor as new (name: string, options: { readonly: boolean }) => SqliteFile
  const second = new Database(database.name, { readonly: database.readonly })
  const attached = database.pragma('database_list') as ReadonlyArray<{ readonly name: string; readonly file: string }>
  for (const { name, file } of attached) {
    if (name === 'main' || name === 'temp') continue
    // The file name can be bound as a parameter, the name of the schema cannot.
    second.prepare(`attach ? as "${name.replaceAll('"', '""')}"`).run([file])
  }
  seconds.set(database, second)
  return second
}

function ignore(): void {}
