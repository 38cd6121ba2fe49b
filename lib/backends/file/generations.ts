import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { unless, uptimeMs } from './system'

/** The newest file of a folder: its text and its number. */
interface Newest {
  readonly generation: number
  /** `undefined`: there is no file yet. */
  readonly text: string | undefined
  /** When the folder was listed. */
  readonly listedAt: number
}

/**
 * How long a file stays after newer ones exist. A process that has listed the folder has this long to create the next
 * generation. Later, that name could be free again although another process had taken it in between.
 */
const KEPT_MS = 10_000

/** The newest generation. If it is cleared away while we look, there are newer ones, so we look again. */
export async function newestIn(place: string): Promise<Newest> {
  for (;;) {
    const listedAt = uptimeMs()
    const generation = (await generationsIn(place))[0] ?? 0
    if (generation === 0) return { generation, text: undefined, listedAt }
    const text = await unless('ENOENT', readFile(join(place, String(generation)), 'utf8'))
    if (text !== undefined) return { generation, text, listedAt }
  }
}

/**
 * Makes a text the next generation; `false` if another process was faster. The hard link ensures that the file is
 * complete before it gets its name, and that only one process gets that name.
 */
export async function createNext(place: string, drafts: string, seen: Newest, text: string): Promise<boolean> {
  const generation = seen.generation + 1
  const draft = join(drafts, randomBytes(12).toString('hex'))
  try {
    await write(draft, text)
    await mkdir(place, { recursive: true, mode: 0o700 })
    const linked = await unless(
      'EEXIST',
      link(draft, join(place, String(generation))).then(() => true),
    )
    if (!linked) return false
  } finally {
    await rm(draft, { force: true })
  }
  if (uptimeMs() - seen.listedAt < KEPT_MS) {
    await clear(place, generation)
    return true
  }
  // This process stood still for so long that another one may have taken the name and cleared it away. Then there are
  // newer generations.
  if ((await generationsIn(place))[0] === generation) return true
  throw new Error('this process stood still in the middle of a change; whether it counts is not known')
}

async function generationsIn(place: string): Promise<number[]> {
  const names = (await unless('ENOENT', readdir(place))) ?? []
  return names.map(Number).sort((a, b) => b - a)
}

/** The time of the file says when it was written, by the clock that nobody sets. */
async function write(draft: string, text: string): Promise<void> {
  const handle = await open(draft, 'wx', 0o600)
  try {
    await handle.writeFile(text)
    const now = uptimeMs() / 1000
    await handle.utimes(now, now)
    // After a power cut, a name must not exist without its content.
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Removes generations whose successor is old, oldest first. No process can be about to create one of these names. */
async function clear(place: string, newest: number): Promise<void> {
  for (const each of (await generationsIn(place)).reverse()) {
    if (each >= newest) return
    const next = await unless('ENOENT', stat(join(place, String(each + 1))))
    const ageMs = next ? uptimeMs() - next.mtimeMs : Number.POSITIVE_INFINITY
    // Times from before a restart of the machine may lie in the future.
    if (Math.abs(ageMs) <= KEPT_MS) return
    await rm(join(place, String(each)), { force: true })
  }
}
