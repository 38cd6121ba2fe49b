import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { type RedisStoreOptions, redisStore } from '../../../lib/backends/redis'
import { isStoreFault } from '../../../lib/contracts/store-fault'
import { storeKit } from '../../../lib/testing'
import { describeWith, ownName } from '../../services'
import { inProcesses } from '../processes'

type Client = RedisStoreOptions['client']

describeWith('Redis', 'redisStore', (url) => {
  const ioredis = new Redis(url)
  const nodeRedis = createClient({ url })
  const gone = createClient({ url: 'redis://127.0.0.1:1', disableOfflineQueue: true })
  const prefixes: string[] = []
  const fresh = () => {
    const prefix = ownName('store')
    prefixes.push(prefix)
    return prefix
  }

  beforeAll(async () => void (await nodeRedis.connect()))
  afterEach(async () => {
    for (const prefix of prefixes.splice(0)) {
      const names = await ioredis.keys(`${prefix}:*`)
      if (names.length > 0) await ioredis.del(names)
    }
  })
  afterAll(() => {
    nodeRedis.destroy()
    ioredis.disconnect()
  })

  describe.each<['ioredis' | 'node-redis' | 'both', Client, Client]>([
    ['ioredis', ioredis, ioredis],
    ['node-redis', nodeRedis, nodeRedis],
    ['both', ioredis, nodeRedis],
  ])('with %s keeps the contract', (name, client, other) => {
    const kit = storeKit({
      makeStore: () => redisStore({ client, prefix: fresh() }),
      makeSecond: () => redisStore({ client: other, prefix: prefixes.at(-1) ?? '' }),
      makeFailing: () => redisStore({ client: gone }),
      abilities: { within: false, acrossProcesses: true },
      ...(name !== 'both' && {
        processes: inProcesses(() => ({ at: 'Redis', client: name, address: url, prefix: prefixes.at(-1) ?? '' })),
      }),
    })
    for (const { name: rule, run } of kit) test(rule, run)
  })

  test.each<[string, Client]>([
    ['ioredis', ioredis],
    ['node-redis', nodeRedis],
  ])('a server that forgets its scripts is told them again, by %s', async (_, client) => {
    const store = redisStore({ client, prefix: fresh() })
    const steps = [
      () => store.create('a', 'one', 60_000),
      () => store.replace('a', 'one', 'two', 60_000),
      async () => (await store.read('a')) === 'two',
      () => store.remove('a', 'two'),
    ]
    for (const step of steps) {
      await ioredis.script('FLUSH')
      expect(await step()).toBe(true)
    }
  })

  test('a script that the client sends twice finds what it wrote itself', async () => {
    const twice = {
      eval: (script: string, count: number, ...rest: string[]) => ioredis.eval(script, count, ...rest),
      evalsha: async (sha: string, count: number, ...rest: string[]) => {
        await ioredis.evalsha(sha, count, ...rest)
        return ioredis.evalsha(sha, count, ...rest)
      },
    }
    const store = redisStore({ client: twice, prefix: fresh() })
    expect(await store.create('a', 'one', 60_000)).toBe(true)
    expect(await store.create('a', 'one', 60_000)).toBe(false)
    expect(await store.replace('a', 'one', 'two', 60_000)).toBe(true)
    expect(await store.replace('a', 'one', 'two', 60_000)).toBe(false)
  })

  test('a record is one key, of a name that says nothing, and it expires in Redis', async () => {
    const prefix = fresh()
    await redisStore({ client: ioredis, prefix }).create('{secret}', 'one', 60_000)
    const names = await ioredis.keys(`${prefix}:*`)
    expect(names).toEqual([expect.stringMatching(/:[0-9a-f]{64}$/)])
    const leftMs = await ioredis.pttl(names[0] ?? '')
    expect(leftMs).toBeGreaterThan(50_000)
    expect(leftMs).toBeLessThanOrEqual(60_000)
  })

  test('a server that refuses has written nothing, and its words do not come through', async () => {
    const prefix = fresh()
    const store = redisStore({ client: ioredis, prefix })
    await store.create('a', 'one', 60_000)
    const [name = ''] = await ioredis.keys(`${prefix}:*`)
    await ioredis.del(name)
    await ioredis.hset(name, 'field', 'value')
    const error = await store.create('a', 'secret', 60_000).catch((reason: unknown) => reason)
    expect(isStoreFault(error) && error.applied).toBe('no')
    expect(String(error)).toContain('redisStore(): WRONGTYPE')
    expect(String(error)).not.toContain('secret')
  })
})

describe('redisStore', () => {
  const client = new Redis({ lazyConnect: true })
  test.each([
    [{ client, ttlMs: 1 }, 'redisStore(): there is no option "ttlMs". Known are client, prefix.'],
    [{ client: {} }, 'redisStore(): client is no client of ioredis or node-redis.'],
    [{ client, prefix: '{a}' }, 'redisStore(): prefix is "{a}"; give 1 to 100 characters without braces.'],
  ])('refuses wrong options at start-up: case %#', (wrong, message) => {
    expect(() => redisStore(wrong as RedisStoreOptions)).toThrow(new TypeError(message))
  })
})
