import { createHash, randomUUID, timingSafeEqual } from 'node:crypto'
import type { Request } from 'express'
import { ConflictError, isConflictError } from '../../conflicts/conflicts'
import { publish } from '../../conflicts/events'
import { isMistake } from '../../conflicts/store-errors'
import type { ExpiringStore } from '../../contracts/store'
import { withDeadline } from '../../timing/deadline'
import { retryAfterS } from '../../timing/retry-after'
import type { EditLock, EditLocks } from '../options/edit-locks'
import type { GuardedRequest } from '../request/guarded-request'
import { aboutResource } from '../request/route'

/** The stored form. It has only a hash of the token, so reading the store does not give anybody a token. */
interface Stored {
  readonly owner: string
  readonly token: string
  readonly sinceMs: number
  readonly untilMs: number
}

/** How often to look again after a dead lock was removed, in case others keep being faster. */
const MOST_TRIES = 4

/** The current lock on the resource of a request, if there is one. A lock whose owner is gone is removed. */
export async function findLock<T>(guarded: GuardedRequest<T>, locks: EditLocks): Promise<EditLock | undefined> {
  const key = recordKey(guarded)
  const store = storeOf(guarded, locks)
  return inTime(guarded, async () => {
    for (let tries = 1; ; tries++) {
      const record = await store.read(key)
      if (record === undefined) return undefined
      const lock = lockOf(record)
      const isAlive = tries >= MOST_TRIES || (await (locks.ownerIsAlive?.(lock.owner) ?? true))
      if (isAlive) return lock
      await store.remove(key, record)
    }
  })
}

/** Uses the connection of an open transaction. With a second connection of the pool, requests could wait for each other. */
function storeOf<T>({ transaction }: GuardedRequest<T>, { store }: EditLocks): ExpiringStore {
  return (transaction?.isOpen && store.within?.(transaction.adapter.transactionHandle)) || store
}

/** Takes a free lock and returns its token, which is not stored anywhere. `undefined`: somebody else was faster. */
export async function takeLock<T>(guarded: GuardedRequest<T>, locks: EditLocks, owner: string) {
  const key = recordKey(guarded)
  const token = `urn:uuid:${randomUUID()}`
  const nowMs = Date.now()
  const record = recordOf({
    owner,
    token: hashOf(token).toString('base64url'),
    sinceMs: nowMs,
    untilMs: nowMs + locks.leaseMs,
  })
  const creating = locks.store.create(key, record, locks.leaseMs)
  const isTaken = await inTime(guarded, () => creating).catch((error) => {
    // The store may have created it anyway, too late or with a lost answer.
    const giveBack = () => locks.store.remove(key, record)
    creating.then(giveBack, giveBack).catch(() => {})
    throw error
  })
  if (!isTaken) return undefined
  publish('edit-lock', () => ({ ...aboutResource(guarded), event: 'taken' }))
  return { token, lock: lockOf(record) }
}

/** `undefined`: the lock has ended, or somebody else holds it now. */
export async function renewLock<T>(guarded: GuardedRequest<T>, locks: EditLocks, lock: EditLock) {
  const renewed = recordOf({ ...(JSON.parse(lock.record) as Stored), untilMs: Date.now() + locks.leaseMs })
  const { store, leaseMs } = locks
  const isRenewed = await inTime(guarded, () => store.replace(recordKey(guarded), lock.record, renewed, leaseMs))
  return isRenewed ? lockOf(renewed) : undefined
}

/** `false`: the lock was renewed, has ended, or belongs to somebody else now. */
export async function endLock<T>(guarded: GuardedRequest<T>, locks: EditLocks, lock: EditLock): Promise<boolean> {
  const isEnded = await inTime(guarded, () => locks.store.remove(recordKey(guarded), lock.record))
  if (isEnded) publish('edit-lock', () => ({ ...aboutResource(guarded), event: 'released' }))
  return isEnded
}

/** Checks the tokens of a lock. Takes constant time, so that response times do not reveal a token. */
export function isHeldBy(lock: EditLock, tokens: readonly string[], owner: string | undefined): boolean {
  const stored = Buffer.from((JSON.parse(lock.record) as Stored).token, 'base64url')
  const matches = tokens.map((token) => timingSafeEqual(stored, hashOf(token)))
  return matches.includes(true) && owner === lock.owner
}

function recordKey<T>({ settings, key }: GuardedRequest<T>): string {
  return JSON.stringify(['edit-lock', settings.name, key])
}

function recordOf(stored: Stored): string {
  return JSON.stringify(stored)
}

function lockOf(record: string): EditLock {
  const { owner, sinceMs, untilMs } = JSON.parse(record) as Stored
  return { record, owner, since: new Date(sinceMs), until: new Date(untilMs) }
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

/** If the store does not answer, every change is refused, because somebody may be editing. */
async function inTime<T, R>({ settings }: GuardedRequest<T>, work: () => Promise<R>): Promise<R> {
  const { deadlineMs } = settings
  const late = () => new Error(`the store of the edit locks gave no answer within ${deadlineMs} ms`)
  try {
    return await withDeadline(work(), deadlineMs, late)
  } catch (cause) {
    if (isMistake(cause) || isConflictError(cause)) throw cause
    throw new ConflictError('backend_unavailable', { cause, retryAfterS: retryAfterS() })
  }
}

/** What clients see of a lock. It never contains a token. */
export interface LockView {
  readonly locked: boolean
  /** Whether the caller holds it, perhaps in another window. */
  readonly mine?: boolean
  readonly lockedUntil?: string
  readonly holder?: unknown
}

/** What one caller sees of a lock. */
export async function viewOfLock(lock: EditLock | undefined, locks: EditLocks, req: Request): Promise<LockView> {
  if (lock === undefined) return { locked: false }
  const { owner, since, until } = lock
  const holder = await locks.describeHolder?.({ owner, since, until }, req)
  const view = { locked: true, mine: locks.owner(req) === owner, lockedUntil: until.toISOString() }
  return holder === undefined ? view : { ...view, holder }
}
