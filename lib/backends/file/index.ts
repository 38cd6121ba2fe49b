export type { FileAdapterOptions } from './adapter'
export { type FileAdapter, fileAdapter, type UploadAdapter, uploadAdapter } from './adapter'
export { type FileLocksOptions, fileLocks } from './locks'
export { type FileStoreOptions, fileStore } from './store'
