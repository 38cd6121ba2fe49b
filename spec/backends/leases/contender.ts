import { createHash } from 'node:crypto'
import { closeSync, openSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Lease, LockManager } from '../../../lib/contracts/lock'
import { managerOf, type Service } from './managers'

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

/** Processes of one machine share this clock. */
const nowMs = () => Number(process.hrtime.bigint()) / 1e6
const tell = (report: Report) => process.send?.(report)

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
