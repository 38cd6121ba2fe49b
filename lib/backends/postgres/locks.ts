import { createHash } from 'node:crypto'
import { anything, aText, checkOptions, milliseconds } from '../../options'
import { type ConnectedLocks, type LockConnection, sessionLocks } from '../leases/session'

/** The part of a `pg` client that is used. */
export interface PostgresLockClient {
  query(statement: {
    /** The name under which the connection keeps the plan. */
    name?: string
    text: string
    values: unknown[]
  }): Promise<{ rows: Array<Record<string, unknown>> }>
  on(event: 'error' | 'end', listener: (error?: Error) => void): unknown
  /** Called with `true`: the connection must not be used again. */
  release(destroy: boolean): void
}

/** Where the locks are, and how long a statement may take. */
export interface PostgresLocksOptions {
  /** A pool of `pg`. One connection is taken from it while locks are held or waited for. */
  readonly pool: { connect(): Promise<PostgresLockClient> }
  /** Keeps the locks of several apps in one database apart. Default: 'express-conflict'. */
  readonly prefix?: string
  /** How long a statement may take before the connection is given up. Default: 2000 ms. */
  readonly deadlineMs?: number
}

/** $1: a lock. Returns the id of the transaction as the fence, which only grows, or null if the lock is held. */
const TAKE = 'select case when pg_try_advisory_lock($1) then pg_current_xact_id()::text end as fence'
/**
 * $1: locks. Returns whether each was granted, and one fence for all that were. The fence is assigned after all are
 * granted, because the inner query has to finish before the outer one has a row.
 */
const TAKE_ALL = `
select granted, case when true = any (granted) then pg_current_xact_id()::text end as fence
from (
  select array_agg(pg_try_advisory_lock(id) order by place) as granted
  from unnest($1::bigint[]) with ordinality as locks (id, place)
) as taken`
/** $1: a lock. */
const FREE = 'select pg_advisory_unlock($1)'
/** $1: locks. */
const FREE_ALL = 'select pg_advisory_unlock(id) from unnest($1::bigint[]) as locks (id)'
/** $1: milliseconds, as text. */
const SET_LEASE = `select set_config('idle_session_timeout', $1, false)`
const IDENTIFY = 'select pg_backend_pid() as pid'

/**
 * Advisory locks of PostgreSQL 14 or later, for every process that uses the database. All locks of a manager are held
 * on one connection. The server ends it, and its locks, after it has heard nothing for the length of a lease. Connect
 * to the server itself: a pooler that shares connections by transaction breaks session locks.
 */
export function postgresLocks(options: PostgresLocksOptions): ConnectedLocks {
  checkOptions('postgresLocks()', options, {
    pool: anything,
    prefix: aText('a non-empty string'),
    deadlineMs: milliseconds,
  })
  const { pool, prefix = 'express-conflict', deadlineMs = 2000 } = options
  if (typeof pool?.connect !== 'function')
    throw new TypeError('postgresLocks(): pool has no connect(); give a pool of pg.')

  return sessionLocks({
    deadlineMs,
    // If two keys get the same number, they wait for each other; nothing worse happens.
    nameOf: (key) => String(createHash('sha256').update(`${prefix}\n${key}`).digest().readBigInt64BE()),
    open: async (onEnd) => connectionOf(await pool.connect(), onEnd),
  })
}

async function connectionOf(client: PostgresLockClient, onEnd: (reason: Error) => void): Promise<LockConnection> {
  let isReleased = false
  let last: Promise<unknown> = Promise.resolve()
  // A client must not get the next statement before the last one is done: pg 9 will refuse it.
  const inTurn = async (send: () => Promise<{ rows: Array<Record<string, unknown>> }>) => {
    const answer = last.then(send)
    last = answer.catch(() => {})
    return (await answer).rows[0] ?? {}
  }
  const first = (text: string, ...values: unknown[]) => inTurn(() => client.query({ text, values }))
  // Planning these statements takes longer than running them, so the connection keeps the plans.
  const planned = (name: string, text: string, value: unknown) =>
    client.query({ name: `express-conflict ${name}`, text, values: [value] })

  /** Locks that are requested while a statement runs go out together in the next one. */
  function together(verb: string, one: string, all: string) {
    let names: string[] = []
    let answer: Promise<{ names: string[]; row: Record<string, unknown> }> | undefined
    async function send() {
      let sent: string[] = []
      const row = await inTurn(() => {
        sent = names
        names = []
        answer = undefined
        const [only] = sent
        return sent.length === 1 ? planned(verb, one, only) : planned(`${verb} all`, all, sent)
      })
      return { names: sent, row }
    }
    return (name: string) => {
      names.push(name)
      answer ??= send()
      return answer
    }
  }

  const taking = together('take', TAKE, TAKE_ALL)
  const freeing = together('free', FREE, FREE_ALL)
  const ended = (error?: Error) => onEnd(error ?? new Error('the connection to PostgreSQL has ended'))
  client.on('error', ended)
  client.on('end', ended)

  const connection = {
    async take(name: string) {
      const { names, row } = await taking(name)
      const { granted, fence } = row as { granted?: boolean[]; fence: string | null }
      return fence === null || granted?.[names.indexOf(name)] === false ? undefined : fence
    },
    free: async (name: string) => void (await freeing(name)),
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
