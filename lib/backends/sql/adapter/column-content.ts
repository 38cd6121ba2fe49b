import { isExact, jsonText, parseJson, shortened } from '../../../json/text'
import { isNoDay } from '../../records/stored-form'
import type { SqlDialect } from '../client'
import { unstorable } from '../run-statement'
import { wholeNumber } from './fragments'

export type SqlColumnType = 'plain' | 'json' | 'boolean' | 'number' | 'date' | 'text'

export interface MemberColumn {
  readonly member: string
  readonly column: string
  readonly type: SqlColumnType
}

/** What the database says about the columns. */
export interface ColumnFacts {
  /** Columns that the database fills in by itself and that no statement may set. */
  readonly generated: ReadonlySet<string>
  /** Columns that the driver reads and writes as arrays. */
  readonly arrays: ReadonlySet<string>
  /** Columns that are read as numbers of JavaScript, even if a text was written. Never in PostgreSQL. */
  readonly numeric: ReadonlySet<string>
}

const WHO = 'sqlAdapter()'

/** The content of a column for a member. Refuses what the column would change. */
export function toColumn(
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
  // Drivers would write an object as the text [object Object], or even as a piece of SQL.
  if (typeof content === 'object')
    throw unstorable(`the member ${JSON.stringify(member)} is no text, number or boolean.`, WHO, member)
  if (type === 'number' || (type === 'plain' && (typeof content === 'number' || numeric.has(column))))
    checkNumber(content, member, dialect === 'mysql' && numeric.has(column))
  if (typeof content === 'number' && dialect === 'sqlite') return wholeNumber(content)
  return typeof content === 'boolean' && dialect !== 'postgres' ? Number(content) : content
}

const NUMBER = /^\s*[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\s*$/

/**
 * Refuses a number that could be written but not read back exactly, or that MySQL would silently round to an integer.
 */
function checkNumber(content: unknown, member: string, isInteger: boolean): void {
  if (typeof content === 'string' && !NUMBER.test(content)) return
  const number = Number(content)
  const isKept =
    Number.isFinite(number) && !isRounded(number) && (typeof content === 'number' || isExact(String(content)))
  if (!isKept) throw unstorable(`the member ${JSON.stringify(member)} is more than a number can keep.`, WHO, member)
  if (isInteger && !Number.isInteger(number))
    throw unstorable(`the member ${JSON.stringify(member)} is no integer.`, WHO, member)
}

/** The driver writes an array of JavaScript as an array of PostgreSQL, but an object in it as a text of JSON. */
function toArray(content: unknown, member: string): readonly unknown[] {
  if (Array.isArray(content) && hasOnlyScalars(content)) return content
  throw unstorable(`the member ${JSON.stringify(member)} is no array of texts, numbers and booleans.`, WHO, member)
}

function hasOnlyScalars(items: readonly unknown[]): boolean {
  return items.every((item) => (Array.isArray(item) ? hasOnlyScalars(item) : typeof item !== 'object' || item === null))
}

/** SQLite stores anything in a column of booleans or numbers, and other databases convert what they can. */
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
  // MySQL does not accept the Z, but its driver writes a Date correctly.
  if (dialect === 'mysql') return date
  return typeof content === 'string' && ISO_DATE.test(content) ? inUtc(content) : date.toJSON()
}

/** The member that a content of its column stands for. */
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

/** Refuses, when it is read, what would change when it is written back. */
function fromPlain(content: unknown, member: string, dialect: SqlDialect): unknown {
  if (content instanceof Date) throw unkept(member, `a date; say { type: 'date' }`)
  if (typeof content === 'bigint') return Number.isSafeInteger(Number(content)) ? Number(content) : String(content)
  if (typeof content === 'number') return keptNumber(content, member)
  if (Array.isArray(content)) return content.map((item) => fromPlain(item, member, dialect))
  if (typeof content === 'object' && content !== null && !Buffer.isBuffer(content))
    throw unkept(member, "an object; say { type: 'json' } for JSON, { type: 'text' } for anything else")
  if (!Buffer.isBuffer(content)) return content
  const text = content.toString('utf8')
  // In MySQL, the text of a column with a binary collation comes as bytes.
  if (dialect === 'mysql' && Buffer.from(text).equals(content)) return text
  throw unkept(member, 'bytes, which JSON has not; leave it out')
}

/** Refuses a number that the driver may have rounded: integers of a database can have 64 bits. */
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

/** Dates of PostgreSQL that go beyond ISO 8601: years before 1 and after 9999, and infinity. */
const BEYOND_ISO =
  /^(?:-?infinity|\d{4,6}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-][\d:]+)?)? BC|\d{5,6}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-][\d:]+)?)?)$/

const ISO_DATE = /^\d{4}-\d\d-\d\d(?:([T ])(\d\d:\d\d:\d\d(\.\d+)?)(Z|[+-]\d\d:\d\d)?)?$/

/**
 * Converts a moment to UTC, and keeps all digits of its second. A moment without a zone is in UTC. A date without a
 * time and any other text stay as they are.
 */
function inUtc(text: string): string {
  const [, , time, fraction = '', zone = 'Z'] = ISO_DATE.exec(text) ?? []
  if (time === undefined) return text
  const date = new Date(`${text.slice(0, 10)}T${time}${zone}`)
  if (Number.isNaN(date.getTime())) return text
  return fraction.length > 4 ? date.toJSON().replace(/\.\d+/, fraction) : date.toJSON()
}
