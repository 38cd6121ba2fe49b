import { createHash, randomUUID } from 'node:crypto'
import { withDeadline } from '../deadline'
import { type Grant, holdLease } from '../leases/lease'
import { pollFor } from '../leases/wait'
import type { LockManager } from '../lock'
import { isRedisClient, type RedisClient, script, scriptRunner } from '../redis/scripts'
import { storeFault } from '../store-fault'

export type { IoredisScripts, NodeRedisScripts } from '../redis/scripts'

/** Where the locks are, and how long a command may take. */
export interface RedisLocksOptions {
  /** A client of ioredis or node-redis that is connected. The app owns it and closes it. */
  readonly client: RedisClient
  /** In front of every key; 'express-conflict' if left out. Locks of one prefix live in one slot of a cluster. */
  readonly prefix?: string
  /** How long a command may take before the service counts as down; 2 s if left out. */
  readonly deadlineMs?: number
}

/**
 * KEYS: the lock, the last fence of the prefix. ARGV: token, leaseMs. Gives the fence, or 0 when the lock is held.
 *
 * The fence is the server's time in microseconds or one more than the last: a server that lost its data goes on growing.
 * A client that sends the script again after it lost its connection finds its own token.
 */
const TAKE = script(`
local taken = redis.call('set', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])
if not taken and redis.call('get', KEYS[1]) ~= ARGV[1] then return '0' end
local time = redis.call('time')
local fence = math.max(time[1] * 1000000 + time[2], tonumber(redis.call('get', KEYS[2]) or 0) + 1)
local text = string.format('%.0f', fence)
redis.call('set', KEYS[2], text)
return text`)

/** KEYS: the lock. ARGV: token, leaseMs. Gives 1 when the lock is still ours, else 0. */
const RENEW = script(`
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('pexpire', KEYS[1], ARGV[2])`)

/** KEYS: the lock. ARGV: token. Gives 1 when the lock was ours, else 0. */
const RELEASE = script(`
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('del', KEYS[1])`)

/**
 * Locks in one Redis server, for every process that uses the prefix. They end with the server's data: after a restart
 * without it, or a failover to a replica that had not heard yet, a lock that is held is granted again, and its holder
 * is told at the next renewal.
 */
export function redisLocks(options: RedisLocksOptions): LockManager {
  const { client, prefix = 'express-conflict', deadlineMs = 2000 } = options
  if (!isRedisClient(client)) {
    throw new TypeError(
      'redisLocks(): client is none of ioredis or node-redis: it has neither evalsha() nor evalSha().',
    )
  }
  const run = scriptRunner(client)
  const late = () => new Error(`Redis gave no answer within deadlineMs (${deadlineMs})`)
  const inTime = (answer: Promise<unknown>) =>
    withDeadline(answer, deadlineMs, late).catch((cause: unknown) => {
      // A lock writes no resource, so there is nothing that may have been applied.
      throw storeFault(cause, { applied: 'no' })
    })
  // One tag in braces keeps a lock and the fence in one slot; the hash bounds what clients can make of a key.
  const lockKey = (key: string) => `{${prefix}}:lock:${createHash('sha256').update(key).digest('base64url')}`
  const fenceKey = `{${prefix}}:fence`

  return {
    async acquire(key, terms) {
      const name = lockKey(key)
      const lease = String(Math.ceil(terms.leaseMs))

      async function look(): Promise<Grant | undefined> {
        const token = randomUUID()
        const askedAt = performance.now()
        const free = async () => void (await inTime(run(RELEASE, [name], [token])))
        const taken = run(TAKE, [name, fenceKey], [token, lease])
        const fence = await inTime(taken).catch((fault) => {
          // It may be granted all the same, late or without our hearing of it.
          taken.then(free, free).catch(() => {})
          throw fault
        })
        if (String(fence) === '0') return undefined
        const renew = async () => Number(await inTime(run(RENEW, [name], [token, lease]))) === 1
        return { fence: String(fence), askedAt, free, renew }
      }

      const grant = await pollFor({ look, giveBack: ({ free }) => free() }, terms)
      return grant && holdLease(grant, terms).lease
    },
  }
}
