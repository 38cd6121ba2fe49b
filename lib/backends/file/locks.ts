import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { mkdir, readdir, stat, unlink, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { LockManager } from '../../contracts/lock'
import { storeFault } from '../../contracts/store-fault'
import { anything, checkOptions } from '../../options'
import { type Grant, holdLease, pollFor } from '../leases/lease'
import { ownFolder, unless, uptimeMs } from './system'

/** Where the locks are. */
export interface FileLocksOptions {
  /** A folder on a disk of this machine, which no other user can write to. It is made when it is missing. */
  readonly folder: string
}

/** Besides the newest one. They are kept only for processes that have listed them and not tried yet. */
const GENERATIONS_KEPT = 3

/**
 * A process that finds the lock held makes this file, and the one that releases the lock removes it. It is only a hint:
 * everything works without it.
 */
const WANTED = 'wanted'

/** Twice the longest wait between two looks. */
const SHARED_MS = 100

/** How many keys are remembered, to save a look at them. */
const REMEMBERED = 1000

/** If the times of a file this old were never set, its process ended before it could set them. */
const UNSTAMPED_MS = 10_000

/** A renewal that arrives while we look may seem this much later than now. */
const SINCE_RESTART_MS = 60_000

/** Times of day are above this, and times since the machine started below: 31 years. */
const TIMES_OF_DAY_MS = 1e12

/**
 * Locks for the processes of one machine, in files. Each grant is a file of its own, and its number is the fence: a
 * lock that ran out is taken by creating the next one, never by renaming or removing what somebody else may be looking
 * at.
 *
 * When a file was renewed and when it ends are its two times, on the clock that counts from the start of the machine:
 * processes share that clock, and nobody sets it. Each key that was ever locked keeps a folder with up to five empty
 * files.
 */
export function fileLocks(options: FileLocksOptions): LockManager {
  checkOptions('fileLocks()', options, { folder: anything })
  const root = ownFolder(options.folder, 'fileLocks()')
  const ended = new Map<string, Ended>()

  function remember(place: string, generation: number, isWanted: boolean): void {
    const nowMs = performance.now()
    const sharedUntil = isWanted ? nowMs + SHARED_MS : (ended.get(place)?.sharedUntil ?? nowMs)
    ended.delete(place)
    ended.set(place, { generation, sharedUntil })
    const oldest = ended.keys().next().value
    if (ended.size > REMEMBERED && oldest !== undefined) ended.delete(oldest)
  }

  async function next(place: string, leaseMs: number): Promise<Grant | undefined> {
    const before = ended.get(place)
    const isOurs = before !== undefined && performance.now() >= before.sharedUntil
    const grant = isOurs ? await begin(place, before.generation + 1, leaseMs, remember) : undefined
    // If it is not there, another process has had the lock since.
    return grant ?? take(place, leaseMs, remember)
  }

  return {
    async acquire(key, terms) {
      const place = join(root, createHash('sha256').update(key).digest('hex'))
      const attempt = { look: () => next(place, terms.leaseMs), giveBack: ({ free }: Grant) => free() }
      const grant = await pollFor(attempt, terms).catch((cause: unknown) => {
        throw storeFault(cause, { applied: 'no' })
      })
      return grant && holdLease(grant, terms).lease
    },
  }
}

/** A generation that this process released is over for good, so it tries the next one without looking first. */
interface Ended {
  readonly generation: number
  /** Until then, it looks anyway: otherwise a process that has to look would almost never beat one that does not. */
  readonly sharedUntil: number
}

type OnEnd = (place: string, generation: number, isWanted: boolean) => void

async function take(place: string, leaseMs: number, onEnd: OnEnd): Promise<Grant | undefined> {
  const [newest = 0] = (await look(place)).generations
  if (newest === 0 || (await isOver(join(place, String(newest))))) return begin(place, newest + 1, leaseMs, onEnd)
  await create(join(place, WANTED))
  return undefined
}

/** Of all processes that saw the last generation end, one creates the next. */
async function begin(place: string, generation: number, leaseMs: number, onEnd: OnEnd): Promise<Grant | undefined> {
  const file = join(place, String(generation))
  const askedAt = performance.now()
  if (!(await create(file))) return undefined
  await stamp(file, leaseMs)
  const seen = await look(place)
  const [newest, ...older] = seen.generations
  // If the look was long ago, others may have held this generation and cleared it away.
  if (newest !== generation) return unless('ENOENT', unlink(file)).then(() => undefined)
  const cleared = older.slice(GENERATIONS_KEPT - 1).map((old) => join(place, String(old)))
  if (seen.isWanted) cleared.push(join(place, WANTED))
  return {
    fence: String(generation),
    askedAt,
    free: async () => {
      await Promise.all([end(file), ...cleared.map((old) => unless('ENOENT', unlink(old)))])
      onEnd(place, generation, seen.isWanted)
    },
    renew: async () => (await stamp(file, leaseMs)) && isNewest(place, generation),
  }
}

/** The generations that are there, the newest first, and whether somebody has found the lock held. */
async function look(place: string): Promise<{ generations: number[]; isWanted: boolean }> {
  const names = await unless('ENOENT', readdir(place))
  if (names === undefined) await mkdir(place, { recursive: true, mode: 0o700 })
  const numbers = (names ?? []).filter((name) => name !== WANTED).map(Number)
  return { generations: numbers.sort((a, b) => b - a), isWanted: numbers.length !== (names ?? []).length }
}

async function isNewest(place: string, generation: number): Promise<boolean> {
  return (await look(place)).generations[0] === generation
}

const open = promisify(fs.open)
const close = promisify(fs.close)

/** `false` when it is there, or its folder is not. */
async function create(file: string): Promise<boolean> {
  const opened = await unless('ENOENT', unless('EEXIST', open(file, 'wx', 0o600)))
  if (opened === undefined) return false
  // Nobody waits for this.
  close(opened).catch(() => {})
  return true
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

/** The file stays marked as ended for every reader, so this release cannot end the lock of a later holder. */
async function end(file: string): Promise<void> {
  await unless('ENOENT', utimes(file, 0, 0))
}

async function isOver(file: string): Promise<boolean> {
  // Reads the clocks first: a holder that renews in time while we look must not seem late.
  const now = uptimeMs()
  const today = Date.now()
  const seen = await unless('ENOENT', stat(file))
  // It was cleared away, so there is a newer one: look again.
  if (!seen) return false
  if (seen.mtimeMs > TIMES_OF_DAY_MS) return Math.abs(today - seen.ctimeMs) > UNSTAMPED_MS
  // A machine that was started again counts from 0: what was renewed long after now was renewed before that.
  return now >= seen.mtimeMs || seen.atimeMs > now + SINCE_RESTART_MS
}
