import type { FileReceiver, StoredFile } from '../../../contracts/stored-file'
import type { Store } from './change'
import { openFolder } from './folder'
import { type Form, jsonForm } from './form'
import { checked, type FileAdapterOptions } from './options'
import { type FileResources, resourcesIn } from './resources'
import { openSpool } from './spool'
import { type FileSystem, faultOf } from './system'
import { uploadForm } from './upload-form'

export function jsonResources<T>(options: FileAdapterOptions, files: FileSystem): FileResources<T> {
  return opened(options, 'fileAdapter()', jsonForm<T>(), files).resources
}

export function uploadResources(
  options: FileAdapterOptions,
  files: FileSystem,
): FileResources<StoredFile> & Pick<FileReceiver, 'spool'> {
  const { resources, folder } = opened(options, 'uploadAdapter()', uploadForm(files), files)
  const spool = () =>
    openSpool(files, folder).catch((error: unknown) => {
      throw faultOf(error, 'no')
    })
  return { ...resources, spool }
}

function opened<T>(options: FileAdapterOptions, who: string, form: Form<T>, files: FileSystem) {
  const { tombstones, keepVersions, now, folder: path } = checked(who, options)
  const folder = openFolder(who, path, keepVersions, files)
  const store: Store<T> = { files, folder, form, keepVersions, now }
  return { folder, resources: resourcesIn(store, tombstones) }
}
