import type { Request } from 'express'
import type { ExpiringStore } from '../../contracts/store'
import { isObject } from '../../json/pointer'
import { aFunction, checkOptions, type Expectation, show, storedMilliseconds } from '../../options'

/** Who holds an edit lock, as the app knows it. */
export interface EditLockHolder {
  /** What `owner` gave when the lock was taken. */
  readonly owner: string
  readonly since: Date
  /** When it ends unless it is renewed. */
  readonly until: Date
}

/** An edit lock that stands: who holds it, and what the store holds. */
export interface EditLock extends EditLockHolder {
  readonly record: string
}

/** The options of edit locks. `store` and `owner` are required. */
export interface EditLockOptions {
  /** Where the locks are: `memoryStore()` in one process; over several, one that they share. */
  readonly store: ExpiringStore
  /** Who asks, such as the id of the user or of the session; `undefined` for nobody, who cannot take a lock. */
  readonly owner: (req: Request) => string | undefined
  /** How long a lock lasts that is not renewed, in milliseconds. Default: 60000. */
  readonly leaseMs?: number
  /** What others are told about the holder. Default: nothing. */
  readonly describeHolder?: (holder: EditLockHolder, req: Request) => unknown
  /** Who may end the lock of another. Its owner always may, in another window too. Default: nobody else. */
  readonly mayBreak?: (req: Request, holder: EditLockHolder) => boolean | Promise<boolean>
  /** Asked when a lock stands in the way: one whose owner is gone, such as a session that has ended, is gone too. */
  readonly ownerIsAlive?: (owner: string) => boolean | Promise<boolean>
}

/** What `editLocks` makes: for the option `editLocks` of the chain. */
export interface EditLocks extends EditLockOptions {
  readonly leaseMs: number
}

const OPTIONS: Readonly<Record<keyof EditLockOptions, Expectation>> = {
  store: {
    holds: (value) => isObject(value) && ['read', 'create', 'replace', 'remove'].every((name) => name in value),
    what: 'an ExpiringStore, such as memoryStore()',
  },
  owner: aFunction,
  leaseMs: storedMilliseconds,
  describeHolder: aFunction,
  mayBreak: aFunction,
  ownerIsAlive: aFunction,
}

/** Known by brand: two copies of this package may be loaded. */
const BRAND = Symbol.for('express-conflict.edit-locks')

/**
 * Locks that people hold while they edit: others are answered with 423 until the lock is released, or has run out.
 *
 * Give the result to `resourceRouter`, or to `editLockRouter` and the chain, as their option `editLocks`. A lock keeps
 * others out; what keeps the data right is the version that every write carries.
 */
export function editLocks(options: EditLockOptions): EditLocks {
  if (!isObject(options)) throw new TypeError(`editLocks(): expected options, got ${show(options)}.`)
  checkOptions('editLocks()', options, OPTIONS, ['store', 'owner'])
  return Object.assign({ ...options, leaseMs: Math.ceil(options.leaseMs ?? 60_000) }, { [BRAND]: true })
}

export const someEditLocks: Expectation = {
  holds: (value) => isObject(value) && BRAND in value,
  what: 'what editLocks({ store, owner }) gives',
}
