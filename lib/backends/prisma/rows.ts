import { randomInt, randomUUID } from 'node:crypto'
import type { ResourceState } from '../../contracts/adapter'
import { isExact, jsonText, parseJson } from '../../json/text'
import { isNoDay, storableText } from '../records/stored-form'
import { unstorable } from '../sql/run-statement'
import type { PrismaField, PrismaPlan, PrismaVersionType } from './options'

export type Row = Readonly<Record<string, unknown>>

const WHO = 'prismaAdapter()'

/** Builds the arguments for Prisma from a plan, and reads rows. Nothing here talks to a database. */
export function rowsOf<T>({ key, keyType, json, fields, version, lastModified, softDelete }: PrismaPlan) {
  const known = new Set(fields.map(({ name }) => name))

  return {
    /** `undefined`: no row can have this key. */
    keyOf: (text: string) => (keyType === 'integer' ? integerOf(text) : storableText(text)),

    /** `undefined`: no row can have this version. */
    versionOf: (text: string) => storedVersion(text, version.type),

    stateOf(row: Row): ResourceState<T> {
      const value = json === undefined ? membersOf(row, fields) : parseJson(String(row[json]), WHO)
      const state = { value: value as T, version: String(row[version.field]) }
      const dated = lastModified === undefined ? state : { ...state, lastModified: dateOf(row[lastModified]) }
      return softDelete !== undefined && row[softDelete] ? { ...dated, gone: true } : dated
    },

    /** A missing member gets the field's default in a new row, and null in an existing one. */
    dataOf(value: unknown, isNew: boolean): Row {
      if (json !== undefined) return { [json]: jsonText(value, WHO) }
      const object = objectOf(value)
      const stranger = Object.keys(object).find((name) => object[name] !== undefined && !known.has(name))
      if (stranger !== undefined)
        throw unstorable(`no field is named for the member ${JSON.stringify(stranger)}.`, WHO, stranger)
      const written = fields.filter(({ name }) => name !== key && !(isNew && object[name] === undefined))
      return Object.fromEntries(written.map((field) => [field.name, toField(object[field.name], field)]))
    },
  }
}

/**
 * The version after `expected`, or the first version of a new row. A key never gets an old version again, unless the
 * type is `integer`.
 */
export function nextVersions(type: PrismaVersionType): (expected: string | null) => unknown {
  if (type === 'text') return () => randomUUID()
  if (type === 'integer') return (expected) => (expected === null ? 1 : Number(expected) + 1)
  let latest = 0
  return (expected) => {
    if (expected !== null) return BigInt(expected) + 1n
    latest = Math.max(latest + 1000, Date.now() * 1000)
    return BigInt(latest + randomInt(1000))
  }
}

const INTEGER = /^(?:0|-?[1-9]\d{0,18})$/

function integerOf(text: string): number | undefined {
  const number = Number(text)
  return INTEGER.test(text) && number === (number | 0) ? number : undefined
}

function storedVersion(text: string, type: PrismaVersionType): unknown {
  if (type === 'text') return text.includes('\0') ? undefined : text
  if (type === 'integer') return integerOf(text)
  return INTEGER.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text) ? BigInt(text) : undefined
}

function membersOf(row: Row, fields: PrismaPlan['fields']): unknown {
  return Object.fromEntries(fields.map((field) => [field.name, fromField(row[field.name], field)]))
}

function fromField(content: unknown, field: PrismaField): unknown {
  if (content === null || content === undefined) return null
  if (Array.isArray(content) && !isJson(field)) return content.map((item) => fromField(item, field))
  const { name, type } = field
  if (type === 'json') return content
  if (typeof content === 'bigint' && !Number.isSafeInteger(Number(content))) {
    if (type !== 'number') return String(content)
    // It would come back as a different value after the next write.
    throw new TypeError(`${WHO}: ${name} holds ${content}, more than a number can keep; say 'plain', and it is text.`)
  }
  if (type === 'number' && typeof content === 'object' && !isExact(String(content)))
    throw new TypeError(`${WHO}: ${name} holds ${content}, more than a number can keep; say 'plain', and it is text.`)
  if (type === 'number' || typeof content === 'bigint') return Number(content)
  if (typeof content !== 'object') return content
  // Dates and Prisma's decimals.
  const { toJSON } = content as { toJSON?: unknown }
  if (typeof toJSON === 'function' && !ArrayBuffer.isView(content)) return toJSON.call(content)
  throw new TypeError(`${WHO}: ${name} holds an object; say 'json' if it is of type Json, or leave it out.`)
}

/** If the client does not know the type of a field, the options decide. */
function isJson({ type, typeName }: PrismaField): boolean {
  return type === 'json' && (typeName === undefined || typeName === 'Json')
}

function toField(content: unknown, field: PrismaField): unknown {
  if (content === undefined || content === null) return null
  if (isJson(field) && !(field.typeName === undefined && isListOperation(content)))
    return JSON.parse(jsonText(content, WHO))
  return Array.isArray(content) ? content.map((item) => toScalar(item, field)) : toScalar(content, field)
}

/**
 * Refuses objects, because Prisma takes them as operations: { increment: 1 }, { set: … }, { push: … }, { create: … }.
 */
function toScalar(content: unknown, { name, type, typeName = '' }: PrismaField): unknown {
  const isText = typeof content === 'string'
  if (type === 'date' && content instanceof Date) return content
  if (type === 'date' && !isText && typeof content !== 'number')
    throw unstorable(`the member ${JSON.stringify(name)} is no date.`, WHO, name)
  if (typeof content === 'object' || content === undefined)
    throw unstorable(`the member ${JSON.stringify(name)} is no text, number or boolean.`, WHO, name)
  const range = INTEGERS[typeName]
  // Prisma itself would cut off the digits after the point.
  if (range !== undefined && !isInteger(content, range))
    throw unstorable(`the member ${JSON.stringify(name)} is no integer that ${typeName} can hold.`, WHO, name)
  // It could be written but not read again.
  if (
    type === 'number' &&
    isText &&
    !(isExact(content) && (range === undefined || Number.isSafeInteger(Number(content))))
  )
    throw unstorable(`the member ${JSON.stringify(name)} is more than a number can keep.`, WHO, name)
  if (typeName === 'BigInt' && isText) return BigInt(content)
  if (type !== 'date') return content
  const date = new Date(content as string)
  if (Number.isNaN(date.getTime()) || (isText && isNoDay(content)))
    throw unstorable(`the member ${JSON.stringify(name)} is no date.`, WHO, name)
  return date
}

const INTEGERS: Readonly<Record<string, number | undefined>> = { Int: 32, BigInt: 64 }

function isInteger(content: unknown, bits: number): boolean {
  if (typeof content === 'number')
    return Number.isSafeInteger(content) && BigInt.asIntN(bits, BigInt(content)) === BigInt(content)
  return bits === 64 && typeof content === 'string' && storedVersion(content, 'bigint') !== undefined
}

/**
 * Whether Prisma would take this as an operation on a list of scalars. In a field of type Json it would be an ordinary
 * value.
 */
function isListOperation(content: unknown): boolean {
  if (typeof content !== 'object' || content === null || Array.isArray(content)) return false
  const names = Object.keys(content)
  return names.length > 0 && names.every((name) => name === 'push' || name === 'set' || name === 'unset')
}

function objectOf(value: unknown): Record<string, unknown> {
  if (value === undefined) jsonText(value, WHO)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw unstorable('a value of fields is an object.', WHO)
  return value as Record<string, unknown>
}

function dateOf(content: unknown): Date | undefined {
  return content === null || content === undefined ? undefined : new Date(content as string)
}
