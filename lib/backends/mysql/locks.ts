import { sha256 } from '../../json/sha256'
import { anything, aText, checkOptions, milliseconds } from '../../options'
import { type ConnectedLocks, type LockConnection, sessionLocks } from '../leases/session'

/** The part of a `mysql2/promise` connection that is used. */
export interface MysqlLockConnection {
  query(sql: string, values: unknown[]): Promise<[unknown, unknown]>
  on(event: string, listener: (error?: Error) => void): unknown
  destroy(): void
}

/** Where the locks are, and how long a statement may take. */
export interface MysqlLocksOptions {
  /** A pool of `mysql2/promise`. One connection is taken from it while locks are held or waited for. */
  readonly pool: { getConnection(): Promise<MysqlLockConnection> }
  /** Keeps the locks of several apps on one server apart. Default: 'express-conflict'. */
  readonly prefix?: string
  /** How long a statement may take before the connection is given up. Default: 2000 ms. */
  readonly deadlineMs?: number
}

/** ?: the lock. Returns the fence: a number that grows with every call on one server, also across restarts. */
const TAKE = 'select case when get_lock(?, 0) = 1 then cast(uuid_short() as char) end as answer'
/** ?: the lock. */
const FREE = 'select release_lock(?) as answer'
/** ?: seconds. */
const SET_LEASE = 'set session wait_timeout = ?'
const IDENTIFY = 'select connection_id() as answer'

/**
 * Named locks of MariaDB or MySQL (`GET_LOCK`), for every process that uses the server. All locks of a manager are held
 * on one connection. The server ends it, and its locks, after it has heard nothing for the length of a lease, rounded
 * up to a second. Named locks are not replicated, so all processes have to use the same server.
 */
export function mysqlLocks(options: MysqlLocksOptions): ConnectedLocks {
  checkOptions('mysqlLocks()', options, {
    pool: anything,
    prefix: aText('a non-empty string'),
    deadlineMs: milliseconds,
  })
  const { pool, prefix = 'express-conflict', deadlineMs = 2000 } = options
  // A pool with callbacks has the same method, and would never answer.
  if (typeof pool?.getConnection !== 'function' || 'promise' in pool) {
    throw new TypeError("mysqlLocks(): pool gives no promises; give one of 'mysql2/promise', or pool.promise().")
  }

  return sessionLocks({
    deadlineMs,
    // A name has at most 64 characters, and its case is ignored.
    nameOf: (key) => sha256(`${prefix}\n${key}`, 'hex'),
    open: async (onEnd) => connectionOf(await pool.getConnection(), onEnd),
  })
}

async function connectionOf(client: MysqlLockConnection, onEnd: (reason: Error) => void): Promise<LockConnection> {
  async function answer(sql: string, ...values: unknown[]): Promise<unknown> {
    const [rows] = await client.query(sql, values)
    return (rows as Array<{ answer: unknown }>)[0]?.answer
  }
  const ended = (error?: Error) => onEnd(error ?? new Error('the connection to the server has ended'))
  client.on('error', ended)
  client.on('end', ended)

  const connection = {
    async take(name: string) {
      const fence = await answer(TAKE, name)
      return fence === null ? undefined : String(fence)
    },
    free: async (name: string) => void (await answer(FREE, name)),
    setLease: async (leaseMs: number) => void (await client.query(SET_LEASE, [Math.ceil(leaseMs / 1000)])),
    keepAlive: async () => (await answer(IDENTIFY)) === id,
    end: () => client.destroy(),
  }
  const id = await answer(IDENTIFY).catch((error) => {
    connection.end()
    throw error
  })
  return connection
}
