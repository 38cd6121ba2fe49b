import * as fs from 'node:fs'
import { mkdir, readdir, stat, unlink, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { LockManager } from '../../contracts/lock'
import { storeFault } from '../../contracts/store-fault'
import { sha256 } from '../../json/sha256'
import { anything, checkOptions } from '../../options'
import { type Grant, holdLease, pollFor } from '../leases/lease'
import { ownFolder, unless, uptimeMs } from './system'

/** Where the locks are. */
export interface FileLocksOptions {
  /** A folder on a local disk, which no other user can write to. It is created if it is missing. */
  readonly folder: string
}

/**
 * How many old generations stay beside the newest one. They are only kept for processes that have listed them and not
 * tried yet.
 */
const GENERATIONS_KEPT = 3

/**
 * A process that finds the lock held makes this file, and the one that releases the lock removes it. It is only a hint:
 * everything works without it.
 */
const WANTED = 'wanted'

/** Twice the longest wait between two looks. */
const SHARED_MS = 100

/** How many keys a process remembers, to save a look at them. */
const REMEMBERED = 1000

/** If the times of a file this old were never set, its process ended before it could set them. */
const UNSTAMPED_MS = 10_000

/** A renewal that arrives while we look may seem this much later than now. */
const SINCE_RESTART_MS = 60_000

/** Times of day are above this, and times since the machine started below: 31 years. */
const TIMES_OF_DAY_MS = 1e12

/**
 * Locks for the processes of one machine, in files. Each grant is a file of its own, and its number is the fence. A lock
 * that ran out is taken by creating the next file, never by renaming or removing one that somebody else may be looking
 * at.
 *
 * The two times of a file say when the lease was renewed and when it ends. They count from the start of the machine: all
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
    // If that fails, another process has had the lock since.
    return grant ?? take(place, leaseMs, remember)
  }

  return {
    async acquire(key, terms) {
      const place = join(root, sha256(key, 'hex'))
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
  /**
   * Until then, this process looks first, as all others have to. Otherwise it would almost always be faster than they
   * are.
   */
  readonly sharedUntil: number
}

type OnEnd = (place: string, generation: number, isWanted: boolean) => void

async function take(place: string, leaseMs: number, onEnd: OnEnd): Promise<Grant | undefined> {
  const [newest = 0] = (await look(place)).generations
  if (newest === 0 || (await isOver(join(place, String(newest))))) return begin(place, newest + 1, leaseMs, onEnd)
  await create(join(place, WANTED))
  return undefined
}

/** Creates the next generation. Of all processes that saw the last one end, only one succeeds. */
async function begin(place: string, generation: number, leaseMs: number, onEnd: OnEnd): Promise<Grant | undefined> {
  const file = join(place, String(generation))
  const askedAt = performance.now()
  if (!(await create(file))) return undefined
  await stamp(file, leaseMs)
  const seen = await look(place)
  const [newest, ...older] = seen.generations
  // If the last look was long ago, others may have held this generation and cleared it away.
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

/** The existing generations, newest first, and whether somebody has found the lock held. */
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

/** `false` if the file exists, or its folder does not. */
async function create(file: string): Promise<boolean> {
  const opened = await unless('ENOENT', unless('EEXIST', open(file, 'wx', 0o600)))
  if (opened === undefined) return false
  // Nobody waits for this.
  close(opened).catch(() => {})
  return true
}

/** Records until when the file holds the lock. `false` if the file is gone, because there are newer ones. */
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
  // The clocks are read first: a holder that renews in time while we look must not seem late.
  const now = uptimeMs()
  const today = Date.now()
  const seen = await unless('ENOENT', stat(file))
  // The file was cleared away, so there is a newer one. The next look finds it.
  if (!seen) return false
  if (seen.mtimeMs > TIMES_OF_DAY_MS) return Math.abs(today - seen.ctimeMs) > UNSTAMPED_MS
  // After a restart, the machine counts from 0 again. A renewal that lies far in the future was made before the
  // restart.
  return now >= seen.mtimeMs || seen.atimeMs > now + SINCE_RESTART_MS
}
