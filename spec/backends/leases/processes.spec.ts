import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeWith, ownName } from '../../services'
import { contender, countTogether, failOver } from './contest'
import type { Service } from './managers'
import { redisServer, ZOOKEEPER_JAR, zookeeperServer } from './own-server'

jest.setTimeout(60_000)

const LEASE_MS = 1000
/** That it happens at all is what is held here; how fast it is, bench/locks/prove.js measures. */
const SLOW_MACHINE_MS = 15_000

function excludes(service: Service, at: () => string): void {
  const prefix = ownName('locks')

  test('four processes count under one lock, and lose no count', async () => {
    const { grants, overlaps, counted } = await countTogether(service, at(), prefix, 4, 500)
    expect({ overlaps, counted }).toEqual({ overlaps: 0, counted: grants })
    expect(grants).toBeGreaterThan(0)
  })

  test('a holder that is killed makes way when its lease is over', async () => {
    const { takenAfterMs } = await failOver(service, at(), prefix, 'SIGKILL', LEASE_MS)
    expect(takenAfterMs).toBeLessThan(LEASE_MS + SLOW_MACHINE_MS)
  })

  test('a holder that is stopped makes way too, and is told as soon as it goes on', async () => {
    const { takenAfterMs, toldAfterMs, fences } = await failOver(service, at(), prefix, 'SIGSTOP', LEASE_MS)
    expect(takenAfterMs).toBeLessThan(LEASE_MS + SLOW_MACHINE_MS)
    expect(toldAfterMs).toBeLessThan(SLOW_MACHINE_MS)
    expect(BigInt(fences[1] ?? 0)).toBeGreaterThan(BigInt(fences[0] ?? 0))
  })
}

describeWith('Redis', 'redisLocks across processes', (url) => excludes('redis', () => url))
describeWith('PostgreSQL', 'postgresLocks across processes', (url) => excludes('postgres', () => url))
describeWith('MariaDB', 'mysqlLocks across processes', (url) => excludes('mysql', () => url))

describe('fileLocks across processes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'file-locks-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  excludes('file', () => folder)

  test('of those who find a lock that ran out, one gets it', async () => {
    const { grants, overlaps, counted } = await countTogether('file', folder, '', 6, 500, folder)
    expect({ overlaps, counted }).toEqual({ overlaps: 0, counted: grants })
    expect(grants).toBeGreaterThan(0)
  })
})

if (existsSync(ZOOKEEPER_JAR) || process.env.CONFLICT_SERVICES === 'required') {
  describe('zookeeperLocks across processes', () => {
    const server = zookeeperServer(30_000 + (process.pid % 10_000))
    beforeAll(() => server.start(), 30_000)
    afterAll(() => server.stop())
    excludes('zookeeper', () => `127.0.0.1:${server.port}`)
  })
}

describeWith('Redis', 'a Redis that is started again, empty', () => {
  const server = redisServer(40_000 + (process.pid % 10_000))
  beforeAll(() => server.start(), 30_000)
  afterAll(() => server.stop())

  test('tells its holders at the next renewal that they hold nothing, and its fences go on growing', async () => {
    const at = `redis://127.0.0.1:${server.port}`
    const [first, second] = [contender('redis', at, 'locks'), contender('redis', at, 'locks')]
    const terms = { waitMs: 5000, leaseMs: LEASE_MS, maxHoldMs: 60_000 }
    first.tell({ task: 'hold', key: 'a', terms })
    const held = await first.next('held')
    await server.kill()
    await server.start()
    await first.next('lost')
    second.tell({ task: 'hold', key: 'a', terms })
    const next = await second.next('held')
    expect(BigInt(next.fence ?? 0)).toBeGreaterThan(BigInt(held.fence ?? 0))
    for (const each of [first, second]) each.end()
  })
})
