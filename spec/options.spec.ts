import * as main from '../lib'
import * as cache from '../lib/backends/cache'
import * as file from '../lib/backends/file'
import * as memory from '../lib/backends/memory'
import * as mongodb from '../lib/backends/mongodb'
import * as mysql from '../lib/backends/mysql'
import * as postgres from '../lib/backends/postgres'
import * as prisma from '../lib/backends/prisma'
import * as redis from '../lib/backends/redis'
import * as sql from '../lib/backends/sql'
import * as zookeeper from '../lib/backends/zookeeper'
import * as client from '../lib/client'
import * as dashboard from '../lib/dashboard'
import * as metrics from '../lib/metrics'
import * as openapi from '../lib/openapi'
import * as testing from '../lib/testing'

const modules = {
  main,
  cache,
  file,
  memory,
  mongodb,
  mysql,
  postgres,
  prisma,
  redis,
  sql,
  zookeeper,
  client,
  dashboard,
  metrics,
}
const all = { ...modules, openapi, testing }

/** What each factory is given: an option that is misspelt, and the one that was meant. */
const MISSPELT: Readonly<Record<string, readonly [wrong: string, meant: string]>> = {
  defineResource: ['immutible', 'immutable'],
  detectConflicts: ['nmae', 'name'],
  fetchState: ['alow', 'allow'],
  validateChange: ['shema', 'schema'],
  checkPreconditions: ['precondition', 'preconditions'],
  holdLock: ['locks', 'lock'],
  honorIdempotencyKey: ['idempotence', 'idempotency'],
  resourceRouter: ['generateKeys', 'generateKey'],
  editLockRouter: ['editLock', 'editLocks'],
  editLocks: ['leaseMS', 'leaseMs'],
  changeStream: ['maxWatcher', 'maxWatchers'],
  respondToConflicts: ['typePrefx', 'typePrefix'],
  receiveFile: ['maxByte', 'maxBytes'],
  sendFile: ['dispositon', 'disposition'],
  signature: ['secrets', 'secret'],
  retryOnConflict: ['retries', 'tries'],
  memoryAdapter: ['maxResource', 'maxResources'],
  memoryStore: ['maxRecord', 'maxRecords'],
  cachedAdapter: ['ttl', 'ttlMs'],
  fileAdapter: ['keepVersion', 'keepVersions'],
  uploadAdapter: ['tombstone', 'tombstones'],
  fileStore: ['foldr', 'folder'],
  fileLocks: ['foldr', 'folder'],
  mongoAdapter: ['softDeletes', 'softDelete'],
  mongoStore: ['colection', 'collection'],
  mysqlLocks: ['deadline', 'deadlineMs'],
  postgresLocks: ['deadline', 'deadlineMs'],
  prismaAdapter: ['keytype', 'keyType'],
  redisAdapter: ['ttl', 'ttlMs'],
  redisStore: ['prefx', 'prefix'],
  redisLocks: ['prefx', 'prefix'],
  sqlAdapter: ['lastmodified', 'lastModified'],
  sqlStore: ['tabel', 'table'],
  createTableStatements: ['tabel', 'table'],
  addColumnStatements: ['tabel', 'table'],
  createStoreTableStatements: ['tabel', 'table'],
  zookeeperLocks: ['rot', 'root'],
  createClient: ['baseURL', 'baseUrl'],
  dashboard: ['key', 'keys'],
  conflictMetrics: ['meters', 'meter'],
  guardedPaths: ['paths', 'path'],
  problemPages: ['word', 'words'],
  adapterKit: ['makeFailling', 'makeFailing'],
  lockKit: ['takeaway', 'takeAway'],
  storeKit: ['makeFailling', 'makeFailing'],
  busKit: ['makeFailling', 'makeFailing'],
  redisBus: ['chanel', 'channel'],
  postgresBus: ['chanel', 'channel'],
}

/** What stands in front of the options. */
const FIRST: Readonly<Record<string, readonly unknown[]>> = {
  retryOnConflict: [async () => undefined],
  changeStream: [{ name: 'article' }],
  cachedAdapter: [{}],
  createTableStatements: ['postgres'],
  addColumnStatements: ['postgres'],
  createStoreTableStatements: ['postgres'],
  guardedPaths: [{ name: 'article' }],
}

const WITHOUT_OPTIONS = [
  ...['commitChange', 'reportChange', 'resourceOf', 'memoryLocks', 'contentHash', 'ConflictError', 'conflictOf'],
  ...['isConflictError', 'storeFault', 'isStoreFault', 'refuseInexactNumbers', 'isStoredFile', 'problemSchema'],
  'asyncHandler',
  ...['keepMine', 'mergeDisjoint', 'takeTheirs', 'isProblemError', 'ProblemError', 'UnmergeableError', 'jsonValues'],
]

const factories = Object.values(all).flatMap((exported) =>
  Object.entries(exported).filter(([, value]) => typeof value === 'function'),
) as [string, (...args: unknown[]) => unknown][]

test('every function that is exported is in one of the tables', () => {
  const known = [...Object.keys(MISSPELT), ...WITHOUT_OPTIONS]
  expect([...new Set(factories.map(([name]) => name))].filter((name) => !known.includes(name))).toEqual([])
  expect(Object.keys(MISSPELT).filter((name) => !factories.some(([each]) => each === name))).toEqual([])
})

test.each(Object.entries(MISSPELT))(
  '%s refuses a misspelt option, and names the one that was meant',
  async (name, [wrong, meant]) => {
    const factory = factories.find(([each]) => each === name)?.[1]
    const call = async () => factory?.(...(FIRST[name] ?? []), { [wrong]: 1 })
    await expect(call()).rejects.toThrow(
      new TypeError(`${name}(): there is no option "${wrong}". Did you mean "${meant}"?`),
    )
  },
)

test.each(Object.keys(MISSPELT))('%s refuses what is no options', async (name) => {
  const factory = factories.find(([each]) => each === name)?.[1]
  for (const given of ['text', 7, null, []]) {
    const call = async () => factory?.(...(FIRST[name] ?? []), given)
    await expect(call()).rejects.toThrow(`${name}(): expected options, got ${JSON.stringify(given)}.`)
  }
})
