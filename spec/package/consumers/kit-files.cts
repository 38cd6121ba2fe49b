import { type FileStoreOptions, fileAdapter, fileLocks, fileStore } from 'express-conflict/file'
import type { Processes } from 'express-conflict/testing'

export const makeAdapter = (at: FileStoreOptions) => fileAdapter<number>(at)
export const makeManager = (at: FileStoreOptions) => fileLocks(at)
export const makeStore = (at: FileStoreOptions) => fileStore(at)

export const processesOf = (module: URL, at: FileStoreOptions): Processes => ({ module, at: () => at })
