import { createHash, randomBytes } from 'node:crypto'
import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import { storeFault } from '../../../contracts/store-fault'
import type { Spool } from '../../../contracts/stored-file'
import { codeOf, type FileSystem, faultOf, ownFolder } from '../system'
import { fileAt } from './encoding'
import { folderOf } from './resource-folder'
import { ownerName, sweep } from './sweep'

/** The folder of an adapter, with its spool: where files are made before they get their names. */
export interface Folder {
  readonly path: string
  /** The folder of a key, which is there when something was stored under it. */
  placeOf(key: string): string
  /** A path in the spool that is this process's. */
  spoolPath(what: string): string
  /** Rejects when the folder is not the one that was opened: without it every key would seem to be free. */
  demandThere(): Promise<void>
}

const SPOOL = '.spool'

/** Makes the folder, or takes it as it is if nobody else can write to it; takes away what a killed process left in it. */
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
      // The next sweep removes what is left now.
      await files.rm(path, { force: true }).catch(() => undefined)
    },
  }
}
