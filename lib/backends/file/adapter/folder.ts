import { createHash, randomBytes } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { storeFault } from '../../../contracts/store-fault'
import type { Spool } from '../../../contracts/stored-file'
import { sha256 } from '../../../json/sha256'
import { codeOf, type FileSystem, faultOf, ownFolder } from '../system'
import { entryOf, folderOf, headOf, nameOf, superseded } from './resource-folder'
import { fileAt } from './state'

/** The folder of an adapter, with its spool, in which files are written before they get their names. */
export interface Folder {
  readonly path: string
  /** The folder of a key. It exists if something was stored under the key. */
  placeOf(key: string): string
  /** A path in the spool that belongs to this process. */
  spoolPath(what: string): string
  /** Rejects if the folder is missing or was replaced. Otherwise every key would seem to be free. */
  demandThere(): Promise<void>
}

const SPOOL = '.spool'

/**
 * Creates the folder if it is missing, and removes what killed processes left in it. Refuses a folder that others can
 * write to.
 */
export function openFolder(who: string, given: string, keepVersions: number, files: FileSystem): Folder {
  const path = ownFolder(given, who)
  const spool = ownFolder(join(path, SPOOL), who)
  const opened = lstatSync(spool)
  const owner = ownerName()
  sweep(path, spool, keepVersions)
  return {
    path,
    placeOf: (key) => join(path, folderOf(key)),
    spoolPath: (what) => join(spool, `${owner}~${what}`),
    async demandThere() {
      const seen = await files.lstat(spool).catch((error: unknown) => codeOf(error))
      if (typeof seen === 'object' && seen.ino === opened.ino && seen.dev === opened.dev) return
      const cause = new Error(`${who}: the folder ${path} is not there any more, or another one.`)
      throw storeFault(cause, { applied: 'no' })
    },
  }
}

/** Receives a file on the disk where it will be stored, so that storing it only takes another name. */
export async function openSpool(files: FileSystem, folder: Folder): Promise<Spool> {
  const path = folder.spoolPath(randomBytes(8).toString('hex'))
  const handle = await files.open(path, 'wx', 0o600)
  const hash = createHash('sha256')
  let size = 0
  let isOpen = true

  async function close(): Promise<void> {
    if (!isOpen) return
    isOpen = false
    await handle.close()
  }

  return {
    async write(chunk) {
      hash.update(chunk)
      size += chunk.length
      await handle.writeFile(chunk).catch((error: unknown) => {
        throw faultOf(error, 'no')
      })
    },
    async finish(type) {
      await close()
      return fileAt(path, { size, type, digest: `sha-256=:${hash.digest('base64')}:` })
    },
    async discard() {
      await close().catch(() => undefined)
      // The next sweep removes what is left.
      await files.rm(path, { force: true }).catch(() => undefined)
    },
  }
}

/** After this time, files of processes that cannot be checked are removed. */
const GIVEN_UP_MS = 24 * 3_600_000

/** The owner, and the generation and folder for which the file was written. */
const SPOOLED = /^([^~]+)~(?:(\d+-[0-9a-f]{16})~(.+))?/

/**
 * Removes what killed processes left, and nothing that a living process writes.
 *
 * Every write begins in the spool, under a name that says who writes and for which folder. So only the spool and the
 * folders that it names have to be looked at, however many folders there are.
 */
export function sweep(folder: string, spool: string, keepVersions: number): void {
  for (const name of readdirSync(spool)) {
    const [, owner = '', generation, place = ''] = SPOOLED.exec(name) ?? []
    const state = stateOfOwner(owner)
    if (state === 'alive' || (state === 'elsewhere' && !isGivenUp(join(spool, name)))) continue
    // Only if the process is dead: a living one could still make what it wrote there the current state.
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
    // The folder was never created.
    return []
  }
}

function isGivenUp(path: string): boolean {
  const seen = statSync(path, { throwIfNoEntry: false })
  return seen !== undefined && Date.now() - seen.mtimeMs > GIVEN_UP_MS
}

/**
 * Names the process that writes a file in the spool: its number, when it started, and where that number counts. In
 * another container the same number is another process.
 */
export function ownerName(): string {
  return `${process.pid}-${startOf(process.pid) ?? 0}-${place()}`
}

/** `elsewhere`: a process on another machine or in another container, whose state cannot be checked from here. */
function stateOfOwner(name: string): 'alive' | 'dead' | 'elsewhere' {
  const [pid = '', start, where] = name.split('-')
  if (where !== place()) return 'elsewhere'
  if (!isRunning(Number(pid))) return 'dead'
  // The system reuses process numbers, so a process that started at another time is another one.
  const startedAt = startOf(Number(pid))
  return startedAt === undefined || start === '0' || startedAt === start ? 'alive' : 'dead'
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // EPERM means that it runs as another user.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

/**
 * When a process started, in ticks since the start of the machine; `undefined` if there is no /proc or no such process.
 */
function startOf(pid: number): string | undefined {
  const status = orUndefined(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  // The second field is the name of the program in parentheses, which may contain anything.
  return status?.slice(status.lastIndexOf(')') + 2).split(' ')[19]
}

function place(): string {
  const space = orUndefined(() => readlinkSync('/proc/self/ns/pid')) ?? ''
  return sha256(`${hostname()} ${space}`, 'hex').slice(0, 12)
}

function orUndefined<R>(look: () => R): R | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}
