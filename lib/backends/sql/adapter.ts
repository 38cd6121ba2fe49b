import type { Transaction } from 'kysely'
import type { ResourceAdapter, TransactionalAdapter, Version } from '../../contracts/adapter'
import { type KeepingOperations, keepingAt } from './adapter/keeping'
import { type Operations, operationsAt, type Place } from './adapter/operations'
import type { SqlAdapterOptions } from './adapter/options'
import { planOf } from './adapter/plan'
import { rowsOf } from './adapter/rows'
import type { Execute } from './client'
import { databaseOf } from './database'
import { answered, attempted } from './faults'
import type { SqlTransaction } from './transactions'

const WHO = 'sqlAdapter()'

/** A `ResourceAdapter` that can write and remove for certain. `DB`: what Kysely is told of the tables, for transactions. */
export interface SqlAdapter<T, DB = unknown> extends ResourceAdapter<T, Transaction<DB>> {
  readonly write: NonNullable<ResourceAdapter<T>['write']>
  readonly remove: NonNullable<ResourceAdapter<T>['remove']>
  readonly transaction: NonNullable<ResourceAdapter<T, Transaction<DB>>['transaction']>
}

/**
 * Keeps resources in a table of PostgreSQL, MariaDB, MySQL or SQLite: as a row of columns, or as JSON in one column.
 *
 * A write is one UPDATE whose WHERE names the version, so the database decides races. The key needs a unique index (of
 * `scope` and `key` together): without one nothing can keep two creators apart.
 */
export function sqlAdapter<T, DB = unknown>(options: SqlAdapterOptions): SqlAdapter<T, DB> {
  const plan = planOf(options, WHO)
  const { now = Date.now, generatedKeys = false } = options
  const database = databaseOf(options.client, options.dialect, WHO)
  const { dialect } = database
  const rows = rowsOf<T>(plan, dialect, now)
  if (generatedKeys && plan.key.length > 1)
    throw new TypeError('sqlAdapter(): generatedKeys needs a key of one column.')

  const plainIn = (place: Place) => operationsAt<T>(place, plan, rows, dialect)
  const operationsIn = (place: Place): Operations<T> | KeepingOperations<T> =>
    plan.history
      ? keepingAt<T>(place, plainIn, plan.history, rows, dialect, plan.softDelete !== undefined)
      : plainIn(place)
  const outside = operationsIn({ ...database, locks: false })

  function inside({ execute, handle, abandon }: SqlTransaction): TransactionalAdapter<T, Transaction<DB>> {
    const here = <R>(run: (execute: Execute) => Promise<R>) => run(execute)
    const operations = operationsIn({ execute, together: here, atomically: here, locks: true })
    // What fails here has failed: it took the transaction with it.
    const methods = methodsOf(operations, answered, generatedKeys)
    return { ...methods, transactionHandle: handle as Transaction<DB>, abandon }
  }

  return {
    ...methodsOf(outside, attempted, generatedKeys),
    transaction: (run) => database.transact((transaction) => run(inside(transaction))),
  }
}

function methodsOf<T>(
  { read, write, remove, create, ...kept }: Operations<T> | KeepingOperations<T>,
  run: typeof attempted,
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
