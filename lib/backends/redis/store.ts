import { randomBytes } from 'node:crypto'
import type { ExpiringStore } from '../../contracts/store'
import { refuseUnknown } from '../../options'
import { keyHash, storedText, textOf } from '../records/stored-form'
import { isRedisClient, type RedisClient, redisFault, script, scriptRunner } from './scripts'

/** Where the records are. */
export interface RedisStoreOptions {
  /** A connected client or cluster of ioredis or node-redis. The app owns it and closes it. */
  readonly client: RedisClient
  /** The prefix of every key. Default: 'express-conflict:store'. Two stores with one prefix share their records. */
  readonly prefix?: string
}

/**
 * Every script uses one key only, so it runs on any cluster. A record is a mark of 16 characters and the value. The
 * mark belongs to the call that wrote the record: a client that sends a script again after a lost connection finds its
 * own mark.
 *
 * KEYS: the record. Returns what is stored, or nil.
 */
const READ = script(`return redis.call('get', KEYS[1])`)

/** KEYS: the record. ARGV: mark, value, ttlMs. Returns 1 if the record was created, else 0. */
const CREATE = script(`
local stored = redis.call('get', KEYS[1])
if stored then return string.sub(stored, 1, 16) == ARGV[1] and 1 or 0 end
redis.call('set', KEYS[1], ARGV[1] .. ARGV[2], 'PX', ARGV[3])
return 1`)

/** KEYS: the record. ARGV: mark, value, ttlMs, expected. Returns 1 if the record was replaced, else 0. */
const REPLACE = script(`
local stored = redis.call('get', KEYS[1])
if not stored then return 0 end
if string.sub(stored, 1, 16) == ARGV[1] then return 1 end
if string.sub(stored, 17) ~= ARGV[4] then return 0 end
redis.call('set', KEYS[1], ARGV[1] .. ARGV[2], 'PX', ARGV[3])
return 1`)

/** KEYS: the record. ARGV: expected. Returns 1 if the record was removed, else 0. */
const REMOVE = script(`
local stored = redis.call('get', KEYS[1])
if not stored or string.sub(stored, 17) ~= ARGV[1] then return 0 end
return redis.call('del', KEYS[1])`)

const WHO = 'redisStore()'

/**
 * Keeps records in Redis, one key for each, which expires by the server's clock. They end with the server's data: a
 * restart without it, or a failover to a replica that lagged behind, forgets records before their time.
 */
export function redisStore(options: RedisStoreOptions): ExpiringStore {
  const { client, prefix = 'express-conflict:store' } = checked(options)
  const send = scriptRunner(client)

  const run = (one: typeof READ, key: string, args: string[]) =>
    send(one, [`${prefix}:${keyHash(key)}`], args).catch((error: unknown) => Promise.reject(redisFault(error, WHO)))
  const isDone = async (answer: Promise<unknown>) => Number(await answer) === 1
  const mark = marks()
  const put = (value: string, ttlMs: number) => [mark(), storedText(value), String(Math.ceil(ttlMs))]

  return {
    async read(key) {
      const stored = await run(READ, key, [])
      return typeof stored === 'string' ? textOf(stored.slice(16)) : undefined
    },
    create: (key, value, ttlMs) => isDone(run(CREATE, key, put(value, ttlMs))),
    replace: (key, expected, value, ttlMs) => isDone(run(REPLACE, key, [...put(value, ttlMs), storedText(expected)])),
    remove: (key, expected) => isDone(run(REMOVE, key, [storedText(expected)])),
  }
}

/** 72 random bits and a counter. To ask for random bits in each call would cost more. */
function marks(): () => string {
  let store = ''
  let count = MARKS
  return () => {
    if (count === MARKS) [store, count] = [randomBytes(9).toString('base64url'), 0]
    return store + (count++).toString(36).padStart(4, '0')
  }
}

const MARKS = 36 ** 4

function checked(options: RedisStoreOptions): RedisStoreOptions {
  refuseUnknown(WHO, options, ['client', 'prefix'])
  const { client, prefix = 'p' } = options
  if (!isRedisClient(client)) throw new TypeError(`${WHO}: client is no client of ioredis or node-redis.`)
  // A brace in the prefix would become the hash tag, and put all records into one slot.
  if (typeof prefix !== 'string' || !/^[^{}]{1,100}$/.test(prefix))
    throw new TypeError(`${WHO}: prefix is ${JSON.stringify(prefix)}; give 1 to 100 characters without braces.`)
  return options
}
