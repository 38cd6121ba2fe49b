import { sql } from 'kysely'
import { isExact, jsonText, parseJson, shortened } from '../../../json/text'
import { isNoDay } from '../../records/stored-form'
import type { SqlDialect } from '../client'
import { unstorable } from '../faults'
import { type Fragment, type Fragments, wholeNumber } from './fragments'
import type { Row } from './versions'

export type SqlColumnType = 'plain' | 'json' | 'boolean' | 'number' | 'date' | 'text'

export interface MemberColumn {
  readonly member: string
  readonly column: string
  readonly type: SqlColumnType
}

/** What the database says of columns. */
export interface ColumnFacts {
  /** Columns that the database fills in by itself and that no statement may set. */
  readonly generated: ReadonlySet<string>
  /** Columns whose contents the driver gives and takes as arrays. */
  readonly arrays: ReadonlySet<string>
  /** Columns whose contents come back as numbers of JavaScript, texts that look like one too. Not in PostgreSQL. */
  readonly numeric: ReadonlySet<string>
}

/** How a value becomes columns and comes back. */
export interface Values {
  readonly columns: readonly string[]
  readonly selection: readonly Fragment[]
  valueOf(row: Row): unknown
  /** What to write. A member that is missing: the column's default in a new row, NULL in an old one. */
  columnsOf(value: unknown, isNew: boolean, facts: ColumnFacts): Array<readonly [column: string, content: unknown]>
}

const WHO = 'sqlAdapter()'

/** The whole value in one column of type json, jsonb or text. */
export function jsonValue(column: string, { textOf }: Fragments): Values {
  return {
    columns: [column],
    // As text: drivers parse JSON columns, some of them, and then a string looks like its own JSON.
    selection: [sql`${textOf(column)} as ${sql.ref('c0')}`],
    valueOf: ({ c0 }) => (typeof c0 === 'string' ? parseJson(c0, WHO) : null),
    columnsOf: (value) => [[column, jsonText(value, WHO)]],
  }
}

/** A member a column. `own` are the columns that the key and the scope already write. */
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
  return {
    columns: members.map(({ column }) => column),
    selection: members.map(({ column, type }, index) => sql`${contentOf[type](column)} as ${sql.ref(`c${index}`)}`),
    valueOf: (row) =>
      Object.fromEntries(
        members.map((member, index) => [member.member, fromColumn(row[`c${index}`], member, dialect)]),
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

function objectOf(value: unknown): Record<string, unknown> {
  if (value === undefined) jsonText(value, WHO)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw unstorable('a value of columns is an object.', WHO)
  return value as Record<string, unknown>
}

function toColumn(
  content: unknown,
  { member, column, type }: MemberColumn,
  dialect: SqlDialect,
  { arrays, numeric }: ColumnFacts,
): unknown {
  if (content === undefined || content === null) return null
  if (type === 'json') return jsonText(content, WHO)
  if (typeof content === 'number' && !Number.isFinite(content)) jsonText(content, WHO)
  if (type === 'date') return toDate(content, member, dialect)
  if (arrays.has(column) && type === 'plain') return toArray(content, member)
  if (!FITS[type](content)) throw unstorable(`the member ${JSON.stringify(member)} is no ${type}.`, WHO, member)
  if (content instanceof Date) return content.toJSON()
  // An object would be the text [object Object], or in some drivers a piece of SQL.
  if (typeof content === 'object')
    throw unstorable(`the member ${JSON.stringify(member)} is no text, number or boolean.`, WHO, member)
  if (type === 'number' || (type === 'plain' && (typeof content === 'number' || numeric.has(column))))
    checkNumber(content, member, dialect === 'mysql' && numeric.has(column))
  if (typeof content === 'number' && dialect === 'sqlite') return wholeNumber(content)
  return typeof content === 'boolean' && dialect !== 'postgres' ? Number(content) : content
}

const NUMBER = /^\s*[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\s*$/

/** What could be written and never be read again, or what MySQL would round to an integer without a word. */
function checkNumber(content: unknown, member: string, isInteger: boolean): void {
  if (typeof content === 'string' && !NUMBER.test(content)) return
  const number = Number(content)
  const isKept =
    Number.isFinite(number) && !isRounded(number) && (typeof content === 'number' || isExact(String(content)))
  if (!isKept) throw unstorable(`the member ${JSON.stringify(member)} is more than a number can keep.`, WHO, member)
  if (isInteger && !Number.isInteger(number))
    throw unstorable(`the member ${JSON.stringify(member)} is no integer.`, WHO, member)
}

/** The driver writes an array of JavaScript as one of PostgreSQL, and an object in it as its JSON. */
function toArray(content: unknown, member: string): readonly unknown[] {
  if (Array.isArray(content) && hasOnlyScalars(content)) return content
  throw unstorable(`the member ${JSON.stringify(member)} is no array of texts, numbers and booleans.`, WHO, member)
}

function hasOnlyScalars(items: readonly unknown[]): boolean {
  return items.every((item) => (Array.isArray(item) ? hasOnlyScalars(item) : typeof item !== 'object' || item === null))
}

/** SQLite takes anything for a boolean or a number, and others make of it what they can. */
const FITS = {
  boolean: (content: unknown) => typeof content === 'boolean',
  number: (content: unknown) =>
    typeof content === 'number' || (typeof content === 'string' && /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(content)),
  text: (content: unknown) => typeof content === 'string',
  plain: () => true,
}

function toDate(content: unknown, member: string, dialect: SqlDialect): unknown {
  if (dialect === 'postgres' && typeof content === 'string' && BEYOND_ISO.test(content)) return content
  if (typeof content !== 'string' && typeof content !== 'number' && !(content instanceof Date))
    throw unstorable(`the member ${JSON.stringify(member)} is no date.`, WHO, member)
  const date = new Date(content as string)
  if (Number.isNaN(date.getTime()) || (typeof content === 'string' && isNoDay(content)))
    throw unstorable(`the member ${JSON.stringify(member)} is no date.`, WHO, member)
  // MySQL knows no Z; its driver writes a Date as it has to be.
  if (dialect === 'mysql') return date
  return typeof content === 'string' && ISO_DATE.test(content) ? inUtc(content) : date.toJSON()
}

export function fromColumn(content: unknown, { member, type }: MemberColumn, dialect: SqlDialect): unknown {
  if (content === null || content === undefined) return null
  switch (type) {
    case 'json':
      return jsonIn(String(content), member)
    case 'text':
      if (typeof content === 'string') return content
      throw unkept(member, 'bytes, which JSON has not; leave it out')
    case 'boolean':
      return isTrue(content)
    case 'number':
      if (typeof content === 'string' && !isExact(content))
        throw unkept(member, `${shortened(content)}, more digits than a number can keep; say { type: 'plain' }`)
      return keptNumber(Number(content), member)
    case 'date':
      if (content instanceof Date && Number.isNaN(content.getTime()))
        throw unkept(member, "a date that does not exist; say { type: 'text' }")
      return content instanceof Date ? content.toJSON() : typeof content === 'string' ? inUtc(content) : content
    case 'plain':
      return fromPlain(content, member, dialect)
  }
}

/** What would come back as another thing when it is written again is refused when it is read. */
function fromPlain(content: unknown, member: string, dialect: SqlDialect): unknown {
  if (content instanceof Date) throw unkept(member, `a date; say { type: 'date' }`)
  if (typeof content === 'bigint') return Number.isSafeInteger(Number(content)) ? Number(content) : String(content)
  if (typeof content === 'number') return keptNumber(content, member)
  if (Array.isArray(content)) return content.map((item) => fromPlain(item, member, dialect))
  if (typeof content === 'object' && content !== null && !Buffer.isBuffer(content))
    throw unkept(member, "an object; say { type: 'json' } for JSON, { type: 'text' } for anything else")
  if (!Buffer.isBuffer(content)) return content
  const text = content.toString('utf8')
  // MySQL has texts that compare as bytes.
  if (dialect === 'mysql' && Buffer.from(text).equals(content)) return text
  throw unkept(member, 'bytes, which JSON has not; leave it out')
}

/** Where integers may have 64 bits, the driver may have rounded this one already. */
function keptNumber(number: number, member: string): number {
  if (!Number.isFinite(number)) throw unkept(member, `${number}, which JSON has not; say { type: 'text' }`)
  if (isRounded(number)) throw unkept(member, `about ${number}, more than a number can keep; say { type: 'text' }`)
  return number
}

function isRounded(number: number): boolean {
  return Number.isInteger(number) && !Number.isSafeInteger(number) && Math.abs(number) <= 2 ** 64
}

function unkept(member: string, what: string): TypeError {
  return new TypeError(`sqlAdapter(): the column of ${JSON.stringify(member)} holds ${what}.`)
}

/** A column of type BIT comes as a Buffer. */
export function isTrue(content: unknown): boolean {
  if (Buffer.isBuffer(content)) return content.some((byte) => byte !== 0)
  return content === true || content === 't' || Number(content) === 1
}

function jsonIn(text: string, member: string): unknown {
  try {
    return parseJson(text, WHO)
  } catch (error) {
    if (error instanceof SyntaxError) throw unkept(member, 'a text that is no JSON; leave out its type')
    throw error
  }
}

/** What PostgreSQL writes in ISO 8601 as far as it goes: years before 1 and after 9999, and no end. */
const BEYOND_ISO =
  /^(?:-?infinity|\d{4,6}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-][\d:]+)?)? BC|\d{5,6}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-][\d:]+)?)?)$/

const ISO_DATE = /^\d{4}-\d\d-\d\d(?:([T ])(\d\d:\d\d:\d\d(\.\d+)?)(Z|[+-]\d\d:\d\d)?)?$/

/** A date, or a moment in UTC, with all the digits that its second has. What has no zone is in UTC; other texts are as they are. */
function inUtc(text: string): string {
  const [, , time, fraction = '', zone = 'Z'] = ISO_DATE.exec(text) ?? []
  if (time === undefined) return text
  const date = new Date(`${text.slice(0, 10)}T${time}${zone}`)
  if (Number.isNaN(date.getTime())) return text
  return fraction.length > 4 ? date.toJSON().replace(/\.\d+/, fraction) : date.toJSON()
}
