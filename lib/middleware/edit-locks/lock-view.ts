import type { Request } from 'express'
import type { EditLock, EditLocks } from '../options/edit-locks'

/** What a client learns of a lock. A token is never in it. */
export interface LockView {
  readonly locked: boolean
  /** Whether the caller holds it, perhaps in another window. */
  readonly mine?: boolean
  readonly lockedUntil?: string
  readonly holder?: unknown
}

/** What one caller is shown of a lock. */
export async function viewOfLock(lock: EditLock | undefined, locks: EditLocks, req: Request): Promise<LockView> {
  if (lock === undefined) return { locked: false }
  const { owner, since, until } = lock
  const holder = await locks.describeHolder?.({ owner, since, until }, req)
  const view = { locked: true, mine: locks.owner(req) === owner, lockedUntil: until.toISOString() }
  return holder === undefined ? view : { ...view, holder }
}
