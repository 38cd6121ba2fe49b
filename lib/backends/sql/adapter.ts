import type { Transaction } from 'kysely'
import type { ResourceAdapter, TransactionalAdapter, Version } from '../../contracts/adapter'
import { datingClock } from '../../timing/later-date'
import { catalogueReader } from './adapter/catalogue/catalogue'
import { type Connection, type Operations, operationsAt } from './adapter/operations'
import type { SqlAdapterOptions } from './adapter/options'
import { planOf } from './adapter/plan'
import { rowsOf } from './adapter/statements'
import { type OperationsWithHistory, withHistory } from './adapter/with-history'
import type { Execute, SqlClient, SqlDialect } from './client'
import { databaseOf, type SqlDatabase } from './database'
import { answered, retried } from './run-statement'
import type { SqlTransaction } from './run-transaction'

const WHO = 'sqlAdapter()'

/**
 * A `ResourceAdapter` that always has `write`, `remove` and `transaction`. `DB`: the type that Kysely has of the
 * database, for the handle of a transaction.
 */
export interface SqlAdapter<T, DB = unknown> extends ResourceAdapter<T, Transaction<DB>> {
  readonly write: NonNullable<ResourceAdapter<T>['write']>
  readonly remove: NonNullable<ResourceAdapter<T>['remove']>
  readonly transaction: NonNullable<ResourceAdapter<T, Transaction<DB>>['transaction']>
}

/**
 * Keeps resources in a table of PostgreSQL, MariaDB, MySQL or SQLite: as a row of columns, or as JSON in one column.
 *
 * A write is one UPDATE whose WHERE names the version, so the database decides races. The key needs a unique index (of
 * `scope` and `key` together): without one, two creators can both succeed.
 *
 * These are the statements for `{ table: 'articles', json: 'value' }`. A key is compared twice, once for the index and once
 * exactly, whatever the collation is. A version is compared exactly.
 *
 * PostgreSQL, read:
 *
 *     select cast("value" as text) as "c0", cast("version" as text) as "version"
 *       from "articles"
 *       where "id" = $1
 *       and cast("id" as text) collate "C" = $2
 *
 * PostgreSQL, swap:
 *
 *     update "articles" set "value" = $1, "version" = $2
 *       where "id" = $3
 *       and cast("id" as text) collate "C" = $4
 *       and cast("version" as text) collate "C" = $5
 *       returning cast("value" as text) as "c0", cast("version" as text) as "version"
 *
 * PostgreSQL, removal:
 *
 *     delete from "articles"
 *       where "id" = $1
 *       and cast("id" as text) collate "C" = $2
 *       and cast("version" as text) collate "C" = $3
 *       returning 1 as removed
 *
 * PostgreSQL, creation:
 *
 *     insert into "articles" ("id", "value", "version")
 *       values ($1, $2, $3)
 *       on conflict ("id") do nothing
 *       returning cast("value" as text) as "c0", cast("version" as text) as "version"
 *
 * MariaDB and MySQL, read:
 *
 *     select convert(`value` using utf8mb4) as `c0`, convert(`version` using utf8mb4) as `version`
 *       from `articles`
 *       where `id` = ?
 *       and cast(convert(`id` using utf8mb4) as binary) = cast(convert(? using utf8mb4) as binary)
 *
 * MariaDB and MySQL, swap:
 *
 *     /*M!100100 set statement sql_mode = concat(@@sql_mode, ',STRICT_ALL_TABLES') for *\/ update /*+
 *         set_var(sql_mode = 'STRICT_ALL_TABLES') *\/ `articles`
 *       set `value` = ?, `version` = ?
 *       where `id` = ?
 *       and cast(convert(`id` using utf8mb4) as binary) = cast(convert(? using utf8mb4) as binary)
 *       and cast(convert(`version` using utf8mb4) as binary) = cast(convert(? using utf8mb4) as binary)
 *
 * MariaDB and MySQL, removal:
 *
 *     delete from `articles`
 *       where `id` = ?
 *       and cast(convert(`id` using utf8mb4) as binary) = cast(convert(? using utf8mb4) as binary)
 *       and cast(convert(`version` using utf8mb4) as binary) = cast(convert(? using utf8mb4) as binary)
 *
 * MariaDB and MySQL, creation:
 *
 *     /*M!100100 set statement sql_mode = concat(@@sql_mode, ',STRICT_ALL_TABLES') for *\/ insert /*+
 *         set_var(sql_mode = 'STRICT_ALL_TABLES') *\/ into `articles` (`id`, `value`, `version`)
 *       values (?, ?, ?)
 *
 * SQLite, read:
 *
 *     select cast("value" as text) as "c0", cast("version" as text) as "version"
 *       from "articles"
 *       where "id" = ?
 *       and cast("id" as text) collate binary = ?
 *
 * SQLite, swap:
 *
 *     update "articles" set "value" = ?, "version" = ?
 *       where "id" = ?
 *       and cast("id" as text) collate binary = ?
 *       and cast("version" as text) collate binary = ?
 *       returning cast("value" as text) as "c0", cast("version" as text) as "version"
 *
 * SQLite, removal:
 *
 *     delete from "articles"
 *       where "id" = ?
 *       and cast("id" as text) collate binary = ?
 *       and cast("version" as text) collate binary = ?
 *       returning 1 as removed
 *
 * SQLite, creation:
 *
 *     insert into "articles" ("id", "value", "version")
 *       values (?, ?, ?)
 *       on conflict ("id") do nothing
 *       returning cast("value" as text) as "c0", cast("version" as text) as "version"
 */
export function sqlAdapter<T, DB = unknown>(options: SqlAdapterOptions): SqlAdapter<T, DB> {
  const plan = planOf(options, WHO)
  const { now = Date.now, generatedKeys = false } = options
  const database = databaseOf(options.client, options.dialect, WHO)
  const { dialect } = database
  const rows = rowsOf<T>(plan, dialect, datingClock(now))
  if (generatedKeys && plan.key.length > 1)
    throw new TypeError('sqlAdapter(): generatedKeys needs a key of one column.')

  const catalogue = catalogueReader(plan, dialect, database.execute)
  const plainIn = (connection: Connection) => operationsAt<T>(connection, plan, rows, dialect, catalogue.current)
  const operationsIn = (connection: Connection): Operations<T> | OperationsWithHistory<T> =>
    plan.history
      ? withHistory<T>(connection, plainIn, plan.history, rows, dialect, plan.softDelete !== undefined)
      : plainIn(connection)
  const outside = operationsIn({ ...database, locks: false, isOurs: true })

  async function asked<R>(run: () => Promise<R>, who: string): Promise<R> {
    await catalogue.ready()
    try {
      return await retried(run, who)
    } catch (error) {
      catalogue.doubt()
      throw error
    }
  }

  function inside({ execute, handle, abandon }: SqlTransaction): TransactionalAdapter<T, Transaction<DB>> {
    const here = <R>(run: (execute: Execute) => Promise<R>) => run(execute)
    const operations = operationsIn({ execute, batch: here, locks: true, isOurs: false })
    // No second try: an error may have ended the transaction.
    const methods = methodsOf(operations, answered, generatedKeys)
    return { ...methods, transactionHandle: handle as Transaction<DB>, abandon }
  }

  const methods = methodsOf(outside, asked, generatedKeys)
  const behind = options.replica === undefined ? undefined : replicaOf(options.replica, options.dialect, dialect)
  const { read: readBehind } = behind ? plainIn({ ...behind, locks: false, isOurs: true }) : {}
  return {
    ...methods,
    ...(readBehind && { readCurrent: methods.read, read: (key) => asked(() => readBehind(key), WHO) }),
    // Before the transaction begins: it may take the only connection.
    async transaction(run) {
      await catalogue.ready()
      return database.transact((transaction) => run(inside(transaction)))
    },
  }
}

function replicaOf(client: SqlClient, given: SqlDialect | undefined, dialect: SqlDialect): SqlDatabase {
  const replica = databaseOf(client, given, WHO)
  if (replica.dialect === dialect) return replica
  throw new TypeError(`${WHO}: replica is for ${replica.dialect}, and client for ${dialect}.`)
}

function methodsOf<T>(
  { read, write, remove, create, ...kept }: Operations<T> | OperationsWithHistory<T>,
  run: typeof retried,
  generatedKeys: boolean,
): Pick<SqlAdapter<T>, 'read' | 'write' | 'remove' | 'create' | 'readVersion' | 'readSince'> {
  return {
    read: (key) => run(() => read(key), WHO),
    write: (key, value, expected) => run(() => write(key, value, expected), WHO),
    remove: (key, expected) => run(() => remove(key, expected), WHO),
    ...(generatedKeys && { create: (value: T) => run(() => create(value), WHO) }),
    ...('readVersion' in kept && {
      readVersion: (key: string, version: Version) => run(() => kept.readVersion(key, version), WHO),
      readSince: (key: string, version: Version) => run(() => kept.readSince(key, version), WHO),
    }),
  }
}
