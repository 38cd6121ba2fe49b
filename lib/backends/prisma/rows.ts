import { randomInt, randomUUID } from 'node:crypto'
import type { ResourceState } from '../../contracts/adapter'
import { storeFault } from '../../contracts/store-fault'
import { parseJson } from '../../json/exact-numbers'
import { jsonText } from '../../json/text'
import { storableText } from '../sql/storable-text'
import type { PrismaFieldType, PrismaPlan, PrismaVersionType } from './options'

export type Row = Readonly<Record<string, unknown>>

const WHO = 'prismaAdapter()'

/** A plan turned into arguments for Prisma: what a row says, and what a value becomes. Nothing here talks to a database. */
export function rowsOf<T>({ key, keyType, json, fields, version, lastModified, softDelete }: PrismaPlan) {
  const known = new Map(fields)

  return {
    /** `undefined`: no row can have this key. */
    keyOf: (text: string) => (keyType === 'integer' ? integerOf(text) : storableText(text)),

    /** `undefined`: no row ever has this version. */
    versionOf: (text: string) => storedVersion(text, version.type),

    stateOf(row: Row): ResourceState<T> {
      const value = json === undefined ? membersOf(row, fields) : parseJson(String(row[json]), WHO)
      const state = { value: value as T, version: String(row[version.field]) }
      const dated = lastModified === undefined ? state : { ...state, lastModified: dateOf(row[lastModified]) }
      return softDelete !== undefined && row[softDelete] ? { ...dated, gone: true } : dated
    },

    /** A member that is missing: the default in a new row, null in an old one. */
    dataOf(value: unknown, isNew: boolean): Row {
      if (json !== undefined) return { [json]: jsonText(value, WHO) }
      const object = objectOf(value)
      const stranger = Object.keys(object).find((name) => object[name] !== undefined && !known.has(name))
      if (stranger !== undefined) throw unfit(`no field is named for the member ${JSON.stringify(stranger)}.`)
      const written = fields.filter(([field]) => field !== key && !(isNew && object[field] === undefined))
      return Object.fromEntries(written.map(([field, type]) => [field, toField(object[field], type, field)]))
    },
  }
}

/** What follows a version, and where a new row begins: with none that its key had before, but for an Int. */
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
  return Object.fromEntries(fields.map(([field, type]) => [field, fromField(row[field], type, field)]))
}

function fromField(content: unknown, type: PrismaFieldType, field: string): unknown {
  if (content === null || content === undefined) return null
  if (type === 'json') return content
  if (typeof content === 'bigint' && !Number.isSafeInteger(Number(content))) {
    if (type !== 'number') return String(content)
    // It would come back as another one when it is written again.
    throw new TypeError(`${WHO}: ${field} holds ${content}, more than a number can keep; say 'plain', and it is text.`)
  }
  if (type === 'number' || typeof content === 'bigint') return Number(content)
  // Dates, and Prisma's decimals.
  return typeof content === 'object' ? (content as { toJSON(): unknown }).toJSON() : content
}

function toField(content: unknown, type: PrismaFieldType, field: string): unknown {
  if (content === undefined || content === null) return null
  if (type === 'json') return JSON.parse(jsonText(content, WHO))
  if (type !== 'date') {
    // To Prisma an object is an operation: { increment: 1 }, { set: … }, { create: … }.
    if (typeof content === 'object') throw unfit(`the member ${JSON.stringify(field)} is no text, number or boolean.`)
    return content
  }
  const date = new Date(content as string)
  if (Number.isNaN(date.getTime())) throw unfit(`the member ${JSON.stringify(field)} is no date.`)
  return date
}

function objectOf(value: unknown): Record<string, unknown> {
  if (value === undefined) jsonText(value, WHO)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw unfit('a value of fields is an object.')
  return value as Record<string, unknown>
}

function dateOf(content: unknown): Date | undefined {
  return content === null || content === undefined ? undefined : new Date(content as string)
}

/** The request is at fault, not the database. It has the shape of what PostgreSQL says then, and is recognised like it. */
export function unfit(what: string): Error {
  const cause = Object.assign(new Error(`${WHO}: ${what}`), { code: '22000', severity: 'ERROR' })
  return storeFault(cause, { applied: 'no' })
}
