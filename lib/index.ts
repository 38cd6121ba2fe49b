export type {
  RemoveResult,
  ResourceAdapter,
  ResourceState,
  TransactionalAdapter,
  Version,
  WriteResult,
} from './adapter'
export { type MemoryAdapter, type MemoryAdapterOptions, memoryAdapter } from './adapters/memory'
export type { Action, Change } from './change'
export {
  CONFLICTS,
  ConflictError,
  type ConflictFacts,
  type ConflictKind,
  isConflictError,
  type MemberConflict,
  type Resolution,
} from './conflicts'
export { detectConflicts } from './detect-conflicts'
export { editLockRouter } from './edit-lock-router'
export { CORS_ALLOWED_HEADERS, CORS_EXPOSED_HEADERS } from './http/cors'
export type { Problem } from './http/problem'
export type { Lease, LockManager } from './lock'
export { type MemoryLocks, memoryLocks } from './locks/memory'
export type { Committed } from './middleware/after-change'
export type { ConflictMiddleware } from './middleware/chain'
export { checkPreconditions } from './middleware/check-preconditions'
export { commitChange } from './middleware/commit-change'
export { type EditLockHolder, type EditLockOptions, type EditLocks, editLocks } from './middleware/edit-locks'
export { fetchState } from './middleware/fetch-state'
export { holdLock } from './middleware/hold-lock'
export { honorIdempotencyKey, type IdempotencyKeyOptions } from './middleware/honor-idempotency-key'
export type { IdempotencyOptions } from './middleware/idempotency-options'
export type {
  CommitEvent,
  ConflictEvent,
  ConflictOptions,
  Denial,
  LifecycleOptions,
  LockOptions,
  PreconditionOptions,
  Rule,
  RuleConflict,
} from './middleware/options'
export { type ReceiveFileOptions, receiveFile } from './middleware/receive-file'
export { reportChange } from './middleware/report-change'
export { type Resource, resourceOf } from './middleware/resource'
export { type ConflictLogger, type RespondOptions, respondToConflicts } from './middleware/respond-to-conflicts'
export { type SendFileOptions, sendFile } from './middleware/send-file'
export { validateChange } from './middleware/validate-change'
export { resourceRouter } from './resource-router'
export { type RetryOptions, retryOnConflict } from './retry-on-conflict'
export type { ExpiringStore } from './store'
export { type StoreFault, storeFault } from './store-fault'
export type { FileReceiver, Spool, StoredFile } from './stored-file'
export { type MemoryStore, type MemoryStoreOptions, memoryStore } from './stores/memory'
export { contentHash, type SignatureOptions, signature, type TagScheme } from './tag'
