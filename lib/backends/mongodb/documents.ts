import { randomInt, randomUUID } from 'node:crypto'
import type { ResourceState } from '../../contracts/adapter'
import { formatPointer, valueAt } from '../../json/pointer'
import { isExact, jsonText } from '../../json/text'
import { storedText } from '../records/stored-form'
import { type Document, unfit } from './driver'
import type { MongoPlan, MongoVersionType } from './options'
import { refusedPaths } from './refused-paths'

const WHO = 'mongoAdapter()'

/** A transaction locks a document by changing this member. It exists only while the transaction is open. */
export const LOCK = '__expressConflictLock'

/** Builds the filters and documents of a plan, and reads documents. Nothing here talks to a server. */
export function documentsOf<T>({ objectId, version, lastModified, softDelete, toValue, toDocument }: MongoPlan<T>) {
  const own = ['_id', version.field, lastModified, softDelete, LOCK].filter((name) => name !== undefined)

  return {
    /** `undefined`: no document has this key. */
    idOf(key: string): unknown {
      if (objectId === undefined) return storedText(key)
      return /^[0-9a-f]{24}$/.test(key) ? objectId.createFromHexString(key) : undefined
    },

    /** `undefined`: no document can have this version. A document without a version counts as version 0. */
    versionFilter(expected: string): Document | undefined {
      const stored = storedVersion(expected, version.type)
      if (stored === undefined) return undefined
      return { [version.field]: expected === '0' ? { $in: [null, stored] } : stored }
    },

    stateOf(document: Document): ResourceState<T> {
      const { [LOCK]: _, ...seen } = document
      const members = Object.entries(seen).filter(([name]) => !own.includes(name))
      const value = toValue ? jsonOf(toValue(seen)) : plainObject(members, '')
      const state = { value: value as T, version: versionText(seen[version.field], version) }
      const modified = lastModified === undefined ? undefined : seen[lastModified]
      const dated = isDate(modified) ? { ...state, lastModified: modified } : state
      return softDelete !== undefined && seen[softDelete] ? { ...dated, gone: true } : dated
    },

    /** The members to write for a value. It must not contain fields that the adapter keeps itself. */
    membersOf(value: T): Document {
      const json = jsonOf(value)
      if (typeof json !== 'object' || json === null || Array.isArray(json)) throw unfit('a document is an object.')
      const made: unknown = toDocument ? toDocument(json as T) : json
      const taken = Object.keys(made as object).find((name) => own.includes(name))
      if (taken !== undefined)
        throw unfit(`the member ${JSON.stringify(taken)} is kept by the adapter; it is no part of a value.`)
      const operator = Object.keys(made as object).find((name) => name.startsWith('$'))
      if (operator !== undefined) throw unfit(`the name ${JSON.stringify(operator)} would be an operator.`)
      demandStorable(made, '')
      return made as Document
    },

    /**
     * JSON Pointers to the members that caused this value to be refused, as far as the error says. What `toDocument`
     * adds, such as a tenant, is no member. A path through an array does not say which item it is.
     */
    refusedMembers(error: unknown, value: T): readonly string[] {
      return refusedPaths(error)
        .filter(([first = '']) => !own.includes(first))
        .filter((path) => !path.some((_, end) => Array.isArray(valueAt(value, path.slice(0, end)))))
        .filter((path) => toDocument === undefined || valueAt(value, path) !== undefined)
        .map(formatPointer)
    },
  }
}

function jsonOf(value: unknown): unknown {
  return JSON.parse(jsonText(value, WHO))
}

/** The version after `expected`, or the first version of a new document. A key never gets an old version again. */
export function nextVersions(type: MongoVersionType): (expected: string | null) => string | number {
  if (type === 'text') return () => randomUUID()
  let latest = 0
  return (expected) => {
    if (expected !== null) return Number(expected) + 1
    latest = Math.max(latest + 1000, Date.now() * 1000)
    return latest + randomInt(1000)
  }
}

function storedVersion(text: string, type: MongoVersionType): string | number | undefined {
  if (type === 'text') return text.isWellFormed() ? text : undefined
  return /^(?:0|[1-9]\d{0,15})$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined
}

function versionText(stored: unknown, { field, type }: MongoPlan<unknown>['version']): string {
  if (stored === undefined || stored === null) return '0'
  const isNumber = typeof stored !== 'string'
  if (isNumber !== (type === 'number') || stored === '')
    throw new TypeError(
      `${WHO}: ${JSON.stringify(field)} holds a ${stored === '' ? 'text that is empty' : typeof stored}; say version: { field: ${JSON.stringify(field)}, type: ${isNumber ? "'number'" : "'text'"} }, or name another field.`,
    )
  return isNumber ? String(exactNumber(stored, field)) : stored
}

interface BsonValue {
  readonly _bsontype?: unknown
}

/**
 * Turns BSON into JSON. Refuses what would change on the way, or come back as another type when it is written again.
 */
function plainOf(content: unknown, pointer: string): unknown {
  if (content === null || typeof content === 'string' || typeof content === 'boolean') return content
  if (typeof content === 'number' || typeof content === 'bigint') return exactNumber(content, pointer)
  if (Array.isArray(content)) return content.map((item, index) => plainOf(item, `${pointer}/${index}`))
  const { _bsontype: type } = Object(content) as BsonValue
  if (type === 'Int32' || type === 'Double' || type === 'Long') return exactNumber(content, pointer)
  if (type === undefined && isPlain(content)) return plainObject(Object.entries(content), pointer)
  throw new TypeError(
    `${WHO}: ${pointer} holds a ${typeOf(content)}, which JSON has no form for; say what it is in a value by toValue and toDocument.`,
  )
}

function plainObject(members: ReadonlyArray<[string, unknown]>, pointer: string): object {
  return Object.fromEntries(members.map(([name, content]) => [name, plainOf(content, `${pointer}/${name}`)]))
}

function exactNumber(content: unknown, place: string): number {
  const text = String(content)
  const number = Number(text)
  const isKept = typeof content === 'number' ? Number.isFinite(number) : isExact(text)
  if (isKept) return number
  throw new TypeError(
    `${WHO}: ${place} holds ${text}, which no number of JSON can hold; say what it is in a value by toValue and toDocument.`,
  )
}

function isPlain(value: unknown): value is object {
  return Object.prototype.toString.call(value) === '[object Object]'
}

/** Not `instanceof`, because a test runner may load the driver into another realm. */
export function isDate(value: unknown): value is Date {
  return Object.prototype.toString.call(value) === '[object Date]'
}

function typeOf(content: unknown): string {
  const { _bsontype: type } = Object(content) as BsonValue
  return String(type ?? Object.prototype.toString.call(content).slice('[object '.length, -1))
}

/** Refuses what the driver would silently change, or treat as something other than data. */
function demandStorable(content: unknown, pointer: string): void {
  if (typeof content === 'string' && !content.isWellFormed()) throw unfit(`${pointer} holds half of a character.`)
  if (isDate(content) && Number.isNaN(content.getTime())) throw unfit(`${pointer} is no date.`)
  if (Array.isArray(content)) {
    for (const [index, item] of content.entries()) demandStorable(item, `${pointer}/${index}`)
    return
  }
  if (!isPlain(content)) return
  if (Object.hasOwn(content, '_bsontype')) throw unfit(`${pointer}/_bsontype would be taken for a type of BSON.`)
  // The contents of an ObjectId and similar types belong to the driver.
  if ((content as BsonValue)._bsontype !== undefined) return
  if (Object.hasOwn(content, '$ref') && Object.hasOwn(content, '$id'))
    throw unfit(`${pointer} has $ref and $id, and would come back as a DBRef.`)
  for (const [name, member] of Object.entries(content)) {
    if (name.includes('\0') || !name.isWellFormed())
      throw unfit(`a name in ${pointer === '' ? 'the value' : pointer} has a character that BSON cannot hold.`)
    demandStorable(member, `${pointer}/${name}`)
  }
}
