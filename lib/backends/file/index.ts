export { type FileAdapter, fileAdapter, type UploadAdapter, uploadAdapter } from './adapter'
export type { FileAdapterOptions } from './adapter/options'
export { type FileLocksOptions, fileLocks } from './locks'
export { type FileStoreOptions, fileStore } from './store'
