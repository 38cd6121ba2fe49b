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
import { recogniseStoreError } from '../../conflicts/store-errors'
import { isStoreFault, storeFault } from '../../contracts/store-fault'
import { type Execute, executeOn, type SqlClient, type SqlDialect } from './client'
import {
  fromKysely,
  fromMysqlPool,
  fromPgPool,
  fromSharedDatabase,
  fromSqliteFile,
  isSharedDatabase,
  isSqliteFile,
  type OwnConnection,
} from './own-connection'
import { faultOf, retried } from './run-statement'
import { type Watched, watched } from './watched'

/** One transaction, on a connection of its own. */
export interface SqlTransaction {
  readonly handle: Transaction<unknown>
  readonly execute: Execute
  /** Rejects all further statements, and ends the connection. */
  abandon(): void
}

/** Where transactions run. */
interface Source {
  readonly client: SqlClient
  readonly kysely: QueryExecutorProvider
  readonly dialect: SqlDialect
  readonly who: string
}

export type Transact = <R>(run: (transaction: SqlTransaction) => Promise<R>) => Promise<R>

/**
 * An error of `run` is passed on unchanged. Any other error becomes a store fault that says whether something may have
 * been written.
 */
export function transactionsOn(source: Source): Transact {
  const { who } = source
  return async (run) => {
    let phase = 'unsent' as Phase
    try {
      // Nothing has been read yet, so BEGIN can simply be tried again when another process is in the way.
      return await runTransaction(source, run, {
        begin: (step) => retried(step, who),
        at: (now) => {
          phase = now
        },
      })
    } catch (error) {
      if (phase === 'run') throw error
      if (isStoreFault(error)) throw error
      const known = recogniseStoreError(error)
      if (phase === 'unsent') throw faultOf(error, known, who, 'no')
      throw known ? faultOf(error, known, who) : storeFault(error, { applied: 'unknown' })
    }
  }
}

export type Batch = <R>(run: (execute: Execute) => Promise<R>) => Promise<R>

/**
 * Runs a change of ours that takes several statements. Errors are passed on unchanged, so that `retried` can try the
 * whole change again. But if the connection was lost before COMMIT was sent, nothing was written, and the error says
 * so.
 */
export function batchesOn(source: Source): Batch {
  return async (run) => {
    let phase = 'unsent' as Phase
    try {
      return await runTransaction(source, ({ execute }) => run(execute), {
        begin: (step) => step(),
        at: (now) => {
          phase = now
        },
      })
    } catch (error) {
      const known = phase === 'sent' || isStoreFault(error) ? undefined : recogniseStoreError(error)
      throw known?.applied === 'unknown' ? faultOf(error, known, source.who, 'no') : error
    }
  }
}

/**
 * READ COMMITTED, as in PostgreSQL. With REPEATABLE READ, MySQL locks the gap in which a missing key would be, and two
 * creators deadlock.
 */
const BEGIN: Readonly<Record<SqlDialect, readonly string[]>> = {
  postgres: ['begin'],
  mysql: ['set transaction isolation level read committed', 'begin'],
  // Without `immediate`, two transactions that have both read may both want to write, and one of them never can.
  sqlite: ['begin immediate'],
}

const KILL_SELF: Readonly<Partial<Record<SqlDialect, string>>> = { mysql: 'kill connection_id()' }

const INTROSPECTORS = { postgres: PostgresIntrospector, mysql: MysqlIntrospector, sqlite: SqliteIntrospector }

/** How far a transaction has come. Until COMMIT is sent, nothing can have been written. */
type Phase = 'unsent' | 'run' | 'sent'

interface Steps {
  begin(step: () => Promise<void>): Promise<void>
  at(phase: Phase): void
}

/** Begins, runs, and commits or rolls back. Errors are passed on unchanged. */
async function runTransaction<R>(
  { client, kysely, dialect }: Source,
  run: (transaction: SqlTransaction) => Promise<R>,
  { begin, at }: Steps,
): Promise<R> {
  let isSound = true
  let own: OwnConnection | undefined
  try {
    own = await ownConnection(client, kysely, dialect)
    const { connection: inner, cut, canBeEnded, begun } = own
    const watch = watched(inner, dialect)
    const driver: Driver = {
      ...driverOn(watch, dialect, begin, begun),
      async commitTransaction() {
        at('unsent')
        if (watch.failure() !== undefined) throw watch.failure()
        at('sent')
        await execute(watch, 'commit')
      },
      async rollbackTransaction() {
        isSound = !watch.isCut()
        // The server rolls back when the connection ends.
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
    await own?.giveBack(isSound)
  }
}

/** A Kysely instance for this one connection, with the plugins and the dialect of the app's instance. */
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

function driverOn(watch: Watched, dialect: SqlDialect, begin: Steps['begin'], begun: OwnConnection['begun']) {
  const nothing = async () => {}
  return {
    init: nothing,
    destroy: nothing,
    acquireConnection: async () => watch.connection,
    releaseConnection: nothing,
    async beginTransaction() {
      for (const text of BEGIN[dialect]) await begin(() => execute(watch, text))
      begun?.()
    },
  }
}

async function execute({ connection }: Watched, text: string): Promise<void> {
  await connection.executeQuery(CompiledQuery.raw(text))
}

function ownConnection(client: SqlClient, kysely: QueryExecutorProvider, dialect: SqlDialect): Promise<OwnConnection> {
  if ('pool' in client && !('promise' in client)) return fromMysqlPool(client.pool)
  if ('getConnection' in client) return fromMysqlPool(client)
  if ('connect' in client && !('getExecutor' in client)) return fromPgPool(client)
  if (isSqliteFile(client)) return fromSqliteFile(client, () => fromKysely(kysely, undefined))
  if (isSharedDatabase(client)) return fromSharedDatabase(client, () => fromKysely(kysely, undefined))
  return fromKysely(kysely, KILL_SELF[dialect])
}
