import { sql } from 'kysely'
import { jsonText } from '../../json/text'
import type { SqlDialect } from '../../sql/client'
import type { Fragment, Fragments } from './fragments'
import { unfit } from './unfit'
import type { Row } from './versions'

export type SqlColumnType = 'plain' | 'json' | 'boolean' | 'number' | 'date'

export interface MemberColumn {
  readonly member: string
  readonly column: string
  readonly type: SqlColumnType
}

/** How a value becomes columns and comes back. */
export interface Values {
  readonly columns: readonly string[]
  readonly selection: readonly Fragment[]
  valueOf(row: Row): unknown
  /** What to write. A member that is missing: the column's default in a new row, NULL in an old one. */
  columnsOf(value: unknown, isNew: boolean): Array<readonly [column: string, content: unknown]>
}

const WHO = 'sqlAdapter()'

/** The whole value in one column of type json, jsonb or text. */
export function jsonValue(column: string, { textOf }: Fragments): Values {
  return {
    columns: [column],
    // As text: drivers parse JSON columns, some of them, and then a string looks like its own JSON.
    selection: [sql`${textOf(column)} as ${sql.ref('c0')}`],
    valueOf: ({ c0 }) => (typeof c0 === 'string' ? JSON.parse(c0) : null),
    columnsOf: (value) => [[column, jsonText(value, WHO)]],
  }
}

/** A member a column. `own` are the columns that the key and the scope already write. */
export function columnValues(
  members: readonly MemberColumn[],
  own: readonly string[],
  dialect: SqlDialect,
  { textOf }: Fragments,
): Values {
  const known = new Set(members.map(({ member }) => member))
  return {
    columns: members.map(({ column }) => column),
    selection: members.map(({ column, type }, index) => {
      const content = type === 'json' ? textOf(column) : sql.ref(column)
      return sql`${content} as ${sql.ref(`c${index}`)}`
    }),
    valueOf: (row) =>
      Object.fromEntries(members.map(({ member, type }, index) => [member, fromColumn(row[`c${index}`], type)])),
    columnsOf(value, isNew) {
      const object = objectOf(value)
      const stranger = Object.keys(object).find((name) => object[name] !== undefined && !known.has(name))
      if (stranger !== undefined) throw unfit(`no column is named for the member ${JSON.stringify(stranger)}.`)
      return members
        .filter(({ member, column }) => !own.includes(column) && !(isNew && object[member] === undefined))
        .map(({ member, column, type }) => [column, toColumn(object[member], type, member, dialect)])
    },
  }
}

function objectOf(value: unknown): Record<string, unknown> {
  if (value === undefined) jsonText(value, WHO)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw unfit('a value of columns is an object.')
  return value as Record<string, unknown>
}

function toColumn(content: unknown, type: SqlColumnType, member: string, dialect: SqlDialect): unknown {
  if (content === undefined || content === null) return null
  if (type === 'json') return jsonText(content, WHO)
  if (typeof content === 'number' && !Number.isFinite(content)) jsonText(content, WHO)
  if (type === 'date') return toDate(content, member, dialect)
  if (content instanceof Date) return content.toJSON()
  // An object would be the text [object Object], or in some drivers a piece of SQL.
  if (typeof content === 'object') throw unfit(`the member ${JSON.stringify(member)} is no text, number or boolean.`)
  return typeof content === 'boolean' && dialect !== 'postgres' ? Number(content) : content
}

function toDate(content: unknown, member: string, dialect: SqlDialect): unknown {
  const date = new Date(content as string)
  if (Number.isNaN(date.getTime())) throw unfit(`the member ${JSON.stringify(member)} is no date.`)
  // MySQL knows no Z; its driver writes a Date as it has to be.
  return dialect === 'mysql' ? date : date.toJSON()
}

function fromColumn(content: unknown, type: SqlColumnType): unknown {
  if (content === null || content === undefined) return null
  if (type === 'json') return JSON.parse(String(content))
  if (type === 'boolean') return content === true || content === 't' || Number(content) === 1
  if (type === 'number') return Number(content)
  if (content instanceof Date) return content.toJSON()
  if (typeof content === 'bigint') return Number.isSafeInteger(Number(content)) ? Number(content) : String(content)
  return Buffer.isBuffer(content) ? content.toString('utf8') : content
}
