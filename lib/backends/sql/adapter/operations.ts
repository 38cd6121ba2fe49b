import { type QueryResult, type RawBuilder, sql } from 'kysely'
import { recogniseStoreError } from '../../../conflicts/store-errors'
import type { RemoveResult, ResourceState, WriteResult } from '../../../contracts/adapter'
import { pause } from '../../../timing/pause'
import type { Execute, SqlDialect } from '../client'
import { forbidden, MOST_TRIES, refusalOf, takenByAnother, unstorable } from '../run-statement'
import type { Catalogue } from './catalogue/catalogue'
import type { TablePlan } from './plan'
import type { Assignments, rowsOf } from './statements'
import type { Row } from './versions'

/** Where statements run: on any connection of a pool, or on the one of a transaction. */
export interface Connection {
  readonly execute: Execute
  /** Runs several statements in one transaction. Rows that were read with a lock stay as they are until it ends. */
  batch<R>(run: (execute: Execute) => Promise<R>): Promise<R>
  /** Reads lock the row. */
  readonly locks: boolean
  /** The transaction is not the app's, so constraints that wait for its end may be checked early. */
  readonly isOurs: boolean
  /** Adds further changes to the statement that changes a row. */
  readonly along?: ((change: RawBuilder<Row>) => RawBuilder<Row>) | undefined
}

export interface Operations<T> {
  read(key: string): Promise<ResourceState<T> | undefined>
  write(key: string, value: T, expected: string | null): Promise<WriteResult<T>>
  remove(key: string, expected: string): Promise<RemoveResult<T>>
  create(value: T): Promise<{ readonly key: string; readonly state: ResourceState<T> }>
}

const WHO = 'sqlAdapter()'

/** The methods of the adapter on one connection, or on any of a pool. */
export function operationsAt<T>(
  { execute: executeHere, batch, locks, isOurs, along = (change) => change }: Connection,
  plan: TablePlan,
  rows: ReturnType<typeof rowsOf<T>>,
  dialect: SqlDialect,
  catalogue: () => Catalogue,
): Operations<T> {
  const { keys, values, versions } = rows

  async function rowOf(execute: Execute, key: string): Promise<Row | undefined> {
    const where = keys.where(key)
    if (!where) return undefined
    const found = await execute(rows.select(where, locks))
    if (found.rows.length < 2) return found.rows[0]
    throw new TypeError(`sqlAdapter(): a key of "${plan.table}" names several rows; it needs a unique index.`)
  }

  async function read(key: string, execute = executeHere): Promise<ResourceState<T> | undefined> {
    const row = await rowOf(execute, key)
    return row && rows.stateOf(row)
  }

  /** Runs an INSERT or UPDATE of the value. If the database refuses it, the error names the members that caused it. */
  async function store(execute: Execute, statement: RawBuilder<Row>, contents: Assignments): Promise<QueryResult<Row>> {
    return execute(statement).catch((error: unknown) => {
      throw refusalOf(error, catalogue().refusedMembers(error, contents), WHO)
    })
  }

  const refused = async (key: string) => ({ ok: false as const, current: await read(key) })

  /** The WHERE condition for the key at this version. `undefined`: the row already has another version. */
  async function conditionOf(
    execute: Execute,
    key: string,
    expected: string,
  ): Promise<RawBuilder<unknown> | undefined> {
    const where = keys.where(key)
    const row = versions.needsRow ? await rowOf(execute, key) : undefined
    if (!where || (row && versions.versionOf(row) !== expected)) return undefined
    const isStill = versions.isStill(expected, row)
    return isStill && sql`${where} and ${isStill}`
  }

  /**
   * Changes the row if it still has the expected version. `change` resolves to `undefined` if no row matched.
   *
   * If no row matched although the row has the expected version, all is tried once more, on one connection: the read
   * may have come from a replica that lags, or the same state may have come back in between. If the row still does not
   * change, a row policy or a trigger prevents it, and always would.
   */
  async function changeIfStill<R>(
    key: string,
    expected: string,
    change: (condition: RawBuilder<unknown>, execute: Execute) => Promise<R | undefined>,
  ): Promise<R | { readonly ok: false; readonly current: ResourceState<T> | undefined }> {
    const changeOn = async (execute: Execute) => {
      const condition = await conditionOf(execute, key, expected)
      return condition && change(condition, execute)
    }
    const changed = await changeOn(executeHere)
    if (changed) return changed
    const { current } = await refused(key)
    if (current?.version !== expected) return { ok: false, current }
    return batch(async (execute) => {
      const changedNow = await changeOn(execute)
      if (changedNow) return changedNow
      const stored = await read(key, execute)
      if (stored?.version === expected)
        throw forbidden(`the database does not let this row of "${plan.table}" change`, WHO)
      return { ok: false, current: stored }
    })
  }

  /**
   * The state after a change. MySQL returns no row, and triggers may change the row after it was returned. Then it is
   * read again.
   */
  async function written(execute: Execute, key: string, row: Row | undefined, value: T, version: string | undefined) {
    const { isFinal, isDeferred, isView } = catalogue()
    if (row && isFinal) return rows.stateOf(row)
    if (isDeferred && isOurs) await execute(sql`set constraints all immediate`)
    if (!isFinal || version === undefined) return (await read(key, execute)) ?? gone(isView)
    const seen = await read(key, execute).catch(() => undefined)
    if (seen?.version === version) return seen
    // Another writer came in between, or the read failed. The change was still made, and this is its result, without
    // the date.
    return { value: JSON.parse(JSON.stringify(value)) as T, version }
  }

  /**
   * If only a read can tell the new state, the change and the read run in one transaction, before others can change the
   * row.
   */
  const changing = <R>(execute: Execute, run: (execute: Execute) => Promise<R>, isRead = false): Promise<R> =>
    execute === executeHere && (isRead || !catalogue().isFinal || (dialect === 'mysql' && versions.needsRow))
      ? batch(run)
      : run(execute)

  async function replace(key: string, value: T, expected: string): Promise<WriteResult<T>> {
    const set = values.columnsOf(value, false, catalogue())
    return changeIfStill(key, expected, async (condition, execute) => {
      const next = versions.next(expected)
      const state = await changing(execute, async (inner) => {
        const result = await store(inner, along(rows.update(condition, [...set, ...next.set])), set)
        return hasChanged(result) && written(inner, key, result.rows[0], value, next.version)
      })
      return state ? { ok: true as const, state } : undefined
    })
  }

  async function insert(key: string, value: T): Promise<WriteResult<T>> {
    const keyValues = keys.own(key)
    if (!keyValues) throw unstorable(`the key columns of "${plan.table}" cannot hold this key.`, WHO)
    const next = versions.next(null)
    const { insertsByTrigger, keepsText } = catalogue()
    const set = [...values.columnsOf(value, true, catalogue()), ...next.set]
    const isKept = keys.isKept(key, keepsText)

    const insertOn = async (execute: Execute) => {
      if (insertsByTrigger && (await rowOf(execute, key))) return { state: false as const }
      const result = await store(execute, rows.insert(set, keyValues, !insertsByTrigger), set)
      if (!hasChanged(result)) return { state: false as const }
      // Otherwise the client would be told that it created what nobody finds.
      if (!isKept && !(await rowOf(execute, key)))
        throw unstorable(`the key columns of "${plan.table}" change this key.`, WHO)
      return { state: await written(execute, key, result.rows[0], value, next.version) }
    }

    // In a transaction of PostgreSQL nothing can be read after an error.
    const mayBeTaken = dialect === 'mysql' || (insertsByTrigger && isOurs)
    for (let tries = 1; ; tries++) {
      const outcome = await changing(executeHere, insertOn, !isKept).catch(mayBeTaken ? takenOrThrow : rethrow)
      if (outcome.state) return { ok: true, state: outcome.state }
      const current = await read(key)
      if (current) return { ok: false, current }
      // Another writer created the key and removed it again, or something else is in the way: another unique index, a
      // key that a collation treats as equal, a row that a policy hides, or a trigger.
      if (tries === MOST_TRIES) throw 'taken' in outcome ? outcome.taken : await notTaken(key)
      await pause(tries, { firstMs: 1, longestMs: 256 })
    }
  }

  async function notTaken(key: string): Promise<Error> {
    const alike = keys.alike(key)
    const { rows: found } = alike ? await executeHere(rows.select(alike)) : { rows: [] }
    return found.length > 0
      ? takenByAnother(`another key of "${plan.table}" is the same for its unique index.`, WHO)
      : forbidden(`the database does not let "${plan.table}" take this row`, WHO)
  }

  async function create(value: T): Promise<{ key: string; state: ResourceState<T> }> {
    const next = versions.next(null)
    const set = [...values.columnsOf(value, true, catalogue()), ...next.set]
    return changing(executeHere, async (execute) => {
      const result = await store(execute, rows.insert(set, undefined), set)
      const [row] = result.rows
      if (!row && result.insertId === undefined) throw new TypeError(`sqlAdapter(): "${plan.table}" gave no key.`)
      const key = row ? rows.keyOf(row) : String(result.insertId)
      return { key, state: await written(execute, key, row, value, next.version) }
    })
  }

  async function remove(key: string, expected: string): Promise<RemoveResult<T>> {
    return changeIfStill(key, expected, async (condition, execute) => {
      const removal = plan.softDelete
        ? rows.update(condition, versions.next(expected).set, true)
        : rows.remove(condition)
      return hasChanged(await execute(along(removal))) ? { ok: true as const } : undefined
    })
  }

  return {
    read: (key) => read(key),
    write: (key, value, expected) => (expected === null ? insert(key, value) : replace(key, value, expected)),
    remove,
    create,
  }
}

function hasChanged({ rows, numAffectedRows = 0n }: QueryResult<unknown>): boolean {
  return rows.length > 0 || numAffectedRows > 0n
}

/**
 * MySQL has no ON CONFLICT for one index only. A read has to tell whether the key or another unique column is taken.
 */
function takenOrThrow(error: unknown): { readonly state: false; readonly taken: unknown } {
  if (recogniseStoreError(error)?.kind !== 'unique') throw error
  return { state: false, taken: error }
}

function rethrow(error: unknown): never {
  throw error
}

/** The row is not there after the change. The error rolls the change back. */
function gone(isView: boolean): never {
  if (isView) throw unstorable('a row with this value would not be in the view any more.', WHO)
  throw new TypeError(`${WHO}: a row that was just written is not there; a trigger may have removed it.`)
}
