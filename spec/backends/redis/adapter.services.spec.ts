import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { type RedisAdapterOptions, redisAdapter } from '../../../lib/backends/redis'
import type { ResourceAdapter } from '../../../lib/contracts/adapter'
import { isStoreFault } from '../../../lib/contracts/store-fault'
import { adapterKit, jsonValues } from '../../../lib/testing'
import { describeWith, ownName } from '../../services'
import { abilitiesOf } from '../abilities'
import { breakable } from '../breakable'
import { inProcesses } from '../processes'

type Client = RedisAdapterOptions['client']
interface Opened {
  readonly client: Client
  close(): unknown
}

const ioredis = async (url: string): Promise<Opened> => {
  const client = new Redis(url)
  return { client, close: () => client.quit() }
}
const nodeRedis = async (url: string): Promise<Opened> => {
  const client = createClient({ url })
  await client.connect()
  return { client, close: () => client.close() }
}
/** Of a connection that breaks, and is not made again. */
const breaking: Readonly<Record<string, (url: string) => Promise<Client>>> = {
  ioredis: async (url) => {
    const client = new Redis(url, { retryStrategy: () => null })
    client.on('error', () => {})
    return client
  },
  'node-redis': async (url) => {
    const client = createClient({ url, socket: { reconnectStrategy: false } })
    client.on('error', () => {})
    return client.connect()
  },
}
/** Neither keeps commands for later, nor tries again: as an app should have it. */
const down: Readonly<Record<string, () => Client>> = {
  ioredis: () => {
    const client = new Redis({ port: 1, lazyConnect: true, enableOfflineQueue: false, retryStrategy: () => null })
    client.on('error', () => {})
    return client
  },
  'node-redis': () => createClient({ url: 'redis://127.0.0.1:1', disableOfflineQueue: true }),
}

describe.each([
  ['ioredis', ioredis, false],
  ['node-redis', nodeRedis, true],
] as const)('over %s', (name, open, tombstones) => {
  describeWith('Redis', 'the Redis adapter keeps the contract', (url) => {
    let one: Opened
    let two: Opened
    let admin: Redis
    let ms = 1e12
    beforeAll(async () => {
      ;[one, two] = [await open(url), await open(url)]
      admin = new Redis(url)
    })
    afterAll(async () => {
      for (const opened of [one, two]) await opened.close()
      await admin.quit()
    })

    const prefixes: string[] = []
    afterEach(async () => {
      for (const prefix of prefixes.splice(0)) {
        const names = await admin.keys(`${prefix}:*`)
        if (names.length > 0) await admin.del(names)
      }
    })
    const over = (client: Client, prefix: string) =>
      redisAdapter<unknown>({ client, prefix, tombstones, now: () => ms })
    const fresh = () => {
      const prefix = ownName('redis')
      prefixes.push(prefix)
      return prefix
    }

    test('a number that JavaScript would change is told, and stays', async () => {
      const prefix = fresh()
      const adapter = over(one.client, prefix)
      await adapter.write('a', {}, null)
      const [name = ''] = await admin.keys(`${prefix}:*`)
      await admin.hset(name, 'value', '{"tweetId":1790000000000000123}')
      await expect(adapter.read('a')).rejects.toThrow(
        /^redisAdapter\(\): the stored JSON has the number 1790000000000000123,/,
      )
    })

    const kit = adapterKit<unknown>({
      makeAdapter: () => over(one.client, fresh()),
      makeSecond: () => over(two.client, prefixes.at(-1) ?? ''),
      makeFailing: () => over(down[name]?.() ?? one.client, 'down'),
      values: [{ n: 1 }, { n: 2 }, { n: 3 }],
      extraValues: jsonValues,
      abilities: abilitiesOf('redisAdapter', { tombstones }),
      processes: inProcesses(() => ({
        at: 'Redis',
        client: name,
        address: url,
        prefix: prefixes.at(-1) ?? '',
        tombstones,
      })),
      makeFaulty: async (adapter, when) => {
        const { url: way, breakAt } = await breakable(url, adapter)
        const client = await breaking[name]?.(way)
        const faulty = over(client ?? fail(), prefixes.at(-1) ?? '')
        await faulty.read('a')
        await breakAt(when)
        return faulty
      },
      advance: (by) => {
        ms += by
      },
    })
    for (const { name: rule, run } of kit) test(rule, run)

    async function created(adapter: ResourceAdapter<unknown>, key: string, value: unknown) {
      const result = await adapter.write?.(key, value, null)
      if (!result?.ok) throw new Error(`${key} is taken`)
      return result.state
    }

    test('keys with NUL, half a surrogate pair and 16 KiB are kept apart, under names that are short', async () => {
      const prefix = fresh()
      const adapter = over(one.client, prefix)
      const keys = ['a', 'a\0', '\ud800', '\udc00', '\ufffd', 'k'.repeat(16_384), '{a}', '#a', 'a b', '*']
      for (const key of keys) await created(adapter, key, key)
      for (const key of keys) expect((await adapter.read(key))?.value).toBe(key)
      const names = await admin.keys(`${prefix}:*`)
      expect(names).toHaveLength(keys.length)
      for (const each of names) expect(each).toMatch(/^[\w:]+\{(?:a|#[\w-]{43})\}$/)
    })

    test('a server that forgets its scripts is told them again', async () => {
      const adapter = over(one.client, fresh())
      const { version } = await created(adapter, 'a', 1)
      await admin.script('FLUSH')
      expect(await adapter.write('a', 2, version)).toMatchObject({ ok: true })
      await admin.script('FLUSH')
      expect((await adapter.read('a'))?.value).toBe(2)
      await admin.script('FLUSH')
      expect(await adapter.remove('a', version)).toMatchObject({ ok: false })
    })

    test('8 that add 25 each through two clients end at 200', async () => {
      const prefix = fresh()
      const adapters = [over(one.client, prefix), over(two.client, prefix)]
      await created(over(one.client, prefix), 'a', 0)
      const add = async (adapter: ReturnType<typeof over>) => {
        for (let added = 0; added < 25; ) {
          const state = await adapter.read('a')
          if (state && (await adapter.write('a', Number(state.value) + 1, state.version)).ok) added += 1
        }
      }
      await Promise.all([...adapters, ...adapters, ...adapters, ...adapters].map(add))
      expect((await over(one.client, prefix).read('a'))?.value).toBe(200)
    })

    test('with a TTL a resource ends, and every change begins it anew', async () => {
      const prefix = fresh()
      const adapter = redisAdapter({ client: one.client, prefix, ttlMs: 60_000 })
      const { version } = await created(adapter, 'a', 1)
      await admin.pexpire(`${prefix}:{a}`, 1000)
      await adapter.write('a', 2, version)
      expect(await admin.pttl(`${prefix}:{a}`)).toBeGreaterThan(50_000)
      await admin.del(`${prefix}:{a}`)
      await created(over(one.client, prefix), 'a', 1)
      expect(await admin.pttl(`${prefix}:{a}`)).toBe(-1)
    })

    test('a script that is sent a second time finds what it wrote itself', async () => {
      const prefix = fresh()
      const adapter = redisAdapter<number>({ client: twice(one.client), prefix })
      const { version } = await created(adapter, 'a', 1)
      const result = await adapter.write('a', 2, version)
      expect(result).toMatchObject({ ok: true, state: { value: 2 } })
      expect(await adapter.read('a')).toEqual(result.ok && result.state)
    })

    test('what the server refuses was not written', async () => {
      const prefix = fresh()
      await admin.set(`${prefix}:{a}`, 'another type')
      const error = await over(one.client, prefix)
        .write('a', 'secret', null)
        .catch((reason: unknown) => reason)
      expect(isStoreFault(error) && error.applied).toBe('no')
      expect(String(error)).toContain('redisAdapter(): WRONGTYPE')
      expect(String(error)).not.toContain('secret')
    })
  })

  test('a client that is not connected and does not queue has written nothing', async () => {
    const adapter = redisAdapter({ client: down[name]?.() ?? fail(), prefix: 'down' })
    const error = await adapter.write('a', 1, null).catch((reason: unknown) => reason)
    expect(isStoreFault(error) && error.applied).toBe('no')
  })
})

/** Sends everything twice, as clients do that lost their connection before the answer. */
function twice(client: Client): Client {
  return new Proxy(client, {
    get:
      (target, name) =>
      async (...args: unknown[]) => {
        const call = Reflect.get(target, name) as (...given: unknown[]) => Promise<unknown>
        await call.apply(target, args)
        return call.apply(target, args)
      },
  })
}

function fail(): never {
  throw new Error('no such client')
}
