import type { LockManager } from '../../contracts/lock'
import { storeFault } from '../../contracts/store-fault'
import { withDeadline } from '../../timing/deadline'
import { type HeldLease, holdLease, pollFor } from './lease'

/** A connection to a server that frees all locks of a connection when the connection ends. It may hold many locks. */
export interface LockConnection {
  /** Takes the lock if it is free, and returns its fence; `undefined` if another connection holds it. */
  take(name: string): Promise<string | undefined>
  free(name: string): Promise<void>
  /** Makes the server end the connection after `leaseMs` without a call. */
  setLease(leaseMs: number): Promise<void>
  /** Tells the server that this process is alive; `false` if another connection answers. */
  keepAlive(): Promise<boolean>
  /** Ends the connection in any state, even if it has already ended. */
  end(): void
}

export interface SessionOptions {
  /** Opens a connection, and calls `onEnd` when it has ended. */
  open(onEnd: (reason: Error) => void): Promise<LockConnection>
  /** The name of a key's lock on the server. */
  nameOf(key: string): string
  /** How long a call may take before the connection is ended. That also gives back a lock that was granted late. */
  readonly deadlineMs: number
}

/** Holds all locks of a manager on one connection, which is opened when needed and closed when idle. */
export function sessionLocks({ open, nameOf, deadlineMs }: SessionOptions): ConnectedLocks {
  return connectedLocks((onEnd) => openSession(open, deadlineMs, onEnd), nameOf)
}

async function openSession(open: SessionOptions['open'], deadlineMs: number, onEnd: () => void): Promise<Session> {
  let lost: Error | undefined
  let session: Session | undefined
  const opening = open((reason) => {
    lost = reason
    session?.end(reason)
  })
  const connection = await inTime(opening, deadlineMs).catch((error) => {
    // It may still open, and nobody would use it.
    opening.then((late) => late.end()).catch(() => {})
    throw error
  })
  session = lockSession(connection, deadlineMs, onEnd)
  if (lost) session.end(lost)
  return session
}

function lockSession(connection: LockConnection, deadlineMs: number, onEnd: () => void): Session {
  /** The locks that are held, requested or being released. The server would grant a lock twice to one connection. */
  const names = new Map<string, HeldLease | undefined>()
  let lease = { ms: 0, set: Promise.resolve() }
  let ended: Error | undefined
  let idle: NodeJS.Timeout | undefined

  function end(reason: Error): void {
    if (ended) return
    ended = reason
    clearTimeout(idle)
    connection.end()
    onEnd()
    for (const held of names.values()) held?.lose(reason)
  }

  /** After an error it is unknown what the server has done. Ending the connection frees all its locks. */
  async function call<R>(work: () => Promise<R>): Promise<R> {
    if (ended) throw ended
    return inTime(work(), deadlineMs).catch((error: Error) => {
      end(error)
      throw error
    })
  }

  /**
   * The connection gets the longest lease that was requested. Each lock is renewed within its own, shorter time, which
   * keeps the connection alive.
   */
  function lengthen(leaseMs: number): Promise<void> {
    if (leaseMs > lease.ms) lease = { ms: leaseMs, set: call(() => connection.setLease(leaseMs)) }
    return lease.set
  }

  function forget(name: string): void {
    names.delete(name)
    if (names.size > 0 || ended) return
    clearTimeout(idle)
    idle = setTimeout(() => names.size === 0 && end(new Error('idle')), lease.ms / 2).unref()
  }

  async function free(name: string): Promise<void> {
    // Otherwise the server has freed the lock with the connection.
    if (!ended) await call(() => connection.free(name))
    forget(name)
  }

  async function look(name: string, terms: Terms): Promise<HeldLease | undefined> {
    if (names.has(name)) return undefined
    names.set(name, undefined)
    try {
      await lengthen(terms.leaseMs)
      const askedAt = performance.now()
      const fence = await call(() => connection.take(name))
      if (ended) throw ended
      if (fence === undefined) return undefined
      const renew = () => call(() => connection.keepAlive())
      const held = holdLease({ fence, askedAt, free: () => free(name), renew }, terms)
      names.set(name, held)
      return held
    } finally {
      if (names.get(name) === undefined) forget(name)
    }
  }

  return {
    end,
    take: (name, terms) => pollFor({ look: () => look(name, terms), giveBack: ({ lease }) => lease.release() }, terms),
  }
}

function inTime<R>(answer: Promise<R>, deadlineMs: number): Promise<R> {
  return withDeadline(answer, deadlineMs, () => new Error(`no answer within deadlineMs (${deadlineMs})`))
}

/** A lock manager that holds a connection. */
export interface ConnectedLocks extends LockManager {
  /** Ends the connection, and every lease on it. The next `acquire` opens another one. */
  close(): void
}

export type Terms = Parameters<LockManager['acquire']>[1]

/** Holds locks. They end with the session. */
export interface Session {
  /** Waits for a lock; `undefined` if it could not be had in time. A rejection leaves no lock behind. */
  take(name: string, terms: Terms): Promise<HeldLease | undefined>
  end(reason: Error): void
}

/** Holds all locks of a manager in one session, which is opened when first needed, and again after it has ended. */
export function connectedLocks(
  open: (onEnd: () => void) => Promise<Session>,
  nameOf: (key: string) => string,
): ConnectedLocks {
  let current: Promise<Session> | undefined

  function session(): Promise<Session> {
    if (current !== undefined) return current
    const ended = () => {
      if (current === opening) current = undefined
    }
    const opening = open(ended)
    current = opening
    opening.catch(ended)
    return opening
  }

  return {
    async acquire(key, terms) {
      if (terms.signal?.aborted) return undefined
      try {
        const { take } = await session()
        return (await take(nameOf(key), terms))?.lease
      } catch (cause) {
        // A lock writes no resource, so nothing can have been applied.
        throw storeFault(cause, { applied: 'no' })
      }
    },

    close() {
      current?.then((open) => open.end(new Error('the lock manager was closed'))).catch(() => {})
    },
  }
}
