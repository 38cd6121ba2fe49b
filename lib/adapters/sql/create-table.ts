import { type RawBuilder, sql } from 'kysely'
import type { SqlDialect } from '../../sql/client'
import { compiled } from '../../sql/compiled'
import type { SqlKeyType } from './keys'
import type { SqlTable } from './options'
import { planOf, type TablePlan } from './plan'

/** A type, and what a column that is added gives to the rows that are there. */
interface ColumnTypes {
  key(type: SqlKeyType, isOneOfSeveral: boolean): string
  scope(value: string | number): string
  readonly json: string
  readonly version: Readonly<Record<'text' | 'bigint' | 'integer', readonly [type: string, added: string]>>
  readonly date: string
  readonly addedDate: string
}

const postgres: ColumnTypes = {
  key: (type) => ({ text: 'text', integer: 'bigint', uuid: 'uuid', sha256: 'char(64)' })[type],
  scope: (value) => (typeof value === 'number' ? 'bigint' : 'text'),
  // Not jsonb: it refuses the NUL that a JSON string may hold.
  json: 'json',
  version: {
    text: ['text', 'gen_random_uuid()::text'],
    bigint: ['bigint', '(extract(epoch from clock_timestamp()) * 1000000)::bigint'],
    integer: ['integer', '1'],
  },
  date: 'timestamptz(3)',
  addedDate: 'not null default current_timestamp',
}

const mysql: ColumnTypes = {
  // Bytes: the default collations take abc, ABC and Ábc for one key.
  key: (type, isOneOfSeveral) =>
    ({
      text: `varbinary(${isOneOfSeveral ? 255 : 1024})`,
      integer: 'bigint',
      uuid: 'varbinary(36)',
      sha256: 'varbinary(64)',
    })[type],
  scope: (value) => (typeof value === 'number' ? 'bigint' : 'varbinary(255)'),
  json: 'longtext character set utf8mb4',
  version: {
    text: ['varchar(40) character set ascii collate ascii_bin', '(uuid())'],
    bigint: ['bigint', '(floor(unix_timestamp(now(6)) * 1000000))'],
    integer: ['integer', '1'],
  },
  date: 'datetime(3)',
  addedDate: 'not null default current_timestamp(3)',
}

/** It adds no column whose default is not a constant. */
const sqlite: ColumnTypes = {
  key: (type) => (type === 'integer' ? 'integer' : 'text'),
  scope: (value) => (typeof value === 'number' ? 'integer' : 'text'),
  json: 'text',
  version: { text: ['text', "'0'"], bigint: ['integer', '0'], integer: ['integer', '1'] },
  date: 'text',
  addedDate: '',
}

const TYPES = { postgres, mysql, sqlite }

/** The statements that make the table of an adapter which keeps its values as JSON. */
export function createTableStatements(dialect: SqlDialect, options: SqlTable): string[] {
  const plan = planOf(options, 'createTableStatements()')
  const types = TYPES[dialect]
  const { json, key, keyTypes, scope } = plan
  if (json === undefined)
    throw new TypeError(
      'createTableStatements(): the types of columns are not known; give json, or use addColumnStatements().',
    )
  const keys = [...scope.map(([column]) => column), ...key]
  const lines = [
    ...scope.map(([column, value]) => line(column, `${types.scope(value)} not null`)),
    ...key.map((column, index) => line(column, `${types.key(keyTypes[index] ?? 'text', keys.length > 1)} not null`)),
    line(json, `${types.json} not null`),
    ...marksOf(plan, types).map(({ column, type, isRequired }) => line(column, isRequired ? `${type} not null` : type)),
    sql`primary key (${sql.join(keys.map((column) => sql.ref(column)))})`,
  ]
  return [compiled(sql`create table if not exists ${sql.table(plan.table)} (${sql.join(lines)})`, dialect)]
}

/**
 * The statements that add what a table lacks: the columns of version, date and removal that are not among `existing`.
 *
 * In PostgreSQL and MySQL rows that others insert get a version of their own. In SQLite they begin at '0', so there a
 * row has to be removed and made again through the adapter.
 */
export function addColumnStatements(dialect: SqlDialect, options: SqlTable, existing: readonly string[]): string[] {
  const plan = planOf(options, 'addColumnStatements()')
  return marksOf(plan, TYPES[dialect])
    .filter(({ column }) => !existing.includes(column))
    .map(({ column, type, added }) =>
      compiled(
        sql`alter table ${sql.table(plan.table)} add column ${line(column, `${type} ${added}`.trim())}`,
        dialect,
      ),
    )
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
