import { sql } from 'kysely'
import { jsonText, parseJson } from '../../../json/text'
import type { SqlDialect } from '../client'
import { unstorable } from '../run-statement'
import { type ColumnFacts, fromColumn, type MemberColumn, toColumn } from './column-content'
import type { Fragment, Fragments } from './fragments'
import type { Row } from './versions'

const WHO = 'sqlAdapter()'

/** How a value is written to columns and read back. */
export interface Values {
  readonly columns: readonly string[]
  readonly selection: readonly Fragment[]
  valueOf(row: Row): unknown
  /** What to write. A missing member gets the column's default in a new row, and NULL in an existing one. */
  columnsOf(value: unknown, isNew: boolean, facts: ColumnFacts): Array<readonly [column: string, content: unknown]>
}

/** The whole value in one column of type json, jsonb or text. */
export function jsonValue(column: string, { textOf }: Fragments): Values {
  return {
    columns: [column],
    // Read as text: some drivers parse columns of JSON, and then a string cannot be told from its own JSON.
    selection: [sql`${textOf(column)} as ${sql.ref('c0')}`],
    valueOf: ({ c0 }) => (typeof c0 === 'string' ? parseJson(c0, WHO) : null),
    columnsOf: (value) => [[column, jsonText(value, WHO)]],
  }
}

/** One column for each member. `own`: the columns that the key and the scope already write. */
export function columnValues(
  members: readonly MemberColumn[],
  own: readonly string[],
  dialect: SqlDialect,
  { textOf, exactTextOf, numberOf, dateOf, nameOf, nullIn }: Fragments,
): Values {
  const contentOf = {
    plain: nameOf,
    boolean: nameOf,
    number: numberOf,
    json: textOf,
    date: dateOf,
    text: exactTextOf,
  }
  const known = new Set(members.map(({ member }) => member))
  const isChecked = (type: MemberColumn['type']) => dialect === 'mysql' && type === 'date'
  return {
    columns: members.map(({ column }) => column),
    selection: members.flatMap(({ column, type }, index) => [
      sql`${contentOf[type](column)} as ${sql.ref(`c${index}`)}`,
      ...(isChecked(type) ? [sql`${noDateIn(nameOf(column))} as ${sql.ref(`z${index}`)}`] : []),
    ]),
    valueOf: (row) =>
      Object.fromEntries(
        members.map((member, index) => {
          const isNoDate = isChecked(member.type) && Number(row[`z${index}`]) === 1
          return [member.member, fromColumn(isNoDate ? NO_DATE : row[`c${index}`], member, dialect)]
        }),
      ),
    columnsOf(value, isNew, facts) {
      const { generated } = facts
      const object = objectOf(value)
      const stranger = Object.keys(object).find((name) => object[name] !== undefined && !known.has(name))
      if (stranger !== undefined)
        throw unstorable(`no column is named for the member ${JSON.stringify(stranger)}.`, WHO, stranger)
      return members
        .filter(
          ({ member, column }) =>
            !own.includes(column) && !generated.has(column) && !(isNew && object[member] === undefined),
        )
        .map((named) => {
          const content = toColumn(object[named.member], named, dialect, facts)
          const keepsNull = content === null && named.type === 'json' && !isNew
          return [named.column, keepsNull ? nullIn(named.column) : content]
        })
    },
  }
}

const NO_DATE = new Date(Number.NaN)

/** mysql2 takes 0000-00-00 for a day of 1899, and the year 50 for 1950. */
const noDateIn = (column: Fragment) => sql`(dayofmonth(${column}) = 0 or month(${column}) = 0 or year(${column}) < 100)`

function objectOf(value: unknown): Record<string, unknown> {
  if (value === undefined) jsonText(value, WHO)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw unstorable('a value of columns is an object.', WHO)
  return value as Record<string, unknown>
}
