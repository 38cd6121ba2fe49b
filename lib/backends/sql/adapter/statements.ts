import { type RawBuilder, sql } from 'kysely'
import type { ResourceState } from '../../../contracts/adapter'
import type { SqlDialect } from '../client'
import { isTrue } from './column-content'
import { type Fragment, fragmentsOf, settledText, strictVerbs, wholeNumber } from './fragments'
import { keysOf } from './keys'
import type { TablePlan } from './plan'
import { columnValues, jsonValue, type Values } from './values'
import { columnVersions, hashVersions, type Row, type Versions } from './versions'

type Statement = RawBuilder<Row>

const NOTHING = sql.raw('')
const RETURNING_ONE = sql.raw(' returning 1 as removed')

type Condition = RawBuilder<unknown>
export type Assignments = ReadonlyArray<readonly [column: string, content: unknown]>

/** Builds the statements of a plan, and reads their rows. Nothing here talks to a database. */
export function rowsOf<T>(plan: TablePlan, dialect: SqlDialect, now: () => number) {
  const fragments = fragmentsOf(dialect)
  const keys = keysOf(
    { columns: plan.key, types: plan.keyTypes, separator: plan.keySeparator, scope: plan.scope },
    fragments,
  )
  const values: Values =
    plan.json === undefined
      ? columnValues(plan.members, keys.columns, dialect, fragments)
      : jsonValue(plan.json, fragments)
  const { lastModified, softDelete } = plan
  const scope = plan.scope.map(
    ([column, value]) =>
      [column, dialect === 'sqlite' && typeof value === 'number' ? wholeNumber(value) : value] as const,
  )
  const marks = [lastModified?.column, softDelete?.column].filter((column) => column !== undefined)
  const versions: Versions = plan.version
    ? columnVersions(plan.version.column, plan.version.type, fragments)
    : hashVersions([...new Set([...values.columns, ...marks])], fragments)

  const { nameOf } = fragments
  const verb = strictVerbs(dialect)
  const table = settledText(sql.table(plan.table), dialect)
  const columns = sql.join([
    ...values.selection,
    ...versions.selection,
    ...(lastModified ? [sql`${sql.ref(lastModified.column)} as ${sql.ref('modified')}`] : []),
    ...(softDelete ? [sql`${sql.ref(softDelete.column)} as ${sql.ref('deleted')}`] : []),
  ])
  const keyColumns = plan.key.map((column, index) => sql`${fragments.textOf(column)} as ${sql.ref(`k${index}`)}`)
  const selection = settledText(columns, dialect)
  const returning = dialect === 'mysql' ? NOTHING : settledText(sql` returning ${selection}`, dialect)
  const returningKey = dialect === 'mysql' ? NOTHING : settledText(sql`${returning}, ${sql.join(keyColumns)}`, dialect)
  const unlessTaken =
    dialect === 'mysql'
      ? NOTHING
      : settledText(sql` on conflict (${sql.join(keys.columns.map((column) => sql.ref(column)))}) do nothing`, dialect)
  const forUpdate = dialect === 'sqlite' ? NOTHING : sql.raw(' for update')

  function moment(type: 'date' | 'ms', ms: number): unknown {
    if (type === 'ms') return Math.floor(ms)
    return dialect === 'sqlite' ? new Date(ms).toJSON() : new Date(ms)
  }

  return {
    keys,
    versions,
    values,

    stateOf(row: Row): ResourceState<T> {
      const value = values.valueOf(row) as T
      const version = versions.versionOf(row)
      const state = lastModified ? { value, version, lastModified: dateOf(row.modified) } : { value, version }
      return softDelete && isSet(row.deleted) ? { ...state, gone: true } : state
    },

    /** The key that the database generated for a row. */
    keyOf: (row: Row): string => plan.key.map((_, index) => String(row[`k${index}`])).join(plan.keySeparator),

    /** SQLite has no locks on rows: a transaction that has begun to write holds the whole database. */
    select: (where: Condition, locks = false): Statement =>
      sql<Row>`select ${selection} from ${table} where ${where}${locks ? forUpdate : NOTHING}`,

    /** With `isGone`, the row becomes a tombstone and keeps its value. */
    update(where: Condition, set: Assignments, isGone = false): Statement {
      const ms = now()
      const all = [
        ...set,
        ...(lastModified ? [[lastModified.column, later(lastModified, ms)] as const] : []),
        ...(softDelete
          ? [[softDelete.column, isGone ? goneMark(softDelete.type, ms) : aliveMark(softDelete.type)] as const]
          : []),
      ]
      // Assignments see the row as it was before the statement. In MySQL they see earlier assignments, but none of
      // these refers to another column.
      const assigned = sql.join(all.map(([column, content]) => sql`${nameOf(column)} = ${content}`))
      return sql<Row>`${verb.update} ${table} set ${assigned} where ${where}${returning}`
    },

    /**
     * Without `keyValues`, the database generates the key. If the key is taken, MySQL raises an error, and the others
     * insert nothing.
     */
    insert(set: Assignments, keyValues: readonly unknown[] | undefined, mayBeTaken = true): Statement {
      const ms = now()
      const given: Assignments = keyValues
        ? [...scope, ...plan.key.map((column, index) => [column, keyValues[index]] as const)]
        : scope
      const all = [
        ...given,
        ...set,
        ...(lastModified ? [[lastModified.column, moment(lastModified.type, ms)] as const] : []),
        ...(softDelete ? [[softDelete.column, aliveMark(softDelete.type)] as const] : []),
      ]
      const names = sql.join(all.map(([column]) => nameOf(column)))
      const contents = sql.join(all.map(([, content]) => sql`${content}`))
      return sql<Row>`${verb.insert} into ${table} (${names}) values (${contents})${keyValues && mayBeTaken ? unlessTaken : NOTHING}${keyValues ? returning : returningKey}`
    },

    remove: (where: Condition): Statement =>
      sql<Row>`delete from ${table} where ${where}${dialect === 'mysql' ? NOTHING : RETURNING_ONE}`,
  }

  function later({ column, type }: NonNullable<TablePlan['lastModified']>, ms: number): Fragment {
    return fragments.later(column, type, moment(type, ms), moment(type, Math.floor(ms / 1000) * 1000))
  }

  function goneMark(type: 'date' | 'boolean', ms: number): unknown {
    return type === 'date' ? moment('date', ms) : dialect === 'postgres' ? true : 1
  }

  function aliveMark(type: 'date' | 'boolean'): unknown {
    return type === 'date' ? null : dialect === 'postgres' ? false : 0
  }
}

function isSet(mark: unknown): boolean {
  if (mark === null || mark === undefined || mark === false) return false
  return Buffer.isBuffer(mark) ? isTrue(mark) : Number(mark) !== 0
}

/** Date texts that SQLite makes have neither a T nor a Z, and are in UTC. */
function dateOf(content: unknown): Date | undefined {
  if (content === null || content === undefined) return undefined
  if (content instanceof Date) return content
  const text = String(content)
  if (/^-?\d+$/.test(text)) return new Date(Number(text))
  return new Date(/^[\d-]+ [\d:.]+$/.test(text) ? `${text.replace(' ', 'T')}Z` : text)
}
