import type { LockManager } from '../../../lib/contracts/lock'

export type Service = 'redis' | 'postgres' | 'mysql' | 'zookeeper' | 'file'

/** A manager over a client of its own, loaded only where it is asked for: what a process of its own opens. */
export function managerOf(service: Service, at: string, prefix: string): LockManager {
  if (service === 'redis') {
    const { Redis } = require('ioredis') as typeof import('ioredis')
    const client = new Redis(at, { maxRetriesPerRequest: 0, retryStrategy: () => 50 })
    client.on('error', () => {})
    return (require('../../../lib/backends/redis') as typeof import('../../../lib/backends/redis')).redisLocks({
      client,
      prefix,
    })
  }
  if (service === 'postgres') {
    const { Pool } = require('pg') as typeof import('pg')
    const pool = new Pool({ connectionString: at, max: 2 })
    return (require('../../../lib/backends/postgres') as typeof import('../../../lib/backends/postgres')).postgresLocks(
      {
        pool,
        prefix,
      },
    )
  }
  if (service === 'mysql') {
    const { createPool } = require('mysql2/promise') as typeof import('mysql2/promise')
    const pool = createPool({ uri: at, connectionLimit: 2 })
    return (require('../../../lib/backends/mysql') as typeof import('../../../lib/backends/mysql')).mysqlLocks({
      pool,
      prefix,
    })
  }
  if (service === 'zookeeper') {
    const { createClient } = require('../zookeeper/zookeeper-client') as typeof import('../zookeeper/zookeeper-client')
    return (
      require('../../../lib/backends/zookeeper') as typeof import('../../../lib/backends/zookeeper')
    ).zookeeperLocks({
      createClient: () => createClient(at, { sessionTimeout: 1000, spinDelay: 50 }),
      root: `/${prefix}`,
    })
  }
  return (require('../../../lib/backends/file') as typeof import('../../../lib/backends/file')).fileLocks({
    folder: at,
  })
}
