import { join } from 'node:path'
import { codeOf, type FileSystem, faultOf } from '../system'
import { nameOf, type Seen } from './resource-folder'
import { put, type Staged, syncFolder, takeBack } from './write-generation'

/** What says that a rename changed nothing. After any other error, such as EIO, nobody knows. */
const REFUSALS =
  'EACCES EBUSY EDQUOT EINVAL ELOOP EMFILE EMLINK ENAMETOOLONG ENFILE ENOMEM ENOSPC ENOTDIR EPERM EROFS EXDEV'

/**
 * Makes what was staged the current state, if the head is still the one that was seen. `false`: it is not.
 *
 * The head is an empty file whose name says what is current, so that one `rename` compares and changes: it fails when
 * the old name is gone, and no name is ever used twice. That holds however long a process stood still in between.
 */
export async function moveHead(files: FileSystem, { place, head }: Seen, staged: Staged): Promise<boolean> {
  const next = `${nameOf(staged.generation)}.${staged.suffix === 'none' ? 'none' : 'head'}`
  try {
    await put(files, place, staged)
  } catch (error) {
    await takeBack(files, place, staged)
    // What was to be kept on is cleared away: there is a newer head.
    if (codeOf(error) === 'ENOENT') return false
    throw faultOf(error, 'no')
  }
  const moved = await isMoved(files, join(place, head.name), join(place, next), ['ENOENT'], () =>
    takeBack(files, place, staged),
  )
  if (moved) await demandOnDisk(files, place)
  return moved
}

/** As `moveHead`, where there was no folder yet. It is made in the spool, and cannot be moved to where one is by now. */
export async function createFolder(files: FileSystem, root: string, place: string, staged: Staged): Promise<boolean> {
  const draft = `${staged.marker}~new`
  const clear = async () => {
    await files.rm(draft, { recursive: true, force: true }).catch(() => undefined)
    await takeBack(files, draft, staged)
  }
  try {
    await files.mkdir(draft, { mode: 0o700 })
    await put(files, draft, staged)
    await (await files.open(join(draft, `${nameOf(staged.generation)}.head`), 'wx', 0o600)).close()
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

/** Others see the change already. If this fails, nobody knows whether a power cut would undo it. */
async function demandOnDisk(files: FileSystem, folder: string): Promise<void> {
  await syncFolder(files, folder).catch((error: unknown) => {
    throw faultOf(error, 'unknown')
  })
}
