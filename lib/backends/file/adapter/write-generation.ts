import { basename, join } from 'node:path'
import type { FileSystem } from '../system'
import type { Parts } from './encoding'
import type { Folder } from './folder'
import { type Generation, nameOf, type Text } from './resource-folder'

/** A generation that was written and is not current yet. */
export interface WrittenGeneration {
  readonly generation: Generation
  /**
   * A file in the spool, which is the record. Its name says where the generation belongs, so that another process can
   * clean up after a crash.
   */
  readonly marker: string
  readonly suffix: 'json' | 'gone.json' | 'none'
  readonly record: Text
  readonly data?: string | undefined
}

/** Writes the record to the disk before anything points to it. */
export async function writeGeneration(
  files: FileSystem,
  folder: Folder,
  place: string,
  {
    generation,
    suffix,
    parts,
    modifiedMs,
  }: Pick<WrittenGeneration, 'generation' | 'suffix'> & { parts: Parts; modifiedMs: number },
): Promise<WrittenGeneration> {
  const marker = folder.spoolPath(`${nameOf(generation)}~${basename(place)}`)
  const handle = await files.open(marker, 'wx', 0o600)
  try {
    await handle.writeFile(parts.text)
    await handle.utimes(modifiedMs / 1000, modifiedMs / 1000)
    if (suffix !== 'none') await handle.sync()
    const { mtimeNs } = await handle.stat({ bigint: true })
    return { generation, marker, suffix, record: { text: parts.text, modifiedNs: mtimeNs }, data: parts.data }
  } catch (error) {
    await files.rm(marker, { force: true })
    throw error
  } finally {
    await handle.close()
  }
}

/** Links what was written into a folder. Nobody looks at it before it is the head. */
export async function put(
  files: FileSystem,
  place: string,
  { generation, suffix, marker, data }: WrittenGeneration,
): Promise<void> {
  if (suffix === 'none') return
  const name = join(place, nameOf(generation))
  if (data !== undefined) await files.link(data, `${name}.data`)
  await files.link(marker, `${name}.${suffix}`)
}

/** Removes what was put. If that fails, the marker stays, and leads the next sweep to the rest. */
export async function takeBack(
  files: FileSystem,
  place: string,
  { generation, marker }: WrittenGeneration,
): Promise<void> {
  const name = join(place, nameOf(generation))
  await remove(files, [`${name}.json`, `${name}.gone.json`, `${name}.data`], marker)
}

export async function remove(files: FileSystem, paths: readonly string[], marker: string): Promise<void> {
  const removed = await Promise.allSettled(paths.map((path) => files.rm(path, { force: true })))
  if (removed.some(({ status }) => status === 'rejected')) return
  await files.rm(marker, { force: true }).catch(() => undefined)
}

/** Makes sure that the entries of a folder are on the disk. */
export async function syncFolder(files: FileSystem, path: string): Promise<void> {
  const handle = await files.open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
