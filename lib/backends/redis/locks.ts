import { randomUUID } from 'node:crypto'
import type { LockManager } from '../../contracts/lock'
import { storeFault } from '../../contracts/store-fault'
import { sha256 } from '../../json/sha256'
import { anything, aText, checkOptions, milliseconds } from '../../options'
import { withDeadline } from '../../timing/deadline'
import { type Grant, holdLease, pollFor } from '../leases/lease'
import { isRedisClient, type RedisClient, script, scriptRunner } from './scripts'

/** Where the locks are, and how long a command may take. */
export interface RedisLocksOptions {
  /** A connected client of ioredis or node-redis. The app owns it and closes it. */
  readonly client: RedisClient
  /** The prefix of every key. Default: 'express-conflict'. All locks of one prefix live in one slot of a cluster. */
  readonly prefix?: string
  /** How long a command may take before the service counts as down. Default: 2000 ms. */
  readonly deadlineMs?: number
}

/**
 * KEYS: the last fence of the prefix, then the locks. ARGV: token and leaseMs of each lock. Returns the fence of each
 * lock, or 0 if it is held.
 *
 * The fence is the server's time in microseconds, or the last fence plus one if that is larger. So it keeps growing
 * even if the server loses its data. A client that sends the script again after a lost connection finds its own tokens.
 */
const TAKE = script(`
local fences, now = {}
for lock = 2, #KEYS do
  local fence, token = 0, ARGV[2 * lock - 3]
  if redis.call('set', KEYS[lock], token, 'NX', 'PX', ARGV[2 * lock - 2]) or redis.call('get', KEYS[lock]) == token then
    if not now then
      local time = redis.call('time')
      now = time[1] * 1000000 + time[2]
    end
    fence = redis.call('incr', KEYS[1])
    if fence < now then fence = redis.call('incrby', KEYS[1], string.format('%.0f', now - fence)) end
  end
  fences[lock - 1] = fence
end
return fences`)

/** KEYS: the lock. ARGV: token, leaseMs. Returns 1 if the lock is still ours, else 0. */
const RENEW = script(`
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('pexpire', KEYS[1], ARGV[2])`)

/** KEYS: the locks. ARGV: the token of each. */
const RELEASE = script(`
for lock = 1, #KEYS do
  if redis.call('get', KEYS[lock]) == ARGV[lock] then redis.call('del', KEYS[lock]) end
end`)

interface Held {
  readonly name: string
  readonly token: string
}

interface Asked extends Held {
  readonly lease: string
}

/**
 * Locks in one Redis server, for every process that uses the prefix. They end with the server's data: after a restart
 * without it, or a failover to a replica that lagged behind, a held lock is granted again. Its first holder learns that
 * at the next renewal.
 */
export function redisLocks(options: RedisLocksOptions): LockManager {
  checkOptions('redisLocks()', options, {
    client: anything,
    prefix: aText('a non-empty string'),
    deadlineMs: milliseconds,
  })
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
      // A lock writes no resource, so nothing can have been applied.
      throw storeFault(cause, { applied: 'no' })
    })
  // The tag in braces keeps all locks and the fence in one slot. Keys come from clients, and the hash bounds their
  // length.
  const lockKey = (key: string) => `{${prefix}}:lock:${sha256(key, 'base64url')}`
  const fenceKey = `{${prefix}}:fence`
  const takeAll = batch(async (asked: Asked[]) => {
    const [keys, args] = [[fenceKey], [] as string[]]
    for (const { name, token, lease } of asked) {
      keys.push(name)
      args.push(token, lease)
    }
    return (await run(TAKE, keys, args)) as unknown[]
  })
  const freeAll = batch(async (asked: Held[]) => {
    const names = asked.map(({ name }) => name)
    const tokens = asked.map(({ token }) => token)
    await run(RELEASE, names, tokens)
    return []
  })

  return {
    async acquire(key, terms) {
      const name = lockKey(key)
      const lease = String(Math.ceil(terms.leaseMs))

      async function look(): Promise<Grant | undefined> {
        const token = randomUUID()
        const askedAt = performance.now()
        const free = async () => void (await inTime(freeAll({ name, token })))
        const taken = takeAll({ name, token, lease })
        const renew = async () => Number(await inTime(run(RENEW, [name], [token, lease]))) === 1
        try {
          const fence = String(await inTime(taken))
          return fence === '0' ? undefined : { fence, askedAt, free, renew }
        } catch (fault) {
          // The lock may still be granted, late or without our hearing of it.
          taken.then(free, free).catch(() => {})
          throw fault
        }
      }

      const grant = await pollFor({ look, giveBack: ({ free }) => free() }, terms)
      return grant && holdLease(grant, terms).lease
    },
  }
}

/**
 * Only a few: the server works on one batch while the next is on its way, and a long script would delay its other
 * clients.
 */
const MOST = 4

/** A caller that waits for an answer. */
type Asker = { resolve: (answer: unknown) => void; reject: (error: unknown) => void }

/**
 * Sends the requests of one turn of the event loop together, because a call costs more than the work that it asks for.
 */
function batch<Asked>(ask: (all: Asked[]) => Promise<unknown[]>): (one: Asked) => Promise<unknown> {
  let asked: Asked[] = []
  let askers: Asker[] = []

  function send(): void {
    const [sent, waiting] = [asked, askers]
    asked = []
    askers = []
    ask(sent).then(
      (answers) => {
        for (let place = 0; place < waiting.length; place++) waiting[place]?.resolve(answers[place])
      },
      (error) => {
        for (const { reject } of waiting) reject(error)
      },
    )
  }

  return (one) =>
    new Promise((resolve, reject) => {
      if (asked.length === MOST) send()
      // This runs after the pending promises and before the event loop goes on.
      if (asked.length === 0) process.nextTick(() => asked.length > 0 && send())
      asked.push(one)
      askers.push({ resolve, reject })
    })
}
