import { refuseUnknown } from '../../../options'

/** Where resources are kept in files, and how long. */
export interface FileAdapterOptions {
  /**
   * A folder on a disk of this machine, which no other user can write to. It is made when it is missing. One for each
   * kind of resources.
   */
  readonly folder: string
  /**
   * How many versions before the current one stay in the folder, for `readVersion` and for whoever is just reading one.
   * 1 if left out. A removal keeps none.
   */
  readonly keepVersions?: number
  /** `remove` leaves a tombstone, so that clients get 410 for what is gone. */
  readonly tombstones?: boolean
  /** The clock behind `lastModified`, in milliseconds. */
  readonly now?: () => number
}

const NAMES = ['folder', 'keepVersions', 'tombstones', 'now']

/** Throws a TypeError that names the value and the way out. */
export function checked(who: string, options: FileAdapterOptions): Required<FileAdapterOptions> {
  refuseUnknown(who, options, NAMES)
  const { folder, keepVersions = 1, tombstones = false, now = Date.now } = options
  if (typeof folder !== 'string' || folder === '')
    throw new TypeError(`${who}: folder is ${JSON.stringify(folder)}; give the path of a folder.`)
  if (!Number.isSafeInteger(keepVersions) || keepVersions < 0)
    throw new TypeError(`${who}: keepVersions is ${keepVersions}; give 0 or a positive integer.`)
  if (typeof tombstones !== 'boolean') throw new TypeError(`${who}: tombstones is ${tombstones}; give true or false.`)
  if (typeof now !== 'function')
    throw new TypeError(`${who}: now is ${now}; give a function that returns milliseconds, such as Date.now.`)
  return { folder, keepVersions, tombstones, now }
}
