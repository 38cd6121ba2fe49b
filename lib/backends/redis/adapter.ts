import { randomUUID } from 'node:crypto'
import type { ResourceAdapter, ResourceState } from '../../contracts/adapter'
import { sha256 } from '../../json/sha256'
import { jsonText, parseJson } from '../../json/text'
import { refuseUnknown } from '../../options'
import { datingClock, FURTHEST_AHEAD_S, SHARED_MS } from '../../timing/later-date'
import { isRedisClient, type RedisClient, redisFault, type Script, script, scriptRunner } from './scripts'

/** Where resources are kept in Redis, and how long. */
export interface RedisAdapterOptions {
  /** A connected client of ioredis or node-redis. The app owns it and closes it. */
  readonly client: RedisClient
  /** The prefix of every key. Two kinds of resources need two. */
  readonly prefix: string
  /** How long a resource is kept after its last change. Default: for ever. */
  readonly ttlMs?: number
  /** `remove` leaves a tombstone, so that clients get 410. With `ttlMs` it expires like everything else. */
  readonly tombstones?: boolean
  /** The clock behind `lastModified`, in milliseconds. */
  readonly now?: () => number
}

/** A `ResourceAdapter` that always has `write` and `remove`. */
export interface RedisAdapter<T> extends ResourceAdapter<T> {
  readonly write: NonNullable<ResourceAdapter<T>['write']>
  readonly remove: NonNullable<ResourceAdapter<T>['remove']>
}

/**
 * Every script uses one key only, so it runs on any cluster. A refusal returns `stored`, in the form that READ returns.
 */
const MATCHED = `
local stored = redis.call('hmget', KEYS[1], 'version', 'value', 'modified', 'gone')
if ARGV[1] == 'absent' and stored[1] or ARGV[1] == 'version' and stored[1] ~= ARGV[2] then
  -- A client that lost its connection may send a script again: then this is what it wrote itself.
  if stored[1] == ARGV[3] then return {'done', stored[3]} end
  return {'refused', unpack(stored)}
end
-- As laterDate.
local modified = tonumber(ARGV[4])
local before = tonumber(stored[3] or 0)
local ahead = math.floor(before / 1000) - math.floor(modified / 1000)
if stored[3] and ahead >= 0 then
  local next = (math.floor(before / 1000) + 1) * 1000
  if ahead < ${FURTHEST_AHEAD_S} then modified = next
  elseif before % 1000 == ${SHARED_MS} then modified = before
  else modified = next + ${SHARED_MS} end
end
modified = string.format('%.0f', modified)`

const KEEP = `
if ARGV[5] == '0' then redis.call('persist', KEYS[1]) else redis.call('pexpire', KEYS[1], ARGV[5]) end
return {'done', modified}`

/** KEYS: the resource. Returns version, value, modified and gone; each is nil if nothing is stored. */
const READ = script(`return redis.call('hmget', KEYS[1], 'version', 'value', 'modified', 'gone')`)

/** KEYS: the resource. ARGV: 'absent' or 'version', expected, next version, now, ttlMs or 0, value. */
const WRITE = script(`${MATCHED}
redis.call('hset', KEYS[1], 'version', ARGV[3], 'value', ARGV[6], 'modified', modified)
redis.call('hdel', KEYS[1], 'gone')${KEEP}`)

/** KEYS and ARGV as for WRITE, without a value. */
const BURY = script(`${MATCHED}
if not stored[1] then return {'refused', unpack(stored)} end
redis.call('hset', KEYS[1], 'version', ARGV[3], 'modified', modified, 'gone', '1')${KEEP}`)

/** KEYS and ARGV as for BURY. Nothing stays. */
const REMOVE = script(`${MATCHED}
redis.call('del', KEYS[1])
return {'done', modified}`)

type Stored = readonly [version: string | null, value: string | null, modified: string | null, gone: string | null]
type Answer = readonly ['done', string] | readonly ['refused', ...Stored]

/**
 * Keeps each resource in one hash of a Redis server: value, version and date together. A write is one script.
 *
 * How safe the data is depends on the settings of Redis. Without `appendfsync always`, a crash loses the last writes
 * although they were acknowledged, and so does a failover to a replica.
 */
export function redisAdapter<T>(options: RedisAdapterOptions): RedisAdapter<T> {
  const { client, prefix, ttlMs = 0, tombstones = false, now = Date.now } = checked(options)
  const date = datingClock(now)
  const send = scriptRunner(client)
  const run = (one: Script, key: string, args: string[]) =>
    send(one, [key], args).catch((error: unknown) => Promise.reject(redisFault(error, 'redisAdapter()')))

  async function change(key: string, script: Script, expected: string | null, ...value: string[]) {
    // Random, so that a key that is removed and created again never gets an old version.
    const version = randomUUID()
    const condition = expected === null ? ['absent', ''] : ['version', expected]
    const args = [...condition, version, String(date()), String(ttlMs), ...value]
    const answer = (await run(script, nameOf(prefix, key), args)) as Answer
    if (answer[0] === 'done') return { ok: true as const, version, modified: answer[1] }
    const [, ...stored] = answer
    return { ok: false as const, current: stateOf<T>(stored) }
  }

  return {
    read: async (key) => stateOf<T>((await run(READ, nameOf(prefix, key), [])) as Stored),

    async write(key, value, expected) {
      const text = jsonText(value, 'redisAdapter()')
      const result = await change(key, WRITE, expected, text)
      if (!result.ok) return result
      const state = { value: JSON.parse(text) as T, version: result.version }
      return { ok: true, state: { ...state, lastModified: new Date(Number(result.modified)) } }
    },

    async remove(key, expected) {
      const result = await change(key, tombstones ? BURY : REMOVE, expected)
      return result.ok ? { ok: true } : result
    },
  }
}

function stateOf<T>([version, value, modified, gone]: Stored): ResourceState<T> | undefined {
  if (version === null || value === null) return undefined
  const state = { value: parseJson(value, 'redisAdapter()') as T, version, lastModified: new Date(Number(modified)) }
  return gone === null ? state : { ...state, gone: true }
}

const PLAIN = /^[\w.~-]{1,100}$/

/**
 * The braces put everything about a resource into one slot. A long or unusual key is hashed; a plain key never begins
 * with `#`.
 */
function nameOf(prefix: string, key: string): string {
  return `${prefix}:{${PLAIN.test(key) ? key : `#${hashOf(key)}`}}`
}

/** As UTF-16, because half a surrogate pair cannot be encoded in UTF-8. */
function hashOf(key: string): string {
  return sha256(Buffer.from(key, 'utf16le'), 'base64url')
}

function checked(options: RedisAdapterOptions): RedisAdapterOptions {
  refuseUnknown('redisAdapter()', options, ['client', 'prefix', 'ttlMs', 'tombstones', 'now'])
  const { client, prefix, ttlMs } = options
  if (!isRedisClient(client)) throw new TypeError('redisAdapter(): client is no client of ioredis or node-redis.')
  // A brace in the prefix would become the hash tag, and put all resources into one slot.
  if (typeof prefix !== 'string' || !/^[^{}]{1,100}$/.test(prefix))
    throw new TypeError(`redisAdapter(): prefix is ${JSON.stringify(prefix)}; give 1 to 100 characters without braces.`)
  if (ttlMs !== undefined && !(Number.isSafeInteger(ttlMs) && ttlMs > 0))
    throw new TypeError(`redisAdapter(): ttlMs is ${ttlMs}; give a positive integer, or leave it out.`)
  return options
}
