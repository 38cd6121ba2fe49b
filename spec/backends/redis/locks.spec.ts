import { createHash } from 'node:crypto'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { type RedisLocksOptions, redisLocks } from '../../../lib/backends/redis'
import { lockKit } from '../../../lib/testing'
import { describeWith, ownName } from '../../services'
import { inProcesses } from '../processes'

type Client = RedisLocksOptions['client']

const lockOf = (prefix: string, key: string) =>
  `{${prefix}}:lock:${createHash('sha256').update(key).digest('base64url')}`

const terms = { waitMs: 0, leaseMs: 1000, maxHoldMs: 10_000 }

describeWith('Redis', 'redisLocks', (url) => {
  const admin = new Redis(url)
  const ioredis = new Redis(url)
  const ioredisSecond = new Redis(url)
  const nodeRedis = createClient({ url })
  const nodeRedisSecond = createClient({ url })
  const gone = createClient({ url: 'redis://127.0.0.1:1', disableOfflineQueue: true })

  beforeAll(async () => void (await Promise.all([nodeRedis.connect(), nodeRedisSecond.connect()])))
  afterAll(async () => {
    nodeRedis.destroy()
    nodeRedisSecond.destroy()
    for (const client of [admin, ioredis, ioredisSecond]) client.disconnect()
  })

  test('a renewal does not lengthen the lock of another holder, and says that ours is gone', async () => {
    const prefix = ownName('locks')
    let answered: (answer: unknown) => void = () => {}
    const renewed = new Promise((resolve) => {
      answered = resolve
    })
    const client = {
      async evalsha(sha: string, ...rest: [number, ...string[]]) {
        const answer = await ioredis.evalsha(sha, ...rest)
        // KEYS: the lock, ARGV: token and leaseMs, as only RENEW has them.
        if (rest[0] === 1 && rest.length === 4) answered(answer)
        return answer
      },
      eval: async (text: string, ...rest: [number, ...string[]]) => {
        const answer = await ioredis.eval(text, ...rest)
        if (rest[0] === 1 && rest.length === 4) answered(answer)
        return answer
      },
    }
    const lease = await redisLocks({ client, prefix }).acquire('a', { ...terms, leaseMs: 600 })
    await admin.set(lockOf(prefix, 'a'), 'another', 'PX', 100_000)
    expect(await renewed).toBe(0)
    await new Promise(setImmediate)
    expect(lease?.signal.aborted).toBe(true)
    expect(await admin.pttl(lockOf(prefix, 'a'))).toBeGreaterThan(50_000)
    await admin.del(lockOf(prefix, 'a'), `{${prefix}}:fence`)
  })

  describe.each<[string, Client, Client]>([
    ['ioredis', ioredis, ioredisSecond],
    ['node-redis', nodeRedis, nodeRedisSecond],
    ['both', ioredis, nodeRedis],
  ])('with %s keeps the contract', (_, client, other) => {
    let prefix = ''
    afterEach(() => admin.del(`{${prefix}}:fence`))
    const kit = lockKit({
      makeManager: () => {
        prefix = ownName('locks')
        return redisLocks({ client, prefix })
      },
      makeSecond: () => redisLocks({ client: other, prefix }),
      makeFailing: () => redisLocks({ client: gone }),
      takeAway: async (key) => void (await admin.del(lockOf(prefix, key))),
      countEntries: async () => (await admin.keys(`{${prefix}}:lock:*`)).length,
      abilities: { fence: true, acrossProcesses: true },
      processes: inProcesses(() => ({ at: 'locks', service: 'redis', address: url, prefix })),
    })
    for (const { name, run } of kit) test(name, run)
  })

  test('scripts that the server has forgotten are sent again', async () => {
    const locks = redisLocks({ client: ioredis, prefix: ownName('locks') })
    const others = redisLocks({ client: nodeRedis, prefix: ownName('locks') })
    for (const each of [locks, others]) {
      await admin.script('FLUSH')
      const lease = await each.acquire('a', terms)
      await admin.script('FLUSH')
      await lease?.release()
      expect(await (await each.acquire('a', terms))?.release()).toBeUndefined()
    }
  })

  test('a lock that is held runs out by itself when nobody renews it', async () => {
    const prefix = ownName('locks')
    const lease = await redisLocks({ client: ioredis, prefix }).acquire('a', terms)
    const leftMs = await admin.pttl(lockOf(prefix, 'a'))
    expect(leftMs).toBeGreaterThan(0)
    expect(leftMs).toBeLessThanOrEqual(1000)
    await lease?.release()
  })

  test('the fence goes on growing when the server has lost all', async () => {
    const prefix = ownName('locks')
    const locks = redisLocks({ client: ioredis, prefix })
    const before = await locks.acquire('a', terms)
    await admin.del(lockOf(prefix, 'a'), `{${prefix}}:fence`)
    const after = await locks.acquire('a', terms)
    expect(BigInt(after?.fence ?? 0)).toBeGreaterThan(BigInt(before?.fence ?? 0))
    await after?.release()
  })

  test('what was granted after the deadline is given back', async () => {
    const prefix = ownName('locks')
    const answers: Promise<unknown>[] = []
    let answer = () => {}
    const arrived = new Promise<void>((resolve) => {
      answer = resolve
    })
    const slow = {
      eval: (script: string, count: number, ...rest: string[]) => note(ioredis.eval(script, count, ...rest)),
      evalsha: (sha: string, count: number, ...rest: string[]) => note(ioredis.evalsha(sha, count, ...rest)),
    }
    const note = (sent: Promise<unknown>) => {
      const late = arrived.then(() => sent)
      answers.push(late)
      return late
    }
    await expect(redisLocks({ client: slow, prefix, deadlineMs: 20 }).acquire('a', terms)).rejects.toThrow(
      'Redis gave no answer within deadlineMs (20)',
    )
    answer()
    for (let seen = 0; seen < 20 && (await admin.exists(lockOf(prefix, 'a'))); seen++) await admin.ping()
    expect(await admin.exists(lockOf(prefix, 'a'))).toBe(0)
    expect(String(await answers[0])).toMatch(/^\d{16}$/)
  })

  test('what is asked for at once goes out together, and each gets its own answer', async () => {
    const prefix = ownName('locks')
    const sent: string[][] = []
    const counting = {
      eval: (script: string, count: number, ...rest: string[]) => ioredis.eval(script, count, ...rest),
      evalsha: (sha: string, count: number, ...rest: string[]) => {
        sent.push(rest.slice(0, count).filter((key) => key.includes(':lock:')))
        return ioredis.evalsha(sha, count, ...rest)
      },
    }
    const [ours, others] = [redisLocks({ client: counting, prefix }), redisLocks({ client: nodeRedis, prefix })]
    const held = await others.acquire('key 3', terms)
    const keys = Array.from({ length: 120 }, (_, index) => `key ${index}`)
    const leases = await Promise.all(keys.map((key) => ours.acquire(key, terms)))
    expect(leases.flatMap((lease, index) => (lease ? [] : [index]))).toEqual([3])
    const fences = leases.flatMap((lease) => (lease?.fence ? [lease.fence] : []))
    expect(new Set(fences).size).toBe(119)
    for (const fence of fences) expect(BigInt(fence)).toBeGreaterThan(BigInt(held?.fence ?? 0))
    await Promise.all(leases.map((lease) => lease?.release()))
    expect(sent.map((names) => names.length)).toEqual([...Array(59).fill(4), 3])
    expect(await others.acquire('key 3', terms)).toBeUndefined()
    await held?.release()
    expect(await admin.keys(`{${prefix}}:lock:*`)).toEqual([])
    await admin.del(`{${prefix}}:fence`)
  })

  test('the fence goes on growing when the clock of the server is set back', async () => {
    const prefix = ownName('locks')
    const ahead = (Date.now() + 3_600_000) * 1000
    await admin.set(`{${prefix}}:fence`, String(ahead))
    const locks = redisLocks({ client: ioredis, prefix })
    const leases = await Promise.all(['a', 'b'].map((key) => locks.acquire(key, terms)))
    expect(leases.map((lease) => lease?.fence)).toEqual([String(ahead + 1), String(ahead + 2)])
    await Promise.all(leases.map((lease) => lease?.release()))
    await admin.del(`{${prefix}}:fence`)
  })

  test('a script that the client sends twice is granted once', async () => {
    const prefix = ownName('locks')
    const twice = {
      eval: (script: string, count: number, ...rest: string[]) => ioredis.eval(script, count, ...rest),
      evalsha: async (sha: string, count: number, ...rest: string[]) => {
        await ioredis.evalsha(sha, count, ...rest)
        return ioredis.evalsha(sha, count, ...rest)
      },
    }
    const lease = await redisLocks({ client: twice, prefix }).acquire('a', terms)
    expect(lease?.fence).toMatch(/^\d{16}$/)
    await lease?.release()
    expect(await admin.exists(lockOf(prefix, 'a'))).toBe(0)
  })
})
