import type { ResourceAdapter } from '../../contracts/adapter'
import type { FileReceiver, StoredFile } from '../../contracts/stored-file'
import { refuseUnknown } from '../../options'
import { datingClock } from '../../timing/later-date'
import { change, find, type Store } from './adapter/change'
import { openFolder, openSpool } from './adapter/folder'
import { keptAt, keptBetween, look } from './adapter/resource-folder'
import { type Encoding, jsonEncoding, readKept, uploadEncoding } from './adapter/state'
import { type FileSystem, faultOf, nodeFiles } from './system'

/** A `ResourceAdapter` that always has `write`, `remove`, `readVersion` and `readSince`. */
export type FileAdapter<T> = FileResources<T>

/** A `FileAdapter` of uploads, which `receiveFile` takes. */
export type UploadAdapter = FileResources<StoredFile> & FileReceiver

/**
 * Keeps resources as JSON in the files of a folder. The processes of one machine may share it.
 *
 * Each resource is a folder with one file for each version that is kept. Editing the current file by hand changes the
 * version too. A removed key leaves its folder, with one empty file.
 */
export function fileAdapter<T>(options: FileAdapterOptions): FileAdapter<T> {
  return jsonResources<T>(options, nodeFiles)
}

/**
 * Keeps uploads: one file of any size and type for each version. `receiveFile` receives it on the disk where it will be
 * stored.
 */
export function uploadAdapter(options: FileAdapterOptions): UploadAdapter {
  return uploadResources(options, nodeFiles)
}

/** Where resources are kept in files, and how many versions. */
export interface FileAdapterOptions {
  /**
   * A folder on a local disk, which no other user can write to. It is created if it is missing. Each kind of resource
   * needs a folder of its own.
   */
  readonly folder: string
  /**
   * How many versions before the current one stay in the folder, for `readVersion` and for readers that are at work.
   * Default: 1. A removal keeps none.
   */
  readonly keepVersions?: number
  /** `remove` leaves a tombstone, so that clients get 410. */
  readonly tombstones?: boolean
  /** The clock behind `lastModified`, in milliseconds. */
  readonly now?: () => number
}

const NAMES = ['folder', 'keepVersions', 'tombstones', 'now']

/** Throws a TypeError that names the wrong value and says what to give. */
function checked(who: string, options: FileAdapterOptions): Required<FileAdapterOptions> {
  refuseUnknown(who, options, NAMES)
  const { folder, keepVersions = 1, tombstones = false, now = Date.now } = options
  if (typeof folder !== 'string' || folder === '')
    throw new TypeError(`${who}: folder is ${JSON.stringify(folder)}; give the path of a folder.`)
  if (!Number.isSafeInteger(keepVersions) || keepVersions < 0)
    throw new TypeError(`${who}: keepVersions is ${keepVersions}; give 0 or a positive integer.`)
  if (typeof tombstones !== 'boolean') throw new TypeError(`${who}: tombstones is ${tombstones}; give true or false.`)
  if (typeof now !== 'function')
    throw new TypeError(`${who}: now is ${now}; give a function that returns milliseconds, such as Date.now.`)
  return { folder, keepVersions, tombstones, now: datingClock(now) }
}

export function jsonResources<T>(options: FileAdapterOptions, files: FileSystem): FileResources<T> {
  return opened(options, 'fileAdapter()', jsonEncoding<T>(), files).resources
}

export function uploadResources(
  options: FileAdapterOptions,
  files: FileSystem,
): FileResources<StoredFile> & Pick<FileReceiver, 'spool'> {
  const { resources, folder } = opened(options, 'uploadAdapter()', uploadEncoding(files), files)
  const spool = () =>
    openSpool(files, folder).catch((error: unknown) => {
      throw faultOf(error, 'no')
    })
  return { ...resources, spool }
}

function opened<T>(options: FileAdapterOptions, who: string, encoding: Encoding<T>, files: FileSystem) {
  const { tombstones, keepVersions, now, folder: path } = checked(who, options)
  const folder = openFolder(who, path, keepVersions, files)
  const store: Store<T> = { files, folder, encoding, keepVersions, now }
  return { folder, resources: resourcesIn(store, tombstones) }
}

/** The methods of an adapter over files. */
type FileResources<T> = Required<Omit<ResourceAdapter<T>, 'create' | 'transaction' | 'readCurrent'>>

const VERSION = /^([1-9]\d{0,14})-([0-9a-f]{16})-[0-9a-f]{16}$/

/** The methods that both adapters share, whatever the encoding. */
function resourcesIn<T>(store: Store<T>, tombstones: boolean): FileResources<T> {
  const { files, folder, encoding } = store
  const faulty = (error: unknown): never => {
    throw faultOf(error, 'no')
  }

  return {
    read: async (key) => (await find(store, folder.placeOf(key)).catch(faulty)).current?.state,

    async write(key, value, expected) {
      const parts = await Promise.resolve(encoding.keep(value)).catch(faulty)
      const outcome = await change(store, key, expected, () => ({ suffix: 'json', parts })).catch(faulty)
      if (!outcome.ok) return outcome
      const { state } = outcome
      if (state === undefined) throw new Error('a write makes a state')
      return { ok: true, state }
    },

    async remove(key, expected) {
      const outcome = await change(store, key, expected, (current) =>
        tombstones && current ? { suffix: 'gone.json', parts: current.parts } : { suffix: 'none', parts: { text: '' } },
      ).catch(faulty)
      return outcome.ok ? { ok: true } : outcome
    },

    async readVersion(key, version) {
      const seen = await look(files, folder.placeOf(key)).catch(faulty)
      if (seen === undefined) await folder.demandThere()
      const [, count, id] = VERSION.exec(version) ?? []
      if (seen === undefined || seen.head.suffix === 'none' || id === undefined) return undefined
      const kept = keptAt(seen, { count: Number(count), id })
      const found = kept && (await readKept(files, encoding, kept).catch(faulty))
      // If its file was changed by hand since, it has another version.
      return found?.state.version === version ? found.state : undefined
    },

    async readSince(key, version) {
      const seen = await look(files, folder.placeOf(key)).catch(faulty)
      if (seen === undefined) await folder.demandThere()
      const [, count] = VERSION.exec(version) ?? []
      const kept = seen && count !== undefined ? keptBetween(seen, Number(count)) : undefined
      if (kept === undefined) return undefined
      const found = await Promise.all(kept.map((each) => readKept(files, encoding, each).catch(faulty)))
      const states = found.flatMap((each) => (each ? [each.state] : []))
      // A state is missing if its file was removed or changed by hand.
      return states.length === kept.length && states[0]?.version === version ? states : undefined
    },
  }
}
