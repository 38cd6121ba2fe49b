export { type MemoryAdapter, type MemoryAdapterOptions, memoryAdapter } from './adapter'
export { type MemoryLocks, memoryLocks } from './locks'
export { type MemoryStore, type MemoryStoreOptions, memoryStore } from './store'
