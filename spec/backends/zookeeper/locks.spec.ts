import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import type { ConnectedLocks } from '../../../lib/backends/leases/session'
import { zookeeperLocks } from '../../../lib/backends/zookeeper'
import { lockKit } from '../../../lib/testing'
import { ownName } from '../../services'
import { cuttable } from '../leases/cuttable'
import { ZOOKEEPER_JAR, zookeeperServer } from '../leases/own-server'
import { inProcesses } from '../processes'
import { type Client, createClient } from './zookeeper-client'

const terms = { waitMs: 5000, leaseMs: 300, maxHoldMs: 10_000 }

/** A server is started here, from Debian's package. */
function describeWithZookeeper(name: string, body: () => void): void {
  if (existsSync(ZOOKEEPER_JAR) || process.env.CONFLICT_SERVICES === 'required') describe(name, body)
  else test.skip(`${name}: ZooKeeper is at ${ZOOKEEPER_JAR}`, () => {})
}

describeWithZookeeper('zookeeperLocks', () => {
  const server = zookeeperServer(20_000 + (process.pid % 10_000))
  const address = `127.0.0.1:${server.port}`
  const managers: ConnectedLocks[] = []
  let admin: Client
  let root = ''

  const make = (at = address) => {
    const locks = zookeeperLocks({
      createClient: () => createClient(at, { sessionTimeout: 1000, spinDelay: 50 }),
      root,
    })
    managers.push(locks)
    return locks
  }
  const lane = (key: string) => `${root}/${createHash('sha256').update(key).digest('hex')}`
  const children = (path: string) =>
    new Promise<string[]>((resolve, reject) =>
      admin.getChildren(path, (error, names) => (error ? reject(error) : resolve(names.sort()))),
    )

  beforeAll(async () => {
    await server.start()
    admin = createClient(address)
    const connected = new Promise<void>((resolve) => admin.on('connected', resolve))
    admin.connect()
    await connected
  }, 30_000)
  afterAll(async () => {
    admin?.close()
    await server.stop()
  })
  beforeEach(() => {
    root = `/${ownName('locks')}`
  })
  afterEach(() => {
    for (const manager of managers.splice(0)) manager.close()
  })

  describe('keeps the contract', () => {
    const kit = lockKit({
      makeManager: () => make(),
      makeSecond: () => make(),
      makeFailing: () =>
        zookeeperLocks({ createClient: () => createClient('127.0.0.1:1', { spinDelay: 50 }), deadlineMs: 300 }),
      takeAway: async (key) => {
        const [holder] = await children(lane(key))
        await new Promise((resolve) => admin.remove(`${lane(key)}/${holder}`, resolve))
      },
      countEntries: () =>
        children(root).then(
          ({ length }) => length,
          () => 0,
        ),
      disposeManager: (manager) => manager.close(),
      abilities: { fence: true, acrossProcesses: true },
      processes: inProcesses(() => ({ at: 'locks', service: 'zookeeper', address, prefix: root.slice(1) })),
    })
    for (const { name, run } of kit) test(name, run)
  })

  test('grants in the order in which it was asked, across managers', async () => {
    const order: number[] = []
    const first = await make().acquire('a', terms)
    const turns: Promise<void>[] = []
    for (const each of [1, 2, 3, 4]) {
      const turn = make().acquire('a', terms)
      turns.push(
        turn.then((lease) => {
          order.push(each)
          return lease?.release()
        }),
      )
      while ((await children(lane('a'))).length <= each) await new Promise(setImmediate)
    }
    await first?.release()
    await Promise.all(turns)
    expect(order).toEqual([1, 2, 3, 4])
  })

  test('who is cut off knows that the lease is lost before another gets the lock, and comes back with a new session', async () => {
    const way = await cuttable(server.port)
    const locks = make(`127.0.0.1:${way.port}`)
    const lease = await locks.acquire('a', terms)
    way.cut()
    const next = await make().acquire('a', terms)
    expect(lease?.signal.aborted).toBe(true)
    expect(BigInt(next?.fence ?? 0)).toBeGreaterThan(BigInt(lease?.fence ?? 0))
    way.heal()
    await lease?.release()
    await next?.release()
    const again = () => locks.acquire('a', terms).catch(() => undefined)
    let last = await again()
    while (!last) last = await again()
    expect(BigInt(last.fence ?? 0)).toBeGreaterThan(BigInt(next?.fence ?? 0))
    await last.release()
    locks.close()
    await way.close()
  }, 20_000)
})
