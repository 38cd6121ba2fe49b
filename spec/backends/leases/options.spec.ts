import { createPool } from 'mysql2'
import { createPool as createPromisePool } from 'mysql2/promise'
import { fileLocks } from '../../../lib/backends/file'
import { mysqlLocks } from '../../../lib/backends/mysql'
import { postgresLocks } from '../../../lib/backends/postgres'
import { redisLocks } from '../../../lib/backends/redis'
import { zookeeperLocks } from '../../../lib/backends/zookeeper'

const given = <T>(value: unknown) => value as T
const createClient = () => given<never>({})

test.each<[string, () => unknown]>([
  [
    'redisLocks(): client is none of ioredis or node-redis: it has neither evalsha() nor evalSha().',
    () => redisLocks({ client: given({}) }),
  ],
  ['postgresLocks(): pool has no connect(); give a pool of pg.', () => postgresLocks({ pool: given({}) })],
  ['postgresLocks(): pool has no connect(); give a pool of pg.', () => postgresLocks(given({}))],
  [
    "mysqlLocks(): pool gives no promises; give one of 'mysql2/promise', or pool.promise().",
    () => mysqlLocks({ pool: given(createPool({ host: '127.0.0.1' })) }),
  ],
  [
    'zookeeperLocks(): createClient is no function; it makes a client of node-zookeeper-client.',
    () => zookeeperLocks({ createClient: given('127.0.0.1:2181') }),
  ],
  ...['', '/', 'locks', '/locks/', '//locks'].map((root): [string, () => unknown] => [
    `zookeeperLocks(): root is "${root}"; give a path such as '/my-app/locks'.`,
    () => zookeeperLocks({ createClient, root }),
  ]),
  [
    'redisLocks(): deadlineMs has to be a number of milliseconds above 0; got "2s".',
    () => redisLocks({ client: given({ evalsha() {} }), deadlineMs: given('2s') }),
  ],
  [
    'redisLocks(): there is no option "prefx". Did you mean "prefix"?',
    () => redisLocks({ client: given({ evalsha() {} }), ...given<object>({ prefx: 'a' }) }),
  ],
  [
    'postgresLocks(): prefix has to be a non-empty string; got "".',
    () => postgresLocks({ pool: given({ connect() {} }), prefix: '' }),
  ],
  [
    'mysqlLocks(): there is no option "deadline". Did you mean "deadlineMs"?',
    () => mysqlLocks({ pool: given({ getConnection() {} }), ...given<object>({ deadline: 1 }) }),
  ],
  [
    'zookeeperLocks(): deadlineMs has to be a number of milliseconds above 0; got 0.',
    () => zookeeperLocks({ createClient, deadlineMs: 0 }),
  ],
  [
    'fileLocks(): there is no option "prefix". Known are folder.',
    () => fileLocks({ folder: 'locks', ...given<object>({ prefix: 'a' }) }),
  ],
  ['fileLocks(): folder is ""; give the path of a folder.', () => fileLocks({ folder: '' })],
])('a mistake is said at start-up: %s', (message, make) => {
  expect(make).toThrow(new TypeError(message))
})

test('both ways to a pool of promises are taken', () => {
  for (const pool of [createPromisePool({ host: '127.0.0.1' }), createPool({ host: '127.0.0.1' }).promise()])
    expect(mysqlLocks({ pool })).toHaveProperty('acquire')
})
