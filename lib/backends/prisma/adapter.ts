import { recogniseStoreError } from '../../conflicts/store-errors'
import type { RemoveResult, ResourceAdapter, ResourceState, WriteResult } from '../../contracts/adapter'
import { laterDate } from '../../timing/later-date'
import { forbidden, MOST_TRIES, refusalOf, retried, unstorable } from '../sql/run-statement'
import { type PrismaAdapterOptions, prismaPlan } from './options'
import { refusedMembers } from './refused-members'
import { nextVersions, type Row, rowsOf } from './rows'

const WHO = 'prismaAdapter()'

/** A `ResourceAdapter` that always has `write` and `remove`. */
export interface PrismaAdapter<T> extends ResourceAdapter<T> {
  readonly write: NonNullable<ResourceAdapter<T>['write']>
  readonly remove: NonNullable<ResourceAdapter<T>['remove']>
}

/**
 * Keeps resources in a model of Prisma. A write is one `updateMany` whose `where` names the version, so the database
 * decides races. For a creation that came second, Prisma reports P2002.
 */
export function prismaAdapter<T>(options: PrismaAdapterOptions): PrismaAdapter<T> {
  const plan = prismaPlan(options)
  const { model, key: keyField, version, lastModified, softDelete, now } = plan
  const rows = rowsOf<T>(plan)
  const following = nextVersions(version.type)

  async function rowOf(key: string): Promise<Row | undefined> {
    const id = rows.keyOf(key)
    if (id === undefined) return undefined
    const row = await model.findUnique({ where: { [keyField]: id } })
    // A collation may treat another key as equal to this one.
    return row && row[keyField] === id ? row : undefined
  }

  async function read(key: string): Promise<ResourceState<T> | undefined> {
    const row = await rowOf(key)
    return row && rows.stateOf(row)
  }

  const refused = async (key: string) => ({ ok: false as const, current: await read(key) })

  /**
   * If a row with the expected version stays unchanged twice, a row policy protects it, and always will. Once is no
   * proof: the read may have come from a replica that lags.
   */
  async function changeIfStill<R>(key: string, expected: string, change: () => Promise<R | undefined>) {
    for (let tries = 1; ; tries++) {
      const changed = await change()
      if (changed) return changed
      const { current } = await refused(key)
      if (current?.version !== expected) return { ok: false as const, current }
      if (tries === 2) throw forbidden('the database does not let this row change', WHO)
    }
  }

  /** The `where` for the key at this version. `undefined`: no row can match. */
  function conditionOf(key: string, expected: string): Row | undefined {
    const id = rows.keyOf(key)
    const stored = rows.versionOf(expected)
    return id === undefined || stored === undefined ? undefined : { [keyField]: id, [version.field]: stored }
  }

  async function hasChanged(where: Row, data: Row): Promise<boolean> {
    return (await model.updateMany({ where, data })).count > 0
  }

  /**
   * Changes the row and sets its date. This takes one statement, unless the row already has the clock's second or a
   * later one.
   */
  async function changed(key: string, where: Row, expected: string, data: Row): Promise<boolean> {
    if (lastModified === undefined) return hasChanged(where, data)
    const at = now()
    const secondBefore = new Date(Math.floor(at / 1000) * 1000 - 1)
    const dated = { ...data, [lastModified]: new Date(at) }
    if (await hasChanged({ ...where, [lastModified]: { lte: secondBefore } }, dated)) return true
    const row = await rowOf(key)
    const state = row && rows.stateOf(row)
    if (state?.version !== expected) return false
    return hasChanged(where, { ...data, [lastModified]: new Date(laterDate(state.lastModified?.getTime(), at)) })
  }

  async function replace(key: string, value: T, expected: string): Promise<WriteResult<T>> {
    const data = rows.dataOf(value, false)
    const where = conditionOf(key, expected)
    if (!where) return refused(key)
    const next = following(expected)
    const alive = softDelete === undefined ? {} : { [softDelete]: null }
    return changeIfStill(key, expected, async () => {
      const isDone = await changed(key, where, expected, { ...data, ...alive, [version.field]: next })
      if (!isDone) return undefined
      const seen = await read(key).catch(() => undefined)
      if (seen?.version === String(next)) return { ok: true as const, state: seen }
      // Another writer came in between, or the read failed. The change was still made, and this is its result, without
      // the date.
      return { ok: true as const, state: { value: JSON.parse(JSON.stringify(value)) as T, version: String(next) } }
    })
  }

  function newRow(value: T): Row {
    const dated = lastModified === undefined ? {} : { [lastModified]: new Date(now()) }
    return { ...rows.dataOf(value, true), ...dated, [version.field]: following(null) }
  }

  async function insert(key: string, value: T): Promise<WriteResult<T>> {
    const id = rows.keyOf(key)
    if (id === undefined) throw unstorable(`the field "${keyField}" cannot hold this key.`, WHO)
    const data = { ...newRow(value), [keyField]: id }
    for (let tries = 1; ; tries++) {
      try {
        const row = await model.create({ data })
        if (row[keyField] === id) return { ok: true, state: rows.stateOf(row) }
        // A column such as CHAR(8) made another key of it, which no read of this key finds.
        await model.deleteMany({ where: { [keyField]: row[keyField], [version.field]: data[version.field] } })
        throw unstorable(`the field "${keyField}" changes this key.`, WHO)
      } catch (error) {
        if (recogniseStoreError(error)?.kind !== 'unique') throw error
        const current = await read(key)
        if (current) return { ok: false, current }
        // Another client created the key and removed it again, or the conflict was about another unique field.
        if (tries === MOST_TRIES) throw error
      }
    }
  }

  async function create(value: T): Promise<{ key: string; state: ResourceState<T> }> {
    const row = await model.create({ data: newRow(value) })
    return { key: String(row[keyField]), state: rows.stateOf(row) }
  }

  async function remove(key: string, expected: string): Promise<RemoveResult<T>> {
    const where = conditionOf(key, expected)
    if (!where) return refused(key)
    return changeIfStill(key, expected, async () => {
      const isDone =
        softDelete === undefined
          ? (await model.deleteMany({ where })).count > 0
          : await changed(key, where, expected, { [softDelete]: new Date(now()), [version.field]: following(expected) })
      return isDone ? { ok: true as const } : undefined
    })
  }

  const asked = <R>(run: () => Promise<R>) => retried(run, WHO)
  /** If Prisma refuses the value, the error names the members that caused it. */
  const told = <R>(writing: Promise<R>) =>
    writing.catch((error: unknown): never => {
      throw refusalOf(error, refusedMembers(error, plan), WHO)
    })
  return {
    read: (key) => asked(() => read(key)),
    write: (key, value, expected) =>
      asked(() => told(expected === null ? insert(key, value) : replace(key, value, expected))),
    remove: (key, expected) => asked(() => remove(key, expected)),
    ...(plan.generatedKeys && { create: (value: T) => asked(() => told(create(value))) }),
  }
}
