import type { LockManager } from '../../contracts/lock'
import { storeFault } from '../../contracts/store-fault'
import type { HeldLease } from './lease'

/** A lock manager that holds a connection. */
export interface ConnectedLocks extends LockManager {
  /** Ends the connection, and every lease on it. The next `acquire` opens another one. */
  close(): void
}

export type Terms = Parameters<LockManager['acquire']>[1]

/** What locks are held by, and end with. */
export interface Session {
  /** Waits for a lock, and gives `undefined` when it was not to be had. A rejection leaves nothing behind. */
  take(name: string, terms: Terms): Promise<HeldLease | undefined>
  end(reason: Error): void
}

/** Holds all locks of a manager in one session, opened when it is first needed, and again after it has ended. */
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
        // A lock writes no resource, so there is nothing that may have been applied.
        throw storeFault(cause, { applied: 'no' })
      }
    },

    close() {
      current?.then((open) => open.end(new Error('the lock manager was closed'))).catch(() => {})
    },
  }
}
