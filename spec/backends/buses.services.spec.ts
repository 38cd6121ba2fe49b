import { Redis } from 'ioredis'
import { Pool } from 'pg'
import { createClient } from 'redis'
import { postgresBus } from '../../lib/backends/postgres'
import { type RedisBusOptions, redisBus } from '../../lib/backends/redis'
import type { MessageBus } from '../../lib/contracts/bus'
import { busKit } from '../../lib/testing'
import { describeWith, ownName } from '../services'

describeWith('Redis', 'redisBus', (url) => {
  const ioredis = new Redis(url)
  const nodeRedis = createClient({ url })
  const goneIoredis = new Redis('redis://127.0.0.1:1', { lazyConnect: true, retryStrategy: null })
  goneIoredis.on('error', () => {})
  const goneNode = createClient({
    url: 'redis://127.0.0.1:1',
    disableOfflineQueue: true,
    socket: { reconnectStrategy: false },
  })
  beforeAll(async () => void (await nodeRedis.connect()))
  afterAll(() => {
    nodeRedis.destroy()
    ioredis.disconnect()
    goneIoredis.disconnect()
  })
  /** Of the subscribers of these tests alone: others have names of their own. */
  const cut = async (channel: string) => {
    const list = String(await ioredis.client('LIST', 'TYPE', 'PUBSUB'))
    const mine = list.split('\n').filter((line) => line.includes(`name=${channel} `))
    for (const line of mine) await ioredis.client('KILL', 'ID', /id=(\d+)/.exec(line)?.[1] ?? '')
  }

  describe.each<['ioredis' | 'node-redis', RedisBusOptions['client'], RedisBusOptions['client']]>([
    ['ioredis', ioredis, goneIoredis],
    ['node-redis', nodeRedis, goneNode],
  ])('with %s keeps the contract', (kind, client, gone) => {
    const channels = new WeakMap<MessageBus, string>()
    /** Clients whose connections have the name of the channel, so that they can be told apart and cut. */
    const named = (channel: string): RedisBusOptions['client'] => {
      if (kind === 'ioredis') {
        const duplicate = () => ioredis.duplicate({ connectionName: channel })
        return { publish: (name: string, text: string) => ioredis.publish(name, text), duplicate }
      }
      const duplicate = () => createClient({ url, name: channel })
      return { publish: (name: string, text: string) => nodeRedis.publish(name, text), duplicate }
    }
    const make = (channel = ownName('bus')) => {
      const bus = redisBus({ client: named(channel), channel })
      channels.set(bus, channel)
      return bus
    }
    const kit = busKit<MessageBus>({
      makeBus: () => make(),
      makeSecond: (bus) => make(channels.get(bus)),
      makeFailing: () => redisBus({ client: gone, deadlineMs: 300 }),
      cut: (bus) => cut(channels.get(bus) ?? ''),
      abilities: { acrossProcesses: true },
    })
    for (const { name, run } of kit) test(name, run)
    test('takes the client as it is', async () => {
      const channel = ownName('bus')
      const bus = redisBus({ client, channel })
      let hear: (text: string) => void = () => undefined
      const heard = new Promise<string>((resolve) => (hear = resolve))
      ends.push(await bus.subscribe({ onMessage: hear, onGap() {} }))
      await bus.publish('hello')
      expect(await heard).toBe('hello')
    })
  })
})

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

describeWith('PostgreSQL', 'postgresBus', (url) => {
  const admin = new Pool({ connectionString: url, max: 1 })
  const gone = new Pool({ host: '127.0.0.1', port: 1 })
  const pools = new Map<MessageBus, { pool: Pool; channel: string }>()
  const make = (channel = ownName('bus')) => {
    const pool = new Pool({ connectionString: url, max: 4, application_name: ownName('bus') })
    pool.on('error', () => {})
    const bus = postgresBus({ pool, channel })
    pools.set(bus, { pool, channel })
    return bus
  }
  afterAll(() => Promise.all([admin, gone].map((pool) => pool.end())))

  describe('keeps the contract', () => {
    const kit = busKit<MessageBus>({
      makeBus: () => make(),
      makeSecond: (bus) => make(pools.get(bus)?.channel),
      makeFailing: () => postgresBus({ pool: gone }),
      cut: async (bus) => {
        const name = pools.get(bus)?.pool.options.application_name
        await admin.query(
          "select pg_terminate_backend(pid, 1000) from pg_stat_activity where application_name = $1 and query like 'listen%'",
          [name],
        )
      },
      disposeBus: async (bus) => pools.get(bus)?.pool.end(),
      abilities: { acrossProcesses: true },
    })
    for (const { name, run } of kit) test(name, run)
  })

  test('gives its connection back when nobody listens', async () => {
    const bus = make()
    const end = await bus.subscribe({ onMessage() {}, onGap() {} })
    const { pool } = pools.get(bus) ?? {}
    expect(pool?.totalCount).toBe(1)
    await end()
    expect(pool?.totalCount).toBe(0)
    await pool?.end()
  })
})

test.each([
  [() => redisBus({ client: {} as never }), 'redisBus(): client is no client of ioredis or node-redis.'],
  [() => postgresBus({ pool: {} as never }), 'postgresBus(): pool is no pool of pg.'],
  [
    () => postgresBus({ pool: new Pool(), channel: 'a b' }),
    'postgresBus(): channel has to be letters, digits and underscores, 63 at most; got "a b".',
  ],
])('refuses wrong options at start-up: case %#', (make, message) => {
  expect(make).toThrow(new TypeError(message))
})
