import type { FileReceiver, StoredFile } from '../../contracts/stored-file'
import { jsonResources, uploadResources } from './adapter/adapters'
import type { FileAdapterOptions } from './adapter/options'
import type { FileResources } from './adapter/resources'
import { nodeFiles } from './adapter/system'

/** A `ResourceAdapter` that can write, remove and read old versions for certain. */
export type FileAdapter<T> = FileResources<T>

/** A `FileAdapter` of uploads, which `receiveFile` takes. */
export type UploadAdapter = FileResources<StoredFile> & FileReceiver

/**
 * Keeps resources as JSON in the files of a folder. Processes of one machine may share it.
 *
 * Each resource is a folder with a file for each version that is kept. Who edits the current one by hand changes the
 * version too. A key that was removed leaves its folder, with one empty file.
 */
export function fileAdapter<T>(options: FileAdapterOptions): FileAdapter<T> {
  return jsonResources<T>(options, nodeFiles)
}

/** Keeps uploads: a file of any size and type for each version, received by `receiveFile` beside where it will lie. */
export function uploadAdapter(options: FileAdapterOptions): UploadAdapter {
  return uploadResources(options, nodeFiles)
}
