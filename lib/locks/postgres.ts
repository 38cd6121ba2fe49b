import { createHash } from 'node:crypto'
import type { ConnectedLocks } from '../leases/connected'
import { type LockConnection, sessionLocks } from '../leases/session'

/** What is used of a client of `pg`. */
export interface PostgresLockClient {
  query(text: string, values: unknown[]): Promise<{ rows: Array<Record<string, unknown>> }>
  on(event: 'error' | 'end', listener: (error?: Error) => void): unknown
  /** Called with `true`: the connection is not to be used again. */
  release(destroy: boolean): void
}

/** Where the locks are, and how long a statement may take. */
export interface PostgresLocksOptions {
  /** A pool of `pg`. One connection is taken from it while locks are held or waited for. */
  readonly pool: { connect(): Promise<PostgresLockClient> }
  /** Tells locks of several apps in one database apart; 'express-conflict' if left out. */
  readonly prefix?: string
  /** How long a statement may take before the connection is given up; 2 s if left out. */
  readonly deadlineMs?: number
}

/** $1: the lock. Gives the id of the transaction as fence, which is assigned after the grant and only ever grows. */
const TAKE = 'select case when pg_try_advisory_lock($1) then pg_current_xact_id()::text end as fence'
/** $1: the lock. */
const FREE = 'select pg_advisory_unlock($1)'
/** $1: milliseconds, as text. */
const SET_LEASE = `select set_config('idle_session_timeout', $1, false)`
const IDENTIFY = 'select pg_backend_pid() as pid'

/**
 * Advisory locks of PostgreSQL 14 or later, for every process that uses the database. All locks of a manager are held on
 * one connection; the server ends it, and with it the locks, when it has heard nothing for the length of a lease. A
 * pooler between that shares connections by transaction breaks session locks: connect to the server itself.
 */
export function postgresLocks(options: PostgresLocksOptions): ConnectedLocks {
  const { pool, prefix = 'express-conflict', deadlineMs = 2000 } = options
  if (typeof pool?.connect !== 'function')
    throw new TypeError('postgresLocks(): pool has no connect(); give a pool of pg.')

  return sessionLocks({
    deadlineMs,
    // Two keys with one number would wait for each other, and nothing worse.
    nameOf: (key) => String(createHash('sha256').update(`${prefix}\n${key}`).digest().readBigInt64BE()),
    open: async (onEnd) => connectionOf(await pool.connect(), onEnd),
  })
}

async function connectionOf(client: PostgresLockClient, onEnd: (reason: Error) => void): Promise<LockConnection> {
  let isReleased = false
  let last: Promise<unknown> = Promise.resolve()
  // A client takes the next statement when the last one is done; pg 9 will refuse it before.
  const first = async (text: string, ...values: unknown[]) => {
    const answer = last.then(() => client.query(text, values))
    last = answer.catch(() => {})
    return (await answer).rows[0] ?? {}
  }
  const ended = (error?: Error) => onEnd(error ?? new Error('the connection to PostgreSQL has ended'))
  client.on('error', ended)
  client.on('end', ended)

  const connection = {
    async take(name: string) {
      const { fence } = await first(TAKE, name)
      return fence === null ? undefined : String(fence)
    },
    free: async (name: string) => void (await first(FREE, name)),
    setLease: async (leaseMs: number) => void (await first(SET_LEASE, String(Math.ceil(leaseMs)))),
    keepAlive: async () => (await first(IDENTIFY)).pid === pid,
    end() {
      if (!isReleased) client.release(true)
      isReleased = true
    },
  }
  const { pid } = await first(IDENTIFY).catch((error) => {
    connection.end()
    throw error
  })
  return connection
}
