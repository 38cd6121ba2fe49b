import { basename, join } from 'node:path'
import { codeOf, type FileSystem, faultOf } from '../system'
import type { Folder } from './folder'
import { type Generation, nameOf, type Seen, type Text } from './resource-folder'
import type { Parts } from './state'

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

/**
 * Makes what was written the current state, if the head is still the one that was seen. `false`: it is not.
 *
 * The head is an empty file whose name says what is current, so that one `rename` compares and changes: it fails when
 * the old name is gone, and no name is ever used twice. That holds however long a process stood still in between.
 */
export async function moveHead(files: FileSystem, { place, head }: Seen, written: WrittenGeneration): Promise<boolean> {
  const next = `${nameOf(written.generation)}.${written.suffix === 'none' ? 'none' : 'head'}`
  return isMadeCurrent(files, {
    prepare: () => put(files, place, written),
    from: join(place, head.name),
    to: join(place, next),
    // A file that was to be kept may be cleared away: then there is a newer head.
    lost: { prepare: ['ENOENT'], rename: ['ENOENT'] },
    undo: () => takeBack(files, place, written),
    folder: place,
  })
}

/** Like `moveHead`, if there was no folder yet. It is made in the spool. The rename fails where a folder is by now. */
export async function createFolder(
  files: FileSystem,
  root: string,
  place: string,
  written: WrittenGeneration,
): Promise<boolean> {
  const draft = `${written.marker}~new`
  return isMadeCurrent(files, {
    async prepare() {
      await files.mkdir(draft, { mode: 0o700 })
      await put(files, draft, written)
      await (await files.open(join(draft, `${nameOf(written.generation)}.head`), 'wx', 0o600)).close()
      await syncFolder(files, draft)
    },
    from: draft,
    to: place,
    lost: { prepare: [], rename: ['ENOTEMPTY', 'EEXIST'] },
    async undo() {
      await files.rm(draft, { recursive: true, force: true }).catch(() => undefined)
      await takeBack(files, draft, written)
    },
    folder: root,
  })
}

/** Errors after which a rename has certainly changed nothing. After any other error, such as EIO, that is unknown. */
const REFUSALS =
  'EACCES EBUSY EDQUOT EINVAL ELOOP EMFILE EMLINK ENAMETOOLONG ENFILE ENOMEM ENOSPC ENOTDIR EPERM EROFS EXDEV'.split(
    ' ',
  )

/** One rename, and what stands around it. */
interface Move {
  /** Puts everything into its place before the rename. */
  prepare(): Promise<void>
  readonly from: string
  readonly to: string
  /** Codes of the errors that mean that another change was faster. */
  readonly lost: Readonly<Record<'prepare' | 'rename', readonly string[]>>
  /** Called when the rename has certainly changed nothing. Otherwise what was put may be needed. */
  undo(): Promise<void>
  /** The folder in which the rename changes an entry. */
  readonly folder: string
}

/** `false`: another change was faster. */
async function isMadeCurrent(files: FileSystem, { prepare, from, to, lost, undo, folder }: Move): Promise<boolean> {
  let step: 'prepare' | 'rename' = 'prepare'
  try {
    await prepare()
    step = 'rename'
    await files.rename(from, to)
  } catch (error) {
    const code = codeOf(error)
    const isLost = lost[step].includes(code)
    const isUndone = isLost || step === 'prepare' || REFUSALS.includes(code)
    if (isUndone) await undo()
    if (isLost) return false
    throw faultOf(error, isUndone ? 'no' : 'unknown')
  }
  await syncFolder(files, folder).catch((error: unknown) => {
    // Others already see the change, but a power cut may undo it.
    throw faultOf(error, 'unknown')
  })
  return true
}

/** Links what was written into a folder. Nobody looks at it before it is the head. */
async function put(
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
async function syncFolder(files: FileSystem, path: string): Promise<void> {
  const handle = await files.open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
