import { createHash } from 'node:crypto'
import { closeSync, openSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Lease, LockManager } from '../../../lib/contracts/lock'

/** What a process of its own is told to do with a lock, over the channel to its parent. */
export type Task =
  | { readonly task: 'hold'; readonly key: string; readonly terms: Terms }
  | { readonly task: 'release' }
  /** Counts in a file under the lock for so long, and sees whether anybody else is in there. */
  | {
      readonly task: 'count'
      readonly key: string
      readonly terms: Terms
      readonly ms: number
      readonly file: string
      /** The folder of file locks: nobody releases, and each lock is found run out by the next one. */
      readonly abandonIn?: string | undefined
    }

export type Report =
  | { readonly report: 'held'; readonly fence?: string | undefined; readonly atMs: number }
  | { readonly report: 'in vain' }
  | { readonly report: 'lost'; readonly atMs: number }
  | { readonly report: 'released' }
  | { readonly report: 'counted'; readonly grants: number; readonly overlaps: number }

export interface Terms {
  readonly waitMs: number
  readonly leaseMs: number
  readonly maxHoldMs: number
}

export type Service = 'redis' | 'postgres' | 'mysql' | 'zookeeper' | 'file'

/** Processes of one machine share this clock. */
const nowMs = () => Number(process.hrtime.bigint()) / 1e6
const tell = (report: Report) => process.send?.(report)

function managerOf(service: Service, at: string, prefix: string): LockManager {
  if (service === 'redis') {
    const { Redis } = require('ioredis') as typeof import('ioredis')
    const client = new Redis(at, { maxRetriesPerRequest: 0, retryStrategy: () => 50 })
    client.on('error', () => {})
    return (require('../../../lib/backends/redis') as typeof import('../../../lib/backends/redis')).redisLocks({
      client,
      prefix,
    })
  }
  if (service === 'postgres') {
    const { Pool } = require('pg') as typeof import('pg')
    const pool = new Pool({ connectionString: at, max: 2 })
    return (require('../../../lib/backends/postgres') as typeof import('../../../lib/backends/postgres')).postgresLocks(
      {
        pool,
        prefix,
      },
    )
  }
  if (service === 'mysql') {
    const { createPool } = require('mysql2/promise') as typeof import('mysql2/promise')
    const pool = createPool({ uri: at, connectionLimit: 2 })
    return (require('../../../lib/backends/mysql') as typeof import('../../../lib/backends/mysql')).mysqlLocks({
      pool,
      prefix,
    })
  }
  if (service === 'zookeeper') {
    const { createClient } = require('../zookeeper/zookeeper-client') as typeof import('../zookeeper/zookeeper-client')
    return (
      require('../../../lib/backends/zookeeper') as typeof import('../../../lib/backends/zookeeper')
    ).zookeeperLocks({
      createClient: () => createClient(at, { sessionTimeout: 1000, spinDelay: 50 }),
      root: `/${prefix}`,
    })
  }
  return (require('../../../lib/backends/file') as typeof import('../../../lib/backends/file')).fileLocks({
    folder: at,
  })
}

async function hold(locks: LockManager, key: string, terms: Terms): Promise<Lease | undefined> {
  const lease = await locks.acquire(key, terms)
  lease?.signal.addEventListener('abort', () => tell({ report: 'lost', atMs: nowMs() }))
  tell(lease ? { report: 'held', fence: lease.fence, atMs: nowMs() } : { report: 'in vain' })
  return lease
}

async function count(locks: LockManager, task: Task & { task: 'count' }): Promise<Report> {
  const { key, terms, ms, file, abandonIn } = task
  let grants = 0
  let overlaps = 0
  for (const until = nowMs() + ms; nowMs() < until; ) {
    const lease = await locks.acquire(key, terms)
    if (!lease) continue
    if (!enter(`${file}.inside`)) overlaps += 1
    const before = Number(readFileSync(file, 'utf8'))
    await new Promise(setImmediate)
    writeFileSync(file, String(before + 1))
    rmSync(`${file}.inside`, { force: true })
    grants += 1
    if (abandonIn === undefined) await lease.release()
    else abandon(join(abandonIn, createHash('sha256').update(key).digest('hex'), lease.fence ?? ''))
  }
  return { report: 'counted', grants, overlaps }
}

/** As a process leaves it that is killed shortly before its lease is over. */
function abandon(file: string): void {
  utimesSync(file, nowMs() / 1000, (nowMs() + 1) / 1000)
}

function enter(file: string): boolean {
  try {
    closeSync(openSync(file, 'wx'))
    return true
  } catch {
    return false
  }
}

function obey(locks: LockManager): void {
  let held: Promise<Lease | undefined> | undefined
  process.on('message', async (task: Task) => {
    if (task.task === 'hold') held = hold(locks, task.key, task.terms)
    if (task.task === 'count') tell(await count(locks, task))
    if (task.task === 'release') {
      await (await held)?.release()
      tell({ report: 'released' })
    }
  })
  // A parent that is gone has no more use for it.
  process.on('disconnect', () => process.exit())
}

const [, , service, at, prefix] = process.argv
obey(managerOf(service as Service, at ?? '', prefix ?? ''))
