import { join } from 'node:path'
import type { ChangeResult, ResourceState } from '../../../contracts/adapter'
import { storeFault } from '../../../contracts/store-fault'
import { laterDate } from '../../../timing/later-date'
import { codeOf, type FileSystem, faultOf } from '../system'
import type { Encoding, Parts } from './encoding'
import type { Folder } from './folder'
import { keptAt, keptIn, look, nameOf, nextGeneration, type Seen, superseded } from './resource-folder'
import { type Current, readKept, stateOf } from './state'
import { put, remove, syncFolder, takeBack, type WrittenGeneration, writeGeneration } from './write-generation'

/** The folder of an adapter, and how its values are written. */
export interface Store<T> {
  readonly files: FileSystem
  readonly folder: Folder
  readonly encoding: Encoding<T>
  readonly keepVersions: number
  readonly now: () => number
}

/** The contents of a key's folder, and the state that is stored in it. */
export interface Found<T> {
  readonly seen: Seen | undefined
  readonly current: Current<T> | undefined
}

/** What to write as the next state. */
export interface Next {
  readonly suffix: WrittenGeneration['suffix']
  readonly parts: Parts
}

/** Each lost try means that another process succeeded. After this many in a row, something is wrong. */
const TRIES = 1000

export async function find<T>({ files, folder, encoding }: Store<T>, place: string): Promise<Found<T>> {
  for (let tries = 0; tries < TRIES; tries++) {
    const seen = await look(files, place)
    // A missing folder means that nothing is stored, but only if its parent folder is there.
    if (seen === undefined) await folder.demandThere()
    if (seen === undefined || seen.head.suffix === 'none') return { seen, current: undefined }
    const kept = keptAt(seen, seen.head)
    const current = kept && (await readKept(files, encoding, kept))
    // If there is no record, it was replaced after the look, more than once.
    if (current) return { seen, current }
  }
  throw storeFault(new Error(`${place} lacks what its head names`), { applied: 'no' })
}

/**
 * Compares the version and writes. This comparison is for the answer. The one that decides is the rename in `moveHead`.
 */
export async function change<T>(
  store: Store<T>,
  key: string,
  expected: string | null,
  nextOf: (current: Current<T> | undefined) => Next,
): Promise<ChangeResult<T>> {
  const { files, folder } = store
  const place = folder.placeOf(key)
  for (let tries = 0; tries < TRIES; tries++) {
    const { seen, current } = await find(store, place)
    if ((current?.state.version ?? null) !== expected) return { ok: false, current: current?.state }
    const generation = nextGeneration(seen?.head)
    const modifiedMs = laterDate(current?.state.lastModified.getTime(), store.now())
    const written = await writeGeneration(files, folder, place, { generation, modifiedMs, ...nextOf(current) })
    if (!(await isAsFound(store, place, expected, written))) continue
    // Read before the change. After it, the next changes may already remove the file.
    const made = await stateOfWritten(store, place, written)
    const isDone = seen ? await moveHead(files, seen, written) : await createFolder(files, folder.path, place, written)
    if (!isDone) continue
    await clear(store, seen, written)
    return { ok: true, state: made }
  }
  throw storeFault(new Error(`${place} is changed all the time`), { applied: 'no' })
}

/** Looks again as late as possible: writing takes time, and somebody who edits a file by hand checks no version. */
async function isAsFound<T>(
  store: Store<T>,
  place: string,
  expected: string | null,
  written: WrittenGeneration,
): Promise<boolean> {
  try {
    const { current } = await find(store, place)
    if ((current?.state.version ?? null) === expected) return true
  } catch (error) {
    await takeBack(store.files, place, written)
    throw error
  }
  await takeBack(store.files, place, written)
  return false
}

async function stateOfWritten<T>(
  { encoding }: Store<T>,
  place: string,
  { generation, suffix, record, data }: WrittenGeneration,
): Promise<ResourceState<T> | undefined> {
  if (suffix === 'none') return undefined
  const kept = keptIn(place, generation, suffix)
  return (await stateOf(encoding, kept, record, data)).state
}

/** Removes files that are not needed any more, whichever process wrote them. */
async function clear<T>(
  { files, keepVersions }: Store<T>,
  seen: Seen | undefined,
  { generation, suffix, marker }: WrittenGeneration,
): Promise<void> {
  const old = seen ? superseded(seen.entries, generation, suffix === 'none', keepVersions) : []
  const paths = old.map(({ name }) => join(seen?.place ?? '', name))
  await remove(files, paths, marker)
}

/** Errors after which a rename has certainly changed nothing. After any other error, such as EIO, that is unknown. */
const REFUSALS =
  'EACCES EBUSY EDQUOT EINVAL ELOOP EMFILE EMLINK ENAMETOOLONG ENFILE ENOMEM ENOSPC ENOTDIR EPERM EROFS EXDEV'

/**
 * Makes what was written the current state, if the head is still the one that was seen. `false`: it is not.
 *
 * The head is an empty file whose name says what is current, so that one `rename` compares and changes: it fails when
 * the old name is gone, and no name is ever used twice. That holds however long a process stood still in between.
 */
async function moveHead(files: FileSystem, { place, head }: Seen, written: WrittenGeneration): Promise<boolean> {
  const next = `${nameOf(written.generation)}.${written.suffix === 'none' ? 'none' : 'head'}`
  try {
    await put(files, place, written)
  } catch (error) {
    await takeBack(files, place, written)
    // What was to be kept on is cleared away: there is a newer head.
    if (codeOf(error) === 'ENOENT') return false
    throw faultOf(error, 'no')
  }
  const moved = await isMoved(files, join(place, head.name), join(place, next), ['ENOENT'], () =>
    takeBack(files, place, written),
  )
  if (moved) await demandOnDisk(files, place)
  return moved
}

/**
 * As `moveHead`, where there was no folder yet. It is made in the spool, and cannot be moved to where one is by now.
 */
async function createFolder(
  files: FileSystem,
  root: string,
  place: string,
  written: WrittenGeneration,
): Promise<boolean> {
  const draft = `${written.marker}~new`
  const clear = async () => {
    await files.rm(draft, { recursive: true, force: true }).catch(() => undefined)
    await takeBack(files, draft, written)
  }
  try {
    await files.mkdir(draft, { mode: 0o700 })
    await put(files, draft, written)
    await (await files.open(join(draft, `${nameOf(written.generation)}.head`), 'wx', 0o600)).close()
    await syncFolder(files, draft)
  } catch (error) {
    await clear()
    throw faultOf(error, 'no')
  }
  const moved = await isMoved(files, draft, place, ['ENOTEMPTY', 'EEXIST'], clear)
  if (moved) await demandOnDisk(files, root)
  return moved
}

/** One rename. When it is known to have changed nothing, `clear` is called; else what was put may be needed. */
async function isMoved(
  files: FileSystem,
  from: string,
  to: string,
  lost: readonly string[],
  clear: () => Promise<void>,
): Promise<boolean> {
  try {
    await files.rename(from, to)
    return true
  } catch (error) {
    const code = codeOf(error)
    const isLost = lost.includes(code)
    const isRefused = REFUSALS.split(' ').includes(code)
    if (isLost || isRefused) await clear()
    if (isLost) return false
    throw faultOf(error, isRefused ? 'no' : 'unknown')
  }
}

/** Others already see the change. If this fails, a power cut may or may not undo it. */
async function demandOnDisk(files: FileSystem, folder: string): Promise<void> {
  await syncFolder(files, folder).catch((error: unknown) => {
    throw faultOf(error, 'unknown')
  })
}
