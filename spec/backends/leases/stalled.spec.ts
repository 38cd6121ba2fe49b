import { Redis } from 'ioredis'
import { createPool } from 'mysql2/promise'
import { Pool } from 'pg'
import { mysqlLocks } from '../../../lib/backends/mysql'
import { postgresLocks } from '../../../lib/backends/postgres'
import { redisLocks } from '../../../lib/backends/redis'
import type { LockManager } from '../../../lib/contracts/lock'
import { describeWith, ownName } from '../../services'
import { cuttable } from './cuttable'

type Make = (url: string, prefix: string) => { locks: LockManager; close: () => unknown }

const makers = {
  Redis: (url, prefix) => {
    const client = new Redis(url, { maxRetriesPerRequest: 0 })
    client.on('error', () => {})
    return { locks: redisLocks({ client, prefix, deadlineMs: 500 }), close: () => client.disconnect() }
  },
  PostgreSQL: (url, prefix) => {
    const pool = new Pool({ connectionString: url })
    pool.on('error', () => {})
    const locks = postgresLocks({ pool, prefix, deadlineMs: 500 })
    return { locks, close: () => locks.close() }
  },
  MariaDB: (url, prefix) => {
    const pool = createPool({ uri: url })
    const locks = mysqlLocks({ pool, prefix, deadlineMs: 500 })
    const close = async () => {
      locks.close()
      await pool.end().catch(() => {})
    }
    return { locks, close }
  },
} satisfies Record<string, Make>

const LEASE_MS = 1000
const terms = { waitMs: 10_000, leaseMs: LEASE_MS, maxHoldMs: 60_000 }

for (const [service, make] of Object.entries(makers) as [keyof typeof makers, Make][]) {
  describeWith(service, `a connection to ${service}`, (url) => {
    test.each([
      ['on which nothing arrives any more', 'stall'],
      ['that is cut', 'cut'],
    ] as const)(
      '%s is told as a loss before another gets the lock, and the next call rejects',
      async (_, fault) => {
        const way = await cuttable(Number(new URL(url).port))
        const through = new URL(url)
        through.port = String(way.port)
        const prefix = ownName('locks')
        const [ours, others] = [make(through.href, prefix), make(url, prefix)]
        const lease = await ours.locks.acquire('a', terms)
        const from = performance.now()
        way[fault]()
        const next = await others.locks.acquire('a', terms)
        expect(lease?.signal.aborted).toBe(true)
        expect(performance.now() - from).toBeLessThan(LEASE_MS + 15_000)
        await expect(ours.locks.acquire('b', terms)).rejects.toThrow()
        await lease?.release()
        await next?.release()
        for (const { close } of [ours, others]) await close()
        await way.close()
      },
      20_000,
    )
  })
}
