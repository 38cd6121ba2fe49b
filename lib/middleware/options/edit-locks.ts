import type { Request } from 'express'
import type { ExpiringStore } from '../../contracts/store'
import { isObject } from '../../json/pointer'
import { aFunction, checkOptions, type Expectation, show, storedMilliseconds } from '../../options'

/** The holder of an edit lock, as the app knows it. */
export interface EditLockHolder {
  /** The result of `owner` when the lock was taken. */
  readonly owner: string
  readonly since: Date
  /** When it ends unless it is renewed. */
  readonly until: Date
}

/** A current edit lock: its holder, and its stored record. */
export interface EditLock extends EditLockHolder {
  readonly record: string
}

/** The options of edit locks. `store` and `owner` are required. */
export interface EditLockOptions {
  /** Stores the locks: `memoryStore()` for one process, or a store that several processes share. */
  readonly store: ExpiringStore
  /** The caller, such as the id of the user or of the session. `undefined` means nobody, who cannot take a lock. */
  readonly owner: (req: Request) => string | undefined
  /** How long a lock lasts without renewal, in milliseconds. Default: 60000. */
  readonly leaseMs?: number
  /** What others learn about the holder. Default: nothing. */
  readonly describeHolder?: (holder: EditLockHolder, req: Request) => unknown
  /** May the caller end the lock of somebody else? Its owner always may, also in another window. Default: no. */
  readonly mayBreak?: (req: Request, holder: EditLockHolder) => boolean | Promise<boolean>
  /** Asked if a lock stands in the way. If its owner is gone, for example a session that has ended, the lock is removed. */
  readonly ownerIsAlive?: (owner: string) => boolean | Promise<boolean>
}

/** The result of `editLocks`, for the option `editLocks` of the chain. */
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
 * Locks that people hold while they edit: others get 423 until the lock is released or expires.
 *
 * Give the result to `resourceRouter`, or to `editLockRouter` and the chain, as their option `editLocks`. A lock keeps
 * others out, but only the version that every write carries protects the data.
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
