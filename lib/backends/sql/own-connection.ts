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
  /** Back to the pool; one that is not sound is ended, where it can be, and never seen there again. */
  giveBack(isSound: boolean): Promise<void>
  readonly canBeEnded: boolean
  /** Ends it at once, whatever runs on it, where that can be done from here. */
  readonly cut?: () => void
  /** Called when the transaction has begun. */
  readonly begun?: () => void
}

/** What the clients of pg and mysql2 have beside what Kysely asks of them. */
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
  // An 'error' that nobody hears ends the process, and while a client is out its pool does not listen.
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
 * From the app's own Kysely instance. Its connections cannot be reached from here, so one that has to go is asked to
 * end itself, behind what still runs on it; the statement after that sees it gone, and so does the pool. Not with pg,
 * whose connections tell their end to listeners: without one, which only the app could add, that ends the process.
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

/** A database with one connection, for us and for the app. `database`: the app's own. */
interface SharedDatabase {
  exec(text: string): unknown
}

export function isSharedDatabase(client: object): client is SharedDatabase {
  return 'prepare' in client && typeof (client as Partial<SharedDatabase>).exec === 'function'
}

/**
 * On the app's own connection, which writes for nobody else meanwhile: a statement of another route would be answered, and
 * be rolled back with ours. It is refused (SQLITE_READONLY), for to wait would keep this process from ever going on. The
 * driver is synchronous, so nothing comes between these three.
 */
export async function fromSharedDatabase(
  database: SharedDatabase,
  lend: () => Promise<OwnConnection>,
): Promise<OwnConnection> {
  const lent = await lend()
  const inner = lent.connection
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
      // Where the app has closed it meanwhile, nothing is left to allow.
      await Promise.resolve().then(allowWrites).catch(ignore)
      await lent.giveBack(isSound)
    },
  }
}

const ENDS = /^\s*(?:commit|rollback)\s*$/i

/** What a database of better-sqlite3 has beside what Kysely asks of it. */
interface SqliteFile extends SqliteDatabase {
  readonly name: string
  readonly open: boolean
  readonly inTransaction: boolean
  pragma(text: string, options?: { readonly simple: boolean }): unknown
}

/** Only a file can be opened twice. */
export function isSqliteFile(client: object): client is SqliteFile {
  const { name, memory, pragma } = client as Partial<SqliteFile> & { readonly memory?: unknown }
  return typeof pragma === 'function' && memory === false && typeof name === 'string' && name !== ''
}

/** The second connection to the file of a database of the app's, kept for the next transaction. */
const seconds = new WeakMap<SqliteFile, SqliteFile>()

/**
 * A transaction has a connection of its own to the file: on the app's, a statement of another route would slip in between
 * ours, be answered, and be rolled back with them. Meanwhile what the app runs on its own connection reads what is
 * committed; a write of it is refused at once (SQLITE_BUSY), for to wait would keep this process from ever going on.
 *
 * `lend` gives the app's connection, for which our other statements line up.
 */
export async function fromSqliteFile(database: SqliteFile, lend: () => Promise<OwnConnection>): Promise<OwnConnection> {
  const lent = await lend()
  try {
    // Its own wait for the lock would keep it from ever giving it back.
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

const COPIED = ['busy_timeout', 'foreign_keys', 'recursive_triggers', 'synchronous', 'trusted_schema']

function secondOf(database: SqliteFile): SqliteFile {
  const known = seconds.get(database)
  if (known?.open) return known
  const Database = database.constructor as new (name: string) => SqliteFile
  const second = new Database(database.name)
  const attached = database.pragma('database_list') as ReadonlyArray<{ readonly name: string; readonly file: string }>
  for (const { name, file } of attached) {
    if (name === 'main' || name === 'temp') continue
    // The parameter is a file name; the name of a schema cannot be one.
    second.prepare(`attach ? as "${name.replaceAll('"', '""')}"`).run([file])
  }
  seconds.set(database, second)
  return second
}

function ignore(): void {}
