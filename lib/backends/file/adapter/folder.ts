import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import { storeFault } from '../../../contracts/store-fault'
import { ownFolder } from '../own-folder'
import { folderOf } from './names'
import { ownerName } from './owner'
import { sweep } from './sweep'
import { codeOf, type FileSystem } from './system'

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
