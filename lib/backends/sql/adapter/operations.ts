import { type QueryResult, type RawBuilder, sql } from 'kysely'
import { recogniseStoreError } from '../../../conflicts/store-errors'
import type { RemoveResult, ResourceState, WriteResult } from '../../../contracts/adapter'
import { pause } from '../../../timing/pause'
import type { Execute, SqlDialect } from '../client'
import { forbidden, MOST_TRIES, refusalOf, takenByAnother, unstorable } from '../faults'
import type { Catalogue } from './catalogue/catalogue'
import type { TablePlan } from './plan'
import type { Assignments, rowsOf } from './rows'
import type { Row } from './versions'

/** Where statements run: on any connection of a pool, or on the one of a transaction. */
export interface Connection {
  readonly execute: Execute
  /** Runs several on one connection, all or none. What was read with a lock cannot change before it ends. */
  batch<R>(run: (execute: Execute) => Promise<R>): Promise<R>
  /** A read locks the row. */
  readonly locks: boolean
  /** No transaction of the app's: what waits for the end of it may be asked to hurry. */
  readonly isOurs: boolean
  /** What is changed with a row, in the same statement. */
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

  /** Runs an INSERT or UPDATE of the value. What the database refuses is told with the members that it is about. */
  async function store(execute: Execute, statement: RawBuilder<Row>, contents: Assignments): Promise<QueryResult<Row>> {
    return execute(statement).catch((error: unknown) => {
      throw refusalOf(error, catalogue().refusedMembers(error, contents), WHO)
    })
  }

  const refused = async (key: string) => ({ ok: false as const, current: await read(key) })

  /** The row of the key, as long as it has this version. `undefined`: it has another one already. */
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
   * Changes the row if it still has the expected version. `change` gives nothing where no row matched.
   *
   * A row that has the expected version and is not changed all the same is looked at once more, on one connection: the
   * read may have come from a replica that lags, and a state may have come back in between. If it is still so, a row
   * policy or a trigger keeps the row as it is, and would do so for ever.
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

  /** What a change made of the row. MySQL gives no row back, and triggers change it after it was given: then it is read. */
  async function written(execute: Execute, key: string, row: Row | undefined, value: T, version: string | undefined) {
    const { isFinal, isDeferred, isView } = catalogue()
    if (row && isFinal) return rows.stateOf(row)
    if (isDeferred && isOurs) await execute(sql`set constraints all immediate`)
    if (!isFinal || version === undefined) return (await read(key, execute)) ?? gone(isView)
    const seen = await read(key).catch(() => undefined)
    if (seen?.version === version) return seen
    // Another writer came in between, or the read failed. The change was made all the same, and this is the result,
    // without its date.
    return { value: JSON.parse(JSON.stringify(value)) as T, version }
  }

  /** Where only a read tells what a change made of the row, it has to come before others may change it again. */
  const changing = <R>(execute: Execute, run: (execute: Execute) => Promise<R>): Promise<R> =>
    execute === executeHere && (!catalogue().isFinal || (dialect === 'mysql' && versions.needsRow))
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
    const set = [...values.columnsOf(value, true, catalogue()), ...next.set]
    for (let tries = 1; ; tries++) {
      const outcome = await changing(executeHere, async (execute) => {
        const result = await store(execute, rows.insert(set, keyValues), set)
        return {
          state: hasChanged(result) && (await written(execute, key, result.rows[0], value, next.version)),
        }
      }).catch(dialect === 'mysql' ? takenOrThrow : rethrow)
      if (outcome.state) return { ok: true, state: outcome.state }
      const current = await read(key)
      if (current) return { ok: false, current }
      // Another writer made the key and removed it again; or another unique index is in the way, a row whose key a
      // collation takes for this one, a row that a policy hides, or a trigger.
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

/** MySQL has no ON CONFLICT for one index alone: what is taken, the key or another column, a read has to tell. */
function takenOrThrow(error: unknown): { readonly state: false; readonly taken: unknown } {
  if (recogniseStoreError(error)?.kind !== 'unique') throw error
  return { state: false, taken: error }
}

function rethrow(error: unknown): never {
  throw error
}

/** What was written is taken back. */
function gone(isView: boolean): never {
  if (isView) throw unstorable('a row with this value would not be in the view any more.', WHO)
  throw new TypeError(`${WHO}: a row that was just written is not there; a trigger may have removed it.`)
}
