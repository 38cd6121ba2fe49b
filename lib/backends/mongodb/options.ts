import { aFunction, anything, aText, checkOptions, type Expectation } from '../../options'
import { datingClock } from '../../timing/later-date'
import {
  type Document,
  isCollection,
  isUnacknowledged,
  type MongoClient,
  type MongoCollection,
  type ObjectIdClass,
} from './driver'

/** How a version is kept in its field. */
export type MongoVersionType = 'text' | 'number'

/** A collection, and which fields of its documents are what. */
export interface MongoAdapterOptions<T> {
  /** A collection of the driver, version 6 or 7, such as `db.collection('articles')`; of Mongoose, `Article.collection`. */
  readonly collection: MongoCollection
  /** The client of the collection: the adapter then has `transaction`, which needs a replica set or a sharded cluster. */
  readonly client?: MongoClient
  /**
   * The driver's class `ObjectId`, where `_id` is one. A key that is none, 24 hexadecimal digits in small letters, finds
   * nothing. Left out, `_id` is a text.
   */
  readonly objectId?: ObjectIdClass
  /**
   * The field of the version. A text (what a name alone means) is random. A number counts up: from the time of its
   * creation in documents that the adapter makes. A document without one counts as version 0. Default: `version`.
   */
  readonly version?: string | { readonly field: string; readonly type: MongoVersionType }
  /** A field with the date of the last change. */
  readonly lastModified?: string
  /** A field that a removal sets to its date, keeping the document: clients get 410. */
  readonly softDelete?: string
  /** A collection of its own for the versions before the current one; `client` is needed. */
  readonly history?: { readonly collection: MongoCollection; readonly keepVersions: number }
  /** What a document is as a value. Without it a document may hold nothing but what JSON can. */
  readonly toValue?: (document: Document) => T
  /** What a value is as a document, without `_id`, version and dates. What it leaves out is gone with the next write. */
  readonly toDocument?: (value: T) => object
  /** The clock behind `lastModified`, in milliseconds. */
  readonly now?: () => number
}

/** The same with every default filled in. */
export interface MongoPlan<T> extends Omit<MongoAdapterOptions<T>, 'version' | 'now'> {
  readonly version: { readonly field: string; readonly type: MongoVersionType }
  readonly now: () => number
}

const WHO = 'mongoAdapter()'

const aCollection: Expectation = { holds: isCollection, what: "a collection of MongoDB's driver" }
const aField = aText('the name of a field')

export function mongoPlan<T>(options: MongoAdapterOptions<T>): MongoPlan<T> {
  checkOptions(
    WHO,
    options,
    {
      collection: aCollection,
      client: { holds: (value) => hasMethod(value, 'startSession'), what: 'a MongoClient' },
      objectId: { holds: (value) => hasMethod(value, 'createFromHexString'), what: 'the class ObjectId of the driver' },
      version: { holds: isVersion, what: "the name of a field, or { field, type: 'text' | 'number' }" },
      lastModified: aField,
      softDelete: aField,
      history: { holds: isHistory, what: '{ collection, keepVersions }, with keepVersions a positive integer' },
      toValue: aFunction,
      toDocument: aFunction,
      now: anything,
    },
    ['collection'],
  )
  const { version = 'version', lastModified, softDelete, history, client, now = Date.now } = options
  const { field, type } = typeof version === 'string' ? { field: version, type: 'text' as const } : version
  if (isUnacknowledged(options.collection))
    fail('the collection writes with w: 0, so nobody hears which write came first; take 1 or "majority".')
  if (history && client === undefined) fail('history needs client: what is kept is written in one transaction.')
  if ((options.toValue === undefined) !== (options.toDocument === undefined))
    fail('toValue and toDocument go together: what one of them makes, the other takes back.')
  const fields = ['_id', field, lastModified, softDelete].filter((name) => name !== undefined)
  const odd = fields.find((name) => /[.$\0]/.test(name))
  if (odd !== undefined) fail(`${JSON.stringify(odd)} is no field at the top of a document.`)
  const twice = fields.find((name, index) => fields.indexOf(name) !== index)
  if (twice !== undefined) fail(`the field ${JSON.stringify(twice)} is named for two purposes.`)
  return { ...options, version: { field, type }, now: datingClock(now) }
}

function isVersion(value: unknown): boolean {
  if (typeof value === 'string') return value !== ''
  const { field, type } = Object(value) as Document
  return typeof field === 'string' && field !== '' && (type === 'text' || type === 'number')
}

function isHistory(value: unknown): boolean {
  const { collection, keepVersions } = Object(value) as Document
  return isCollection(collection) && Number.isSafeInteger(keepVersions) && Number(keepVersions) > 0
}

function hasMethod(value: unknown, name: string): boolean {
  return value !== null && value !== undefined && typeof (value as Document)[name] === 'function'
}

function fail(what: string): never {
  throw new TypeError(`${WHO}: ${what}`)
}
