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

/** The collection, and what the fields of its documents hold. */
export interface MongoAdapterOptions<T> {
  /**
   * A collection of the driver in version 6 or 7, such as `db.collection('articles')`, or `Article.collection` with
   * Mongoose.
   */
  readonly collection: MongoCollection
  /**
   * The client of the collection. With it, the adapter has `transaction`, which needs a replica set or a sharded
   * cluster.
   */
  readonly client?: MongoClient
  /**
   * The driver's class `ObjectId`, if `_id` is one. A key that is not 24 hexadecimal digits in lower case is not found.
   * Without this option, `_id` is a string.
   */
  readonly objectId?: ObjectIdClass
  /**
   * The field of the version. Default: `version`. A text (the default for a plain name) is random. A number counts up;
   * in a new document it begins at the time of creation. A document without a version counts as version 0.
   */
  readonly version?: string | { readonly field: string; readonly type: MongoVersionType }
  /** The field with the date of the last change. */
  readonly lastModified?: string
  /** A removal sets this field to its date and keeps the document. Clients then get 410. */
  readonly softDelete?: string
  /** Keeps old versions in a collection of their own. Needs `client`. */
  readonly history?: { readonly collection: MongoCollection; readonly keepVersions: number }
  /** Turns a document into a value. Without it, a document may only hold what JSON can. */
  readonly toValue?: (document: Document) => T
  /**
   * Turns a value into a document, without `_id`, version and dates. Members that it leaves out are lost at the next
   * write.
   */
  readonly toDocument?: (value: T) => object
  /** The clock behind `lastModified`, in milliseconds. */
  readonly now?: () => number
}

/** The options, with all defaults filled in. */
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
