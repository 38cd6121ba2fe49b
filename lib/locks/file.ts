import { createHash } from 'node:crypto'
import { mkdir, open, readdir, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { ownFolder } from '../files/own-folder'
import { unless } from '../files/unless'
import { uptimeMs } from '../files/uptime'
import { type Grant, holdLease } from '../leases/lease'
import { pollFor } from '../leases/wait'
import type { LockManager } from '../lock'
import { storeFault } from '../store-fault'

/** Where the locks are. */
export interface FileLocksOptions {
  /** A folder on a disk of this machine, which no other user can write to. It is made when it is missing. */
  readonly folder: string
}

/** Older generations are only kept for who listed them and has not tried yet. */
const GENERATIONS_KEPT = 4

/** A file of which the times were never set belongs to a process that ended in between, once it is this old. */
const UNSTAMPED_MS = 10_000

/** How much later than now a renewal may seem that came while we looked. */
const SINCE_RESTART_MS = 60_000

/** Times of day lie above, and times since the machine was started below: it is 31 years of them. */
const TIMES_OF_DAY_MS = 1e12

/**
 * Locks for the processes of one machine, in files. Each grant is a file of its own, and its number is the fence: a lock
 * that ran out is taken by creating the next one, never by renaming or removing what somebody else may be looking at.
 *
 * When a file was renewed and when it ends are its two times, on the clock that counts from the start of the machine:
 * processes share that clock, and nobody sets it. Each key that was ever locked keeps a folder with four empty files.
 */
export function fileLocks({ folder }: FileLocksOptions): LockManager {
  const root = ownFolder(folder, 'fileLocks()')

  return {
    async acquire(key, terms) {
      const place = join(root, createHash('sha256').update(key).digest('hex'))
      const look = () => take(place, terms.leaseMs)
      const grant = await pollFor({ look, giveBack: ({ free }) => free() }, terms).catch((cause: unknown) => {
        throw storeFault(cause, { applied: 'no' })
      })
      return grant && holdLease(grant, terms).lease
    },
  }
}

async function take(place: string, leaseMs: number): Promise<Grant | undefined> {
  const before = await generations(place)
  const newest = before[0] ?? 0
  if (newest > 0 && !(await isOver(join(place, String(newest))))) return undefined
  const generation = newest + 1
  const file = join(place, String(generation))
  const askedAt = performance.now()
  // Of all who saw the same generation end, one creates the next.
  if (!(await create(file))) return undefined
  await stamp(file, leaseMs)
  // Somebody who stood still since the listing may have created a generation that was long over and cleared away.
  if (!(await isNewest(place, generation))) return undefined
  await Promise.all(before.slice(GENERATIONS_KEPT - 1).map((old) => rm(join(place, String(old)), { force: true })))
  return {
    fence: String(generation),
    askedAt,
    free: () => end(file),
    renew: async () => (await stamp(file, leaseMs)) && isNewest(place, generation),
  }
}

/** The generations that are there, the newest first. */
async function generations(place: string): Promise<number[]> {
  const names = await unless('ENOENT', readdir(place))
  if (names === undefined) await mkdir(place, { recursive: true, mode: 0o700 })
  return (names ?? []).map(Number).sort((a, b) => b - a)
}

async function isNewest(place: string, generation: number): Promise<boolean> {
  return (await generations(place))[0] === generation
}

async function create(file: string): Promise<boolean> {
  const handle = await unless('EEXIST', open(file, 'wx', 0o600))
  await handle?.close()
  return handle !== undefined
}

/** Says until when the file holds the lock; `false` when it is gone, because there are newer ones. */
async function stamp(file: string, leaseMs: number): Promise<boolean> {
  const nowMs = uptimeMs()
  const untilMs = nowMs + leaseMs
  const stamped = utimes(file, nowMs / 1000, untilMs / 1000).then(() => stat(file))
  const kept = await unless('ENOENT', stamped)
  if (!kept || Math.abs(kept.mtimeMs - untilMs) < 1) return kept !== undefined
  throw new Error(`fileLocks(): the file system of ${file} keeps no exact times; use a folder on another one.`)
}

/** It stays over whoever looks at it, so a release is none of a later holder's. */
async function end(file: string): Promise<void> {
  await unless('ENOENT', utimes(file, 0, 0))
}

async function isOver(file: string): Promise<boolean> {
  // The clocks are read first: a holder that renewed in time after we looked must not seem late.
  const now = uptimeMs()
  const today = Date.now()
  const seen = await unless('ENOENT', stat(file))
  // It was cleared away, so there is a newer one: look again.
  if (!seen) return false
  if (seen.mtimeMs > TIMES_OF_DAY_MS) return Math.abs(today - seen.ctimeMs) > UNSTAMPED_MS
  // A machine that was started again counts from 0: what was renewed long after now was renewed before that.
  return now >= seen.mtimeMs || seen.atimeMs > now + SINCE_RESTART_MS
}
