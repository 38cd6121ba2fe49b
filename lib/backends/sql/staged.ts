import {
  CompiledQuery,
  type Dialect,
  type Driver,
  Kysely,
  MysqlIntrospector,
  PostgresIntrospector,
  type QueryExecutorProvider,
  SqliteIntrospector,
  type Transaction,
} from 'kysely'
import { type Borrowed, fromKysely, fromMysqlPool, fromPgPool } from './borrowed'
import { type Execute, executeOn, type SqlClient, type SqlDialect } from './client'
import { type Watched, watched } from './watched'

/** One transaction, on a connection of its own. */
export interface SqlTransaction {
  readonly handle: Transaction<unknown>
  readonly execute: Execute
  /** Nothing is carried out any more, and the connection is ended. */
  abandon(): void
}

/** Where transactions run. */
export interface Source {
  readonly client: SqlClient
  readonly kysely: QueryExecutorProvider
  readonly dialect: SqlDialect
  readonly who: string
}

/** READ COMMITTED, as in PostgreSQL: REPEATABLE READ locks the gap where a key is missing, and two creators deadlock. */
const BEGIN: Readonly<Record<SqlDialect, readonly string[]>> = {
  postgres: ['begin'],
  mysql: ['set transaction isolation level read committed', 'begin'],
  // Without the word, two that have read both want to write, and one of them can never.
  sqlite: ['begin immediate'],
}

const KILL_SELF: Readonly<Partial<Record<SqlDialect, string>>> = { mysql: 'kill connection_id()' }

const INTROSPECTORS = { postgres: PostgresIntrospector, mysql: MysqlIntrospector, sqlite: SqliteIntrospector }

/** How far a transaction has come. Until COMMIT is sent nothing can have been written, whatever happens. */
export type Stage = 'unsent' | 'run' | 'sent'

interface Steps {
  begin(step: () => Promise<void>): Promise<void>
  at(stage: Stage): void
}

/** Begins, runs, and commits or rolls back. Errors come as they are. */
export async function staged<R>(
  { client, kysely, dialect }: Source,
  run: (transaction: SqlTransaction) => Promise<R>,
  { begin, at }: Steps,
): Promise<R> {
  let isSound = true
  let borrowed: Borrowed | undefined
  try {
    borrowed = await borrow(client, kysely, dialect)
    const { connection: inner, cut, canBeEnded } = borrowed
    const watch = watched(inner, dialect)
    const driver: Driver = {
      ...driverOn(watch, dialect, begin),
      async commitTransaction() {
        at('unsent')
        if (watch.failure() !== undefined) throw watch.failure()
        at('sent')
        await execute(watch, 'commit')
      },
      async rollbackTransaction() {
        isSound = !watch.isCut()
        // The server rolls back what is ended.
        if (!isSound && canBeEnded) return
        await inner.executeQuery(CompiledQuery.raw('rollback')).catch(() => {
          isSound = false
        })
      },
    }
    return await boundTo(kysely, driver, dialect).execute(async (handle) => {
      at('run')
      const abandon = () => {
        watch.cut()
        cut?.()
      }
      return run({ handle, execute: executeOn(handle), abandon })
    })
  } finally {
    await borrowed?.giveBack(isSound)
  }
}

/** A Kysely of its own for one connection; it knows the plugins and the words of the app's. */
function boundTo(kysely: QueryExecutorProvider, driver: Driver, dialect: SqlDialect) {
  const executor = kysely.getExecutor()
  const bound: Dialect = {
    createAdapter: () => executor.adapter,
    createDriver: () => driver,
    createIntrospector: (database) => new INTROSPECTORS[dialect](database),
    createQueryCompiler: () => ({ compileQuery: (node, id) => executor.compileQuery(node, id) }),
  }
  return new Kysely<unknown>({ dialect: bound, plugins: [...executor.plugins] }).transaction()
}

function driverOn(watch: Watched, dialect: SqlDialect, begin: Steps['begin']) {
  const nothing = async () => {}
  return {
    init: nothing,
    destroy: nothing,
    acquireConnection: async () => watch.connection,
    releaseConnection: nothing,
    async beginTransaction() {
      for (const text of BEGIN[dialect]) await begin(() => execute(watch, text))
    },
  }
}

async function execute({ connection }: Watched, text: string): Promise<void> {
  await connection.executeQuery(CompiledQuery.raw(text))
}

function borrow(client: SqlClient, kysely: QueryExecutorProvider, dialect: SqlDialect): Promise<Borrowed> {
  if ('pool' in client && !('promise' in client)) return fromMysqlPool(client.pool)
  if ('getConnection' in client) return fromMysqlPool(client)
  if ('connect' in client && !('getExecutor' in client)) return fromPgPool(client)
  return fromKysely(kysely, KILL_SELF[dialect])
}
