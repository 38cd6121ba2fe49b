import { type RawBuilder, sql } from 'kysely'
import { compiled, type SqlDialect } from '../client'
import { checkDialect } from '../database'
import type { SqlKeyType } from './keys'
import type { SqlTable } from './options'
import { planOf, type TablePlan } from './plan'

/** The statements that create the table of an adapter that keeps its values as JSON (`json`). */
export function createTableStatements(dialect: SqlDialect, options: SqlTable): string[] {
  checkDialect(dialect, 'createTableStatements()')
  const plan = planOf(options, 'createTableStatements()')
  const types = TYPES[dialect]
  const { json } = plan
  if (json === undefined)
    throw new TypeError(
      'createTableStatements(): the types of columns are not known; give json, or use addColumnStatements().',
    )
  const lines = [
    ...keyLines(plan, types, keyColumnsOf(plan).length > 1 ? 255 : 1024),
    line(json, `${types.json} not null`),
    ...marksOf(plan, types).map(({ column, type, isRequired }) => line(column, isRequired ? `${type} not null` : type)),
    primaryKey(keyColumnsOf(plan)),
  ]
  return [
    compiled(sql`create table if not exists ${sql.table(plan.table)} (${sql.join(lines)})`, dialect),
    ...historyTable(plan, dialect),
  ]
}

/** The table of the history. It keeps values as JSON, whatever columns they come from. */
function historyTable(plan: TablePlan, dialect: SqlDialect): string[] {
  if (!plan.history) return []
  const types = TYPES[dialect]
  const lines = [
    ...keyLines(plan, types, mostBytesIn(plan)),
    line('version', `${types.anyVersion} not null`),
    line('value', `${types.json} not null`),
    line('modified_ms', 'bigint'),
    line('gone', 'boolean not null'),
    line('position', 'bigint not null'),
    primaryKey([...keyColumnsOf(plan), 'version']),
  ]
  return [compiled(sql`create table if not exists ${sql.table(plan.history.table)} (${sql.join(lines)})`, dialect)]
}

/**
 * The longest key that an index of MySQL allows: an existing table may have longer keys than one that is created here.
 */
function mostBytesIn({ scope, keyTypes }: TablePlan): number {
  const texts = keyTypes.filter((type) => type === 'text').length
  return Math.floor((2700 - 255 * scope.length) / Math.max(texts, 1))
}

function keyColumnsOf({ scope, key }: TablePlan): string[] {
  return [...scope.map(([column]) => column), ...key]
}

function keyLines(plan: TablePlan, types: ColumnTypes, mostBytes: number): RawBuilder<unknown>[] {
  return [
    ...plan.scope.map(([column, value]) => line(column, `${types.scope(value)} not null`)),
    ...plan.key.map((column, index) =>
      line(column, `${types.key(plan.keyTypes[index] ?? 'text', mostBytes)} not null`),
    ),
  ]
}

function primaryKey(columns: readonly string[]): RawBuilder<unknown> {
  return sql`primary key (${sql.join(columns.map((column) => sql.ref(column)))})`
}

/**
 * The statements that add what a table lacks: the columns of version, date and removal that are not among `existing`,
 * and the table of its history.
 *
 * In PostgreSQL and MySQL, rows that others insert get a version of their own. In SQLite they begin at '0', so there a
 * row must be removed and created again through the adapter.
 */
export function addColumnStatements(dialect: SqlDialect, options: SqlTable, existing: readonly string[]): string[] {
  checkDialect(dialect, 'addColumnStatements()')
  const plan = planOf(options, 'addColumnStatements()')
  if (!Array.isArray(existing))
    throw new TypeError('addColumnStatements(): existing is missing; give the names of the columns that are there.')
  const columns = marksOf(plan, TYPES[dialect])
    .filter(({ column }) => !existing.includes(column))
    .map(({ column, type, added }) =>
      compiled(
        sql`alter table ${sql.table(plan.table)} add column ${line(column, `${type} ${added}`.trim())}`,
        dialect,
      ),
    )
  return [...columns, ...historyTable(plan, dialect)]
}

interface Mark {
  readonly column: string
  readonly type: string
  readonly isRequired: boolean
  readonly added: string
}

function marksOf({ version, lastModified, softDelete }: TablePlan, types: ColumnTypes): Mark[] {
  const marks: Mark[] = []
  if (version) {
    const [type, added] = types.version[version.type]
    marks.push({ column: version.column, type, isRequired: true, added: `not null default ${added}` })
  }
  if (lastModified?.type === 'date')
    marks.push({ column: lastModified.column, type: types.date, isRequired: true, added: types.addedDate })
  if (lastModified?.type === 'ms')
    marks.push({ column: lastModified.column, type: 'bigint', isRequired: true, added: '' })
  if (softDelete?.type === 'date')
    marks.push({ column: softDelete.column, type: types.date, isRequired: false, added: '' })
  if (softDelete?.type === 'boolean')
    marks.push({ column: softDelete.column, type: 'boolean', isRequired: true, added: 'not null default false' })
  return marks
}

/** The words are constants of this file; the name is quoted. */
function line(column: string, words: string): RawBuilder<unknown> {
  return sql`${sql.ref(column)} ${sql.raw(words)}`
}

/** The types of a dialect, and the defaults that added columns give to existing rows. */
interface ColumnTypes {
  /** `mostBytes`: how long a text in an index may be, for dialects that have to be told. */
  key(type: SqlKeyType, mostBytes: number): string
  scope(value: string | number): string
  readonly json: string
  /** For versions of any type, as text. */
  readonly anyVersion: string
  readonly version: Readonly<Record<'text' | 'bigint' | 'integer', readonly [type: string, added: string]>>
  readonly date: string
  readonly addedDate: string
}

const postgres: ColumnTypes = {
  key: (type) => ({ text: 'text', integer: 'bigint', uuid: 'uuid', sha256: 'char(64)' })[type],
  scope: (value) => (typeof value === 'number' ? 'bigint' : 'text'),
  // Not jsonb: it refuses the NUL that a JSON string may hold.
  json: 'json',
  anyVersion: 'text',
  version: {
    text: ['text', 'gen_random_uuid()::text'],
    bigint: ['bigint', '(extract(epoch from clock_timestamp()) * 1000000)::bigint'],
    integer: ['integer', '1'],
  },
  date: 'timestamptz(3)',
  addedDate: 'not null default current_timestamp',
}

const mysql: ColumnTypes = {
  // Bytes, because the default collations treat abc, ABC and Ábc as one key.
  key: (type, mostBytes) =>
    ({
      text: `varbinary(${mostBytes})`,
      integer: 'bigint',
      uuid: 'varbinary(36)',
      sha256: 'varbinary(64)',
    })[type],
  scope: (value) => (typeof value === 'number' ? 'bigint' : 'varbinary(255)'),
  json: 'longtext character set utf8mb4',
  anyVersion: 'varbinary(255)',
  version: {
    text: ['varchar(40) character set ascii collate ascii_bin', '(uuid())'],
    bigint: ['bigint', '(floor(unix_timestamp(now(6)) * 1000000))'],
    integer: ['integer', '1'],
  },
  date: 'datetime(3)',
  addedDate: 'not null default current_timestamp(3)',
}

/** SQLite adds a column only if its default is a constant. */
const sqlite: ColumnTypes = {
  key: (type) => (type === 'integer' ? 'integer' : 'text'),
  scope: (value) => (typeof value === 'number' ? 'integer' : 'text'),
  json: 'text',
  anyVersion: 'text',
  version: { text: ['text', "'0'"], bigint: ['integer', '0'], integer: ['integer', '1'] },
  date: 'text',
  addedDate: '',
}

const TYPES: Readonly<Record<SqlDialect, ColumnTypes>> = { postgres, mysql, sqlite }
