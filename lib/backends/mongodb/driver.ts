import { setTimeout as wait } from 'node:timers/promises'
import { recogniseStoreError, type StoreError } from '../../conflicts/store-errors'
import { isStoreFault, storeFault } from '../../contracts/store-fault'

/** The part of a collection that is used, of MongoDB's driver in version 6 or 7. */
export interface MongoCollection {
  // Methods, not properties, because a typed collection takes narrower arguments than these.
  findOne(filter: object, options?: object): Promise<object | null>
  findOneAndUpdate(filter: object, update: object | object[], options: object): Promise<object | null>
  insertOne(document: object, options?: object): Promise<unknown>
  replaceOne(filter: object, document: object, options?: object): Promise<{ matchedCount?: number }>
  updateOne(filter: object, update: object | object[], options?: object): Promise<{ matchedCount?: number }>
  updateMany(filter: object, update: object, options?: object): Promise<unknown>
  deleteOne(filter: object, options?: object): Promise<{ deletedCount?: number }>
  deleteMany(filter: object, options?: object): Promise<unknown>
  createIndex(keys: Record<string, 1>, options?: object): Promise<unknown>
}

/** The part of a client session that is used. */
export interface MongoSession {
  startTransaction(options?: object): void
  commitTransaction(options?: object): Promise<unknown>
  abortTransaction(options?: object): Promise<unknown>
  endSession(options?: object): Promise<unknown>
}

/** The part of the client that is used. */
export interface MongoClient {
  startSession(options?: object): MongoSession
}

/** The part of the driver's class `ObjectId` that is used. */
export interface ObjectIdClass {
  createFromHexString(hex: string): object
}

export type Document = Readonly<Record<string, unknown>>

const METHODS = [
  'findOne',
  'findOneAndUpdate',
  'insertOne',
  'replaceOne',
  'updateOne',
  'updateMany',
  'deleteOne',
  'deleteMany',
  'createIndex',
]

export function isCollection(value: unknown): value is MongoCollection {
  return METHODS.every((name) => typeof (Object(value) as Document)[name] === 'function')
}

/** With `w: 0`, nobody learns whether a write was refused. */
export function isUnacknowledged(collection: MongoCollection): boolean {
  const { writeConcern } = collection as { writeConcern?: { w?: unknown } }
  return writeConcern?.w === 0
}

/** Where a call runs, and how it reads a document. */
export interface Scope {
  readonly session?: MongoSession
  /** Reads the document with this id. Inside a transaction it also locks the document. */
  find(id: unknown): Promise<Document | undefined>
  /** Call it after a write: the document has lost the lock's mark, or is gone. */
  written?(id: unknown): void
}

/** Reads from the primary, because a secondary may be behind what the client has already seen. */
export function optionsOf({ session }: Pick<Scope, 'session'>): object {
  return session ? { session } : { readPreference: 'primary' }
}

/** How often a call is tried in all, when other operations are in the way. */
export const MOST_TRIES = 8

/** Runs one call, and repeats it if the server says that another operation was in the way. Nothing was written then. */
export async function retried<R>(run: () => Promise<R>, who: string): Promise<R> {
  for (let tries = 1; ; tries++) {
    try {
      return await run()
    } catch (error) {
      if (tries >= MOST_TRIES || !isInTheWay(error)) throw mongoFault(error, who)
      await wait(Math.random() * 2 ** tries)
    }
  }
}

function isInTheWay(error: unknown): boolean {
  if (isStoreFault(error) && error.applied === 'unknown') return false
  return recogniseStoreError(error)?.kind === 'serialization'
}

/** A fault without the driver's message, which quotes values. The original error is its `cause`. */
export function mongoFault(
  thrown: unknown,
  who: string,
  applied?: 'no' | 'unknown',
  pointers?: readonly string[],
): unknown {
  if (isStoreFault(thrown)) return thrown
  // For a server without transactions, the driver wraps the error and says that there are no retryable writes.
  const error: unknown = Object(thrown).originalError ?? thrown
  const known = recogniseStoreError(error)
  // Not an error of the database but a mistake in the call, which must not look like a fault of the back end.
  if (!known) return error
  const said = `${known.kind === 'mistake' ? mendOf(error) : known.kind} (${codeOf(error)})`
  const cause = new Error(`${who}: ${said}`, { cause: error })
  return storeFault(cause, { applied: applied ?? appliedBy(known, error), pointers })
}

/** The driver has tried twice by then. A label of the server says if even the first try wrote nothing. */
function appliedBy({ applied }: StoreError, error: unknown): 'no' | 'unknown' {
  if (hasLabel(error, 'NoWritesPerformed')) return 'no'
  return hasLabel(error, 'RetryableWriteError') ? 'unknown' : applied
}

export function hasLabel(error: unknown, label: string): boolean {
  const { errorLabels } = Object(error) as { errorLabels?: unknown }
  return Array.isArray(errorLabels) && errorLabels.includes(label)
}

function codeOf(error: unknown): string {
  const { codeName, code, name } = error as { codeName?: unknown; code?: unknown; name?: unknown }
  return String(codeName ?? code ?? name)
}

function mendOf(error: unknown): string {
  const { code } = error as { code?: unknown }
  if (code === 20)
    return 'transactions and history need a replica set or a sharded cluster, and this server is on its own'
  if (code === 13 || code === 18) return 'the user of the database may not do this; grant the role, or correct the user'
  return 'the server cannot carry this out as it is; the cause says why'
}

/**
 * The request is at fault, not the database. The error has the form that the driver gives such an error, so it is
 * recognised like one.
 */
export function unfit(what: string): Error {
  const cause = Object.assign(new Error(`mongoAdapter(): ${what}`), { name: 'BSONError' })
  return storeFault(cause, { applied: 'no' })
}
