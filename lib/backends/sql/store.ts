import type { QueryExecutorProvider } from 'kysely'
import type { ExpiringStore } from '../../contracts/store'
import { refuseUnknown } from '../../options'
import { keyHash, storedText, textOf } from '../records/stored-form'
import { compiled, type Execute, executeOn, type SqlClient, type SqlDialect } from './client'
import { databaseOf } from './database'
import { answered, attempted } from './faults'
import { MOST_SWEPT, type StoreStatements, statementsOf, tableStatements } from './store-statements'

/** Where the records are. */
export interface SqlStoreOptions {
  /** A Kysely instance, a pool of `pg` or `mysql2`, or a database of `better-sqlite3`. It stays the app's. */
  readonly client: SqlClient
  /** For a Kysely instance with a dialect of its own. */
  readonly dialect?: SqlDialect
  /** The table, or `schema.table`; 'express_conflict_records' if left out. `createStoreTableStatements` makes it. */
  readonly table?: string
}

/** An `ExpiringStore` that can be part of the app's transactions. */
export interface SqlStore extends ExpiringStore {
  /** Takes a transaction of Kysely, on the database that the records are in. */
  within(transaction: unknown): ExpiringStore
  /** Removes the rows that have expired. It happens by itself, once a minute or every 1000 creations. */
  sweep(): Promise<void>
}

const WHO = 'sqlStore()'
const TABLE = 'express_conflict_records'
const SWEEP_EVERY_MS = 60_000
const SWEEP_EVERY_CREATIONS = 1000

/** Keeps records in a table of PostgreSQL, MariaDB, MySQL or SQLite. Each method is one statement; the database's clock counts. */
export function sqlStore(options: SqlStoreOptions): SqlStore {
  const { client, dialect, table = TABLE } = checked(options)
  const database = databaseOf(client, dialect, WHO)
  const statements = statementsOf(database.dialect, table)
  let sweptAt = performance.now()
  let createdSince = 0
  let sweeping: Promise<void> | undefined

  const store = storeOf(statements, (statement) => attempted(() => database.execute(statement), WHO))

  async function sweepAll(): Promise<void> {
    sweptAt = performance.now()
    createdSince = 0
    for (;;) {
      const { numAffectedRows = 0n } = await attempted(() => database.execute(statements.sweep()), WHO)
      if (numAffectedRows < MOST_SWEPT) return
      // SQLite sweeps on this thread: requests come in between.
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

/** The statements that make the table of a store. They may run again where it is there. */
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
