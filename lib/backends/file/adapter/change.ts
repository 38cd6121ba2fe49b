import { join } from 'node:path'
import type { ResourceState } from '../../../contracts/adapter'
import { storeFault } from '../../../contracts/store-fault'
import { laterDate } from '../../../timing/later-date'
import type { FileSystem } from '../system'
import type { Encoding, Parts } from './encoding'
import type { Folder } from './folder'
import { createFolder, moveHead } from './move-head'
import { keptAt, keptIn, look, nextGeneration, type Seen, superseded } from './resource-folder'
import { type Current, readKept, stateOf } from './state'
import { remove, type Staged, takeBack, writeGeneration } from './write-generation'

/** What an adapter over files works on. */
export interface Store<T> {
  readonly files: FileSystem
  readonly folder: Folder
  readonly encoding: Encoding<T>
  readonly keepVersions: number
  readonly now: () => number
}

/** What stands in the folder of a key, and what is stored there. */
export interface Found<T> {
  readonly seen: Seen | undefined
  readonly current: Current<T> | undefined
}

export type Outcome<T> =
  | { readonly ok: true; readonly state: ResourceState<T> | undefined }
  | { readonly ok: false; readonly current: ResourceState<T> | undefined }

/** What is to become of a state. */
export interface Next {
  readonly suffix: Staged['suffix']
  readonly parts: Parts
}

/** Each lost try means that another process succeeded. If this many fail in a row, something is wrong. */
const TRIES = 1000

export async function find<T>({ files, folder, encoding }: Store<T>, place: string): Promise<Found<T>> {
  for (let tries = 0; tries < TRIES; tries++) {
    const seen = await look(files, place)
    // A missing folder means that nothing is stored, but only if its parent folder is there.
    if (seen === undefined) await folder.demandThere()
    if (seen === undefined || seen.head.suffix === 'none') return { seen, current: undefined }
    const kept = keptAt(seen, seen.head)
    const current = kept && (await readKept(files, encoding, kept))
    // It was replaced between the look and the read, more than once.
    if (current) return { seen, current }
  }
  throw storeFault(new Error(`${place} lacks what its head names`), { applied: 'no' })
}

/** Compares and changes. The comparison here is for the answer; the one that decides is the rename in `moveHead`. */
export async function change<T>(
  store: Store<T>,
  key: string,
  expected: string | null,
  nextOf: (current: Current<T> | undefined) => Next,
): Promise<Outcome<T>> {
  const { files, folder } = store
  const place = folder.placeOf(key)
  for (let tries = 0; tries < TRIES; tries++) {
    const { seen, current } = await find(store, place)
    if ((current?.state.version ?? null) !== expected) return { ok: false, current: current?.state }
    const generation = nextGeneration(seen?.head)
    const modifiedMs = laterDate(current?.state.lastModified.getTime(), Math.floor(store.now()))
    const staged = await writeGeneration(files, folder, place, { generation, modifiedMs, ...nextOf(current) })
    if (!(await isAsFound(store, place, expected, staged))) continue
    // Before the change: after it, the next changes may remove it.
    const made = await stateOfStaged(store, place, staged)
    const isDone = seen ? await moveHead(files, seen, staged) : await createFolder(files, folder.path, place, staged)
    if (!isDone) continue
    await clear(store, seen, staged)
    return { ok: true, state: made }
  }
  throw storeFault(new Error(`${place} is changed all the time`), { applied: 'no' })
}

/** Writing takes time, and an editor does not check versions, so the last look comes as late as possible. */
async function isAsFound<T>(store: Store<T>, place: string, expected: string | null, staged: Staged): Promise<boolean> {
  try {
    const { current } = await find(store, place)
    if ((current?.state.version ?? null) === expected) return true
  } catch (error) {
    await takeBack(store.files, place, staged)
    throw error
  }
  await takeBack(store.files, place, staged)
  return false
}

async function stateOfStaged<T>(
  { encoding }: Store<T>,
  place: string,
  { generation, suffix, record, data }: Staged,
): Promise<ResourceState<T> | undefined> {
  if (suffix === 'none') return undefined
  const kept = keptIn(place, generation, suffix)
  return (await stateOf(encoding, kept, record, data)).state
}

/** Clears away what is not needed any more, whichever process wrote it. */
async function clear<T>(
  { files, keepVersions }: Store<T>,
  seen: Seen | undefined,
  { generation, suffix, marker }: Staged,
): Promise<void> {
  const old = seen ? superseded(seen.entries, generation, suffix === 'none', keepVersions) : []
  const paths = old.map(({ name }) => join(seen?.place ?? '', name))
  await remove(files, paths, marker)
}
