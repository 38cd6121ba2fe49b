import * as library from '../../lib'
import { exportsOf, membersOf, readSources } from '../sources'
import { pageAt } from './page'

const page = pageAt('docs/reference.md').prose

/** The names in the first column of the tables below a heading, up to the next one of any level. */
function namesUnder(heading: string): string[] {
  const [, part = ''] = page.split(new RegExp(`^#+ ${heading}$`, 'm'))
  const [own = ''] = part.split(/^#/m)
  return [...own.matchAll(/^\| `(\w+)` +\|/gm)].map(([, name = '']) => name)
}

const TABLES = [
  ['Options of the chain', 'middleware/options/options.ts', 'ConflictOptions'],
  ['preconditions', 'middleware/options/precondition-options.ts', 'PreconditionOptions'],
  ['lock', 'middleware/options/lock-options.ts', 'LockOptions'],
  ['editLocks', 'middleware/options/edit-locks.ts', 'EditLockOptions'],
  ['idempotency', 'middleware/options/idempotency-options.ts', 'IdempotencyOptions'],
  ['lifecycle', 'rules/lifecycle.ts', 'LifecycleOptions'],
  ['Options of respondToConflicts', 'middleware/handlers/respond-to-conflicts.ts', 'RespondOptions'],
  ['Options of conflictMetrics', 'metrics/conflict-metrics.ts', 'ConflictMetricsOptions'],
  ['Options of changeStream', 'change-stream.ts', 'ChangeStreamOptions'],
  ['Options of retryOnConflict', 'conflicts/retry-on-conflict.ts', 'RetryOptions'],
  ['Options of redisAdapter', 'backends/redis/adapter.ts', 'RedisAdapterOptions'],
  ['Options of memoryAdapter', 'backends/memory/adapter.ts', 'MemoryAdapterOptions'],
  ['Options of memoryStore', 'backends/memory/store.ts', 'MemoryStoreOptions'],
  ['Options of cachedAdapter', 'backends/cache/adapter.ts', 'CachedAdapterOptions'],
  ['Options of fileAdapter', 'backends/file/adapter.ts', 'FileAdapterOptions'],
  ['Options of postgresLocks', 'backends/postgres/locks.ts', 'PostgresLocksOptions'],
  ['Options of mysqlLocks', 'backends/mysql/locks.ts', 'MysqlLocksOptions'],
  ['Options of redisLocks', 'backends/redis/locks.ts', 'RedisLocksOptions'],
  ['Options of zookeeperLocks', 'backends/zookeeper/locks.ts', 'ZookeeperLocksOptions'],
  ['Options of fileLocks', 'backends/file/locks.ts', 'FileLocksOptions'],
  ['Options of redisBus', 'backends/redis/bus.ts', 'RedisBusOptions'],
  ['Options of postgresBus', 'backends/postgres/bus.ts', 'PostgresBusOptions'],
  ['Options of sqlStore', 'backends/sql/store.ts', 'SqlStoreOptions'],
  ['Options of redisStore', 'backends/redis/store.ts', 'RedisStoreOptions'],
  ['Options of fileStore', 'backends/file/store.ts', 'FileStoreOptions'],
  ['Options of receiveFile', 'middleware/uploads/receive-file.ts', 'ReceiveFileOptions'],
  ['Options of sendFile', 'middleware/uploads/send-file.ts', 'SendFileOptions'],
  ['Options of signature', 'rules/tag.ts', 'SignatureOptions'],
  ['What resourceOf gives', 'middleware/commit/resource.ts', 'Resource'],
] as const

test.each(TABLES)('docs/reference.md, %s: nothing is missing, nothing is made up', (heading, path, name) => {
  expect(namesUnder(heading).sort()).toEqual(membersOf(path, name).sort())
})

test('docs/reference.md, Options of sqlAdapter: nothing is missing, nothing is made up', () => {
  const options = ['SqlAdapterOptions', 'SqlTable'].flatMap((name) =>
    membersOf('backends/sql/adapter/options.ts', name),
  )
  expect(namesUnder('Options of sqlAdapter').sort()).toEqual(options.sort())
})

const EXPORTS = [
  ['Exports of express-conflict', 'index.ts'],
  ['Exports of express-conflict/metrics', 'metrics/index.ts'],
  ['Exports of express-conflict/dashboard', 'dashboard/index.ts'],
  ['Exports of express-conflict/openapi', 'openapi/index.ts'],
  ['Exports of express-conflict/testing', 'testing/index.ts'],
] as const

test.each(EXPORTS)('docs/reference.md, %s: nothing is missing, nothing is made up', (heading, path) => {
  expect(namesUnder(heading).sort()).toEqual([...exportsOf(path, readSources()).keys()].sort())
})

test('every table of docs/reference.md is compared', () => {
  const compared = [...TABLES, ...EXPORTS].map(([heading]): string => heading)
  const headings = [...page.matchAll(/^#{2,3} (.+)$/gm)].map(([, heading = '']) => heading)
  expect(headings.filter((each) => !compared.includes(each))).toEqual(['Options of sqlAdapter'])
})

test('what is said to be a type is one, and what is not is there when the app runs', () => {
  const [values = '', types = ''] = page.split(/^## Exports of express-conflict$/m)[1]?.split(/^Types:$/m) ?? []
  const named = (part: string) => [...part.matchAll(/^\| `(\w+)` +\|/gm)].map(([, name = '']) => name)
  expect(named(values).sort()).toEqual(Object.keys(library).sort())
  expect(named(types.split(/^#/m)[0] ?? '').filter((name) => name in library)).toEqual([])
})
