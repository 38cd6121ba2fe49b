import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { entryOf, headOf, nameOf, superseded } from './resource-folder'

/** Of processes that cannot be asked: what they have not touched for so long is given up. */
const GIVEN_UP_MS = 24 * 3_600_000

/** owner, and where it was going: generation and folder. */
const SPOOLED = /^([^~]+)~(?:(\d+-[0-9a-f]{16})~(.+))?/

/**
 * Takes away what killed processes left, and nothing that a living one writes.
 *
 * Whatever is written begins in the spool, under a name that says by whom, and where it is going. So the spool is all
 * that has to be looked at, and the folders that it names, however many there are.
 */
export function sweep(folder: string, spool: string, keepVersions: number): void {
  for (const name of readdirSync(spool)) {
    const [, owner = '', generation, place = ''] = SPOOLED.exec(name) ?? []
    const state = stateOfOwner(owner)
    if (state === 'alive' || (state === 'elsewhere' && !isGivenUp(join(spool, name)))) continue
    // A process that may still be alive could go on and make what it put there the current state.
    if (state === 'dead' && generation !== undefined) clear(join(folder, place), generation, keepVersions)
    rmSync(join(spool, name), { recursive: true, force: true })
  }
}

function clear(place: string, generation: string, keepVersions: number): void {
  const entries = namesIn(place).flatMap((name) => entryOf(name) ?? [])
  const head = headOf(entries)
  if (head === undefined) return
  const unborn = entries.filter((entry) => nameOf(entry) === generation && nameOf(head) !== generation)
  const old = superseded(entries, head, head.suffix === 'none', keepVersions)
  for (const { name } of [...unborn, ...old]) rmSync(join(place, name), { force: true })
}

function namesIn(place: string): string[] {
  try {
    return readdirSync(place)
  } catch {
    // It was never made.
    return []
  }
}

function isGivenUp(path: string): boolean {
  const seen = statSync(path, { throwIfNoEntry: false })
  return seen !== undefined && Date.now() - seen.mtimeMs > GIVEN_UP_MS
}

/**
 * Who writes a file in the spool, as part of its name: the process, when it started, and where its number counts. In
 * another container the same number is another process.
 */
export function ownerName(): string {
  return `${process.pid}-${startOf(process.pid) ?? 0}-${place()}`
}

/** `elsewhere`: a process of another machine or container, of which nothing can be known here. */
function stateOfOwner(name: string): 'alive' | 'dead' | 'elsewhere' {
  const [pid = '', start, where] = name.split('-')
  if (where !== place()) return 'elsewhere'
  if (!isRunning(Number(pid))) return 'dead'
  // The system reuses process numbers: a process that started at another time is another one.
  const startedAt = startOf(Number(pid))
  return startedAt === undefined || start === '0' || startedAt === start ? 'alive' : 'dead'
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // EPERM: it runs as somebody else.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

/** In ticks since the machine was started; `undefined` where there is no /proc, or no such process. */
function startOf(pid: number): string | undefined {
  const status = attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  // The second field is the name of the program, in parentheses, and may hold anything.
  return status?.slice(status.lastIndexOf(')') + 2).split(' ')[19]
}

function place(): string {
  const space = attempt(() => readlinkSync('/proc/self/ns/pid')) ?? ''
  return createHash('sha256').update(`${hostname()} ${space}`).digest('hex').slice(0, 12)
}

function attempt<R>(look: () => R): R | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}
