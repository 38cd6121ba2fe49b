import { randomUUID } from 'node:crypto'
import { recogniseStoreError } from '../../conflicts/store-errors'
import type { ExpiringStore } from '../../contracts/store'
import { checkOptions } from '../../options'
import { keyHash, storedText, textOf } from '../records/stored-form'
import {
  isCollection,
  isUnacknowledged,
  MOST_TRIES,
  type MongoCollection,
  type MongoSession,
  mongoFault,
  retried,
} from './driver'

/** Where the records are. */
export interface MongoStoreOptions {
  /**
   * A collection that holds nothing else, of the driver in version 6 or 7. The first creation makes a TTL index on
   * `expires`.
   */
  readonly collection: MongoCollection
}

const WHO = 'mongoStore()'

/** By the server's clock. A record without `expires` counts as expired. */
const IS_LIVE = { $gt: ['$expires', '$$NOW'] }

/**
 * Keeps records in a collection of MongoDB 4.2 or later, for every process that uses it. Each method is one call. The
 * server removes expired records after a while; until then, no method finds them.
 */
export function mongoStore(options: MongoStoreOptions): ExpiringStore {
  checkOptions(WHO, options, { collection: { holds: isCollection, what: "a collection of MongoDB's driver" } }, [
    'collection',
  ])
  const { collection } = options
  if (isUnacknowledged(collection))
    throw new TypeError(
      `${WHO}: the collection writes with w: 0, so nobody hears which came first; take 1 or "majority".`,
    )
  let isIndexed = false
  const store = storeOn(collection, (run) => retried(run, WHO))

  return {
    ...store,
    create(key, value, ttlMs) {
      // Nobody waits for the index. Without the right to create it, expired records stay, but no method finds them.
      if (!isIndexed) collection.createIndex({ expires: 1 }, { expireAfterSeconds: 0 }).catch(() => {})
      isIndexed = true
      return store.create(key, value, ttlMs)
    },
    within(transaction) {
      if (!isSession(transaction))
        throw new TypeError(
          `${WHO}: within() takes a session of MongoDB, as mongoAdapter() opens it. Beside another adapter leave isolation: 'transaction' out, or take that adapter's store.`,
        )
      const once = <R>(run: () => Promise<R>) =>
        run().catch((error: unknown) => Promise.reject(mongoFault(error, WHO, 'no')))
      return storeOn(collection, once, transaction)
    },
  }
}

type Ask = <R>(run: () => Promise<R>) => Promise<R>

function storeOn(collection: MongoCollection, ask: Ask, session?: MongoSession): ExpiringStore {
  const options = session ? { session } : { readPreference: 'primary' }
  const expectedAt = (key: string, value: string) => ({
    _id: keyHash(key),
    value: storedText(value),
    $expr: IS_LIVE,
  })
  const recordOf = (value: string, ttlMs: number) => ({
    value: { $literal: storedText(value) },
    expires: { $add: ['$$NOW', Math.ceil(ttlMs)] },
  })

  /** One update, whether or not a record exists. The mark in the result shows which call wrote it. */
  async function create(key: string, value: string, ttlMs: number): Promise<boolean> {
    const _id = keyHash(key)
    const mark = randomUUID()
    const fresh = { _id, mark, ...recordOf(value, ttlMs) }
    const update = [{ $replaceWith: { $cond: [IS_LIVE, '$$ROOT', fresh] } }]
    for (let tries = 1; ; tries++) {
      try {
        const stored = await collection.findOneAndUpdate({ _id }, update, {
          ...options,
          upsert: true,
          returnDocument: 'after',
        })
        return (stored as { mark?: unknown } | null)?.mark === mark
      } catch (error) {
        // If two callers find nothing, both insert, and the second one gets a duplicate key.
        if (session || tries === MOST_TRIES || recogniseStoreError(error)?.kind !== 'unique') throw error
      }
    }
  }

  return {
    async read(key) {
      const found = await ask(() => collection.findOne({ _id: keyHash(key), $expr: IS_LIVE }, options))
      return found === null ? undefined : textOf(String((found as { value?: unknown }).value))
    },
    create: (key, value, ttlMs) => ask(() => create(key, value, ttlMs)),
    async replace(key, expected, value, ttlMs) {
      const update = [{ $set: recordOf(value, ttlMs) }]
      const { matchedCount } = await ask(() => collection.updateOne(expectedAt(key, expected), update, options))
      return matchedCount === 1
    },
    async remove(key, expected) {
      const { deletedCount } = await ask(() => collection.deleteOne(expectedAt(key, expected), options))
      return deletedCount === 1
    },
  }
}

function isSession(value: unknown): value is MongoSession {
  return typeof (Object(value) as { commitTransaction?: unknown }).commitTransaction === 'function'
}
