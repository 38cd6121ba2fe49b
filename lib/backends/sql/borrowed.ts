import {
  CompiledQuery,
  type DatabaseConnection,
  MysqlDialect,
  type MysqlPool,
  PostgresDialect,
  type PostgresPool,
  type QueryExecutorProvider,
} from 'kysely'

/** A connection that is taken from a pool for one transaction. */
export interface Borrowed {
  readonly connection: DatabaseConnection
  /** Back to the pool; one that is not sound is ended, where it can be, and never seen there again. */
  giveBack(isSound: boolean): Promise<void>
  readonly canBeEnded: boolean
  /** Ends it at once, whatever runs on it, where that can be done from here. */
  readonly cut?: () => void
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

export async function fromPgPool(pool: PostgresPool): Promise<Borrowed> {
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

export async function fromMysqlPool(pool: MysqlPool): Promise<Borrowed> {
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
export function fromKysely(kysely: QueryExecutorProvider, killSelf: string | undefined): Promise<Borrowed> {
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

function ignore(): void {}
