export { type MemoryAdapter, type MemoryAdapterOptions, memoryAdapter } from './backends/memory/adapter'
export { type MemoryLocks, memoryLocks } from './backends/memory/locks'
export { type MemoryStore, type MemoryStoreOptions, memoryStore } from './backends/memory/store'
export { type ChangeStream, type ChangeStreamOptions, changeStream } from './change-stream'
export {
  CONFLICTS,
  ConflictError,
  type ConflictFacts,
  type ConflictKind,
  conflictOf,
  isConflictError,
  type MemberConflict,
  type Resolution,
} from './conflicts/conflicts'
export type { ConflictChannel, ConflictEvents, ResourceMessage } from './conflicts/events'
export { type RetryOptions, retryOnConflict } from './conflicts/retry-on-conflict'
export type {
  RemoveResult,
  ResourceAdapter,
  ResourceState,
  TransactionalAdapter,
  Version,
  WriteResult,
} from './contracts/adapter'
export type { BusListener, MessageBus } from './contracts/bus'
export type { Lease, LockManager } from './contracts/lock'
export type { ExpiringStore } from './contracts/store'
export { type StoreFault, storeFault } from './contracts/store-fault'
export type { FileReceiver, Spool, StoredFile } from './contracts/stored-file'
export { detectConflicts } from './detect-conflicts'
export { editLockRouter } from './edit-lock-router'
export type { Purge } from './http/cache-groups'
export { CORS_ALLOWED_HEADERS, CORS_EXPOSED_HEADERS } from './http/cors'
export type { Problem } from './http/problem'
export { refuseInexactNumbers } from './middleware/change/json-body'
export type { Committed } from './middleware/commit/after-change'
export { type Resource, resourceOf } from './middleware/commit/resource'
export type { WriteOutcome, Written } from './middleware/commit/written'
export { commitChange, type WriteChange } from './middleware/handlers/commit-change'
export { reportChange } from './middleware/handlers/report-change'
export { type RespondOptions, respondToConflicts } from './middleware/handlers/respond-to-conflicts'
export { defineResource, type ResourceDefinition } from './middleware/options/definition'
export { type EditLockHolder, type EditLockOptions, type EditLocks, editLocks } from './middleware/options/edit-locks'
export type { IdempotencyOptions } from './middleware/options/idempotency-options'
export type { LockOptions } from './middleware/options/lock-options'
export type {
  CommitEvent,
  ConflictEvent,
  ConflictOptions,
  Denial,
  Rule,
  RuleConflict,
} from './middleware/options/options'
export type { PreconditionOptions } from './middleware/options/precondition-options'
export type { ConflictLogger } from './middleware/request/conflict-log'
export type { ConflictMiddleware } from './middleware/request/conflict-middleware'
export { asyncHandler } from './middleware/request/conflict-middleware'
export { checkPreconditions } from './middleware/stages/check-preconditions'
export { fetchState } from './middleware/stages/fetch-state'
export { holdLock } from './middleware/stages/hold-lock'
export { honorIdempotencyKey, type IdempotencyKeyOptions } from './middleware/stages/honor-idempotency-key'
export { validateChange } from './middleware/stages/validate-change'
export { type ReceiveFileOptions, receiveFile } from './middleware/uploads/receive-file'
export { type SendFileOptions, sendFile } from './middleware/uploads/send-file'
export { resourceRouter } from './resource-router'
export type { Action, Change } from './rules/change'
export type { LifecycleOptions } from './rules/lifecycle'
export { contentHash, type SignatureOptions, signature, type TagScheme } from './rules/tag'
