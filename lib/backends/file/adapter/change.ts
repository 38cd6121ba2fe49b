import { join } from 'node:path'
import type { ChangeResult, ResourceState } from '../../../contracts/adapter'
import { storeFault } from '../../../contracts/store-fault'
import { laterDate } from '../../../timing/later-date'
import type { FileSystem } from '../system'
import type { Folder } from './folder'
import { keptAt, keptIn, look, nextGeneration, type Seen, superseded } from './resource-folder'
import { type Current, type Encoding, type Parts, readKept, stateOf } from './state'
import { createFolder, moveHead, remove, takeBack, type WrittenGeneration, writeGeneration } from './write-generation'

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
