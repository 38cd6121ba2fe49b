/** What is used of a collection of MongoDB's driver, version 6 or 7. */
export interface MongoCollection {
  // Methods, not properties: the arguments of a typed collection are narrower than these.
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

/** What is used of a client session. */
export interface MongoSession {
  startTransaction(options?: object): void
  commitTransaction(options?: object): Promise<unknown>
  abortTransaction(options?: object): Promise<unknown>
  endSession(options?: object): Promise<unknown>
}

/** What is used of the client. */
export interface MongoClient {
  startSession(options?: object): MongoSession
}

/** What is used of the driver's class `ObjectId`. */
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

/** Nobody hears whether a write with `w: 0` was refused. */
export function isUnacknowledged(collection: MongoCollection): boolean {
  const { writeConcern } = collection as { writeConcern?: { w?: unknown } }
  return writeConcern?.w === 0
}

/** What a call runs in, and how it looks at a document. */
export interface Scope {
  readonly session?: MongoSession
  /** Gives the document of an id; inside a transaction it locks it, too. */
  find(id: unknown): Promise<Document | undefined>
  /** What was written has lost its lock's mark, or is gone. */
  written?(id: unknown): void
}

/** From the primary: what a secondary gives may be older than what the client has seen already. */
export function optionsOf({ session }: Pick<Scope, 'session'>): object {
  return session ? { session } : { readPreference: 'primary' }
}
