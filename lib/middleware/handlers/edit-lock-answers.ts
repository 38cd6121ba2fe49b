import type { Request } from 'express'
import { ConflictError } from '../../conflicts/conflicts'
import type { ResourceState } from '../../contracts/adapter'
import { parseLockToken } from '../../http/if-header'
import { show } from '../../options'
import { retryAfterS } from '../../timing/retry-after'
import { lockedBy } from '../edit-locks/edit-lock-conflict'
import {
  endLock,
  findLock,
  isHeldBy,
  type LockView,
  renewLock,
  takeLock,
  viewOfLock,
} from '../edit-locks/edit-lock-record'
import type { EditLock, EditLocks } from '../options/edit-locks'
import { wasRemoved } from '../request/attempt'
import type { GuardedRequest } from '../request/guarded-request'
import { isStillAllowed, readState } from '../state/store-call'

/** A lock that the caller has now. */
export interface OwnLock<T> {
  readonly outcome: 'taken' | 'renewed'
  readonly token: string
  readonly view: LockView
  /** The state that the caller may change. Read after the lock was taken, so that no write before that is missed. */
  readonly state: ResourceState<T>
}

export async function lookAtLock<T>(guarded: GuardedRequest<T>, locks: EditLocks): Promise<LockView> {
  return viewOfLock(await findLock(guarded, locks), locks, guarded.req)
}

/** How often to try if others take, renew or release the lock at the same moment. */
const MOST_TRIES = 4

/** Renews the lock that the token names. Takes it if the request has no token, or if the lock has ended. */
export async function takeOrRenew<T>(guarded: GuardedRequest<T>, locks: EditLocks): Promise<OwnLock<T>> {
  const { req } = guarded
  const owner = ownerOf(locks, req)
  const token = tokenOf(req)
  for (let tries = 1; tries <= MOST_TRIES; tries++) {
    const lock = await findLock(guarded, locks)
    if (lock === undefined) {
      const taken = await takeLock(guarded, locks, owner)
      if (taken) return granted(guarded, locks, taken.lock, taken.token)
      continue
    }
    if (token === undefined || !isHeldBy(lock, [token], owner)) throw await lockedBy(guarded, locks, lock)
    const renewed = await renewLock(guarded, locks, lock)
    if (renewed) return { outcome: 'renewed', token, view: ownView(renewed), state: await stateOf(guarded) }
  }
  throw new ConflictError('resource_busy', { retryAfterS: retryAfterS() })
}

async function granted<T>(
  guarded: GuardedRequest<T>,
  locks: EditLocks,
  lock: EditLock,
  token: string,
): Promise<OwnLock<T>> {
  try {
    return { outcome: 'taken', token, view: ownView(lock), state: await stateOf(guarded) }
  } catch (error) {
    // Nobody hears of this token, so nobody could release the lock.
    await endLock(guarded, locks, lock).catch(() => false)
    throw error
  }
}

async function stateOf<T>(guarded: GuardedRequest<T>): Promise<ResourceState<T>> {
  const state = await readState(guarded)
  if (state === undefined) throw new ConflictError('not_found')
  if (wasRemoved(guarded, state)) throw new ConflictError('gone')
  return state
}

function ownView({ until }: EditLock): LockView {
  return { locked: true, mine: true, lockedUntil: until.toISOString() }
}

/** Releases the lock that the token names, or breaks a lock that the caller may break. Succeeds if there is no lock. */
export async function release<T>(guarded: GuardedRequest<T>, locks: EditLocks): Promise<void> {
  const { req } = guarded
  const token = tokenOf(req)
  for (let tries = 1; tries <= MOST_TRIES; tries++) {
    const lock = await findLock(guarded, locks)
    // The owner may release it even if the resource is gone, or may no longer be seen.
    if (lock === undefined || locks.owner(req) !== lock.owner) await mustBeVisible(guarded, lock !== undefined)
    if (lock === undefined) return
    const refusal = await refusalOf(req, locks, lock, token)
    if (refusal) throw refusal
    if (await endLock(guarded, locks, lock)) return
  }
  throw new ConflictError('resource_busy', { retryAfterS: retryAfterS() })
}

/** Gives the same answer for a missing resource and for one that the caller may not see, locked or not. */
async function mustBeVisible<T>(guarded: GuardedRequest<T>, isLocked: boolean): Promise<void> {
  const conflict = await isStillAllowed(guarded)
  if (conflict) throw conflict
  // A lock outlives its resource, and can then still be broken.
  if (!isLocked && (await readState(guarded)) === undefined) throw new ConflictError('not_found')
}

/** A token only releases its own lock: a late release must not end a lock that somebody else has taken since. */
async function refusalOf(
  req: Request,
  locks: EditLocks,
  lock: EditLock,
  token: string | undefined,
): Promise<ConflictError | undefined> {
  const caller = locks.owner(req)
  if (token !== undefined) {
    if (isHeldBy(lock, [token], caller)) return undefined
    const detail = 'This token of yours holds the lock no more, or never did.'
    return new ConflictError('precondition_failed', { field: 'Lock-Token', detail })
  }
  const { owner, since, until } = lock
  if (caller === owner || (await locks.mayBreak?.(req, { owner, since, until }))) return undefined
  return new ConflictError('denied', { detail: 'The lock is held by somebody else.' })
}

function ownerOf(locks: EditLocks, req: Request): string {
  const owner: unknown = locks.owner(req)
  if (typeof owner === 'string' && owner !== '') return owner
  if (owner === undefined || owner === null)
    throw new ConflictError('denied', { detail: 'A lock needs somebody who holds it: sign in.' })
  throw new TypeError(`editLocks(): owner has to give a non-empty string, or undefined; got ${show(owner)}.`)
}

function tokenOf(req: Request): string | undefined {
  const field = req.headers['lock-token']
  if (field === undefined) return undefined
  const token = parseLockToken(String(field))
  if (token !== undefined) return token
  const detail = 'Lock-Token holds no URI in angle brackets (RFC 4918 §10.5).'
  throw new ConflictError('malformed_condition', { field: 'Lock-Token', detail })
}
