import { createHash, randomBytes } from 'node:crypto'
import type { Spool } from '../../../contracts/stored-file'
import type { Folder } from './folder'
import { type FileSystem, faultOf } from './system'
import { fileAt } from './upload-form'

/** Receives a file on the disk where it will be stored: then it only needs another name there. */
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
      // What is not taken away now is left to the next sweep.
      await files.rm(path, { force: true }).catch(() => undefined)
    },
  }
}
