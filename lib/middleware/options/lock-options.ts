import type { Request } from 'express'
import type { LockManager } from '../../contracts/lock'
import { isObject } from '../../json/pointer'
import { aFunction, aMethod, checkOptions, type Expectation, listOf, milliseconds } from '../../options'

/** The lock that is held from before the state is read until the answer is ended. */
export interface LockOptions {
  /** Grants the leases: `memoryLocks()` in one process; over several, the one of a service that they share. */
  readonly manager: LockManager
  /** How long a request waits for the lock, its turn in this process included, in milliseconds. Default: 5000. */
  readonly waitMs?: number
  /** How long the lock outlives a process that died, in milliseconds. Default: 10000. */
  readonly leaseMs?: number
  /** When the lock ends although the handler is still at work, in milliseconds. Default: 60000. */
  readonly maxHoldMs?: number
  /** How many requests of this process may wait for one resource. Default: 100. */
  readonly maxWaiting?: number
  /**
   * The names of what to lock, `article:1` for the article 1, in place of the resource itself. Several are locked in one
   * order for all requests, all or none.
   */
  readonly key?: (req: Request) => string | readonly string[]
  /** Methods that hold the lock. Default: all that are not safe. */
  readonly methods?: readonly string[]
}

export interface LockSettings extends Required<Omit<LockOptions, 'key' | 'methods'>> {
  readonly key: LockOptions['key']
  readonly methods: ReadonlySet<string> | undefined
}

export const MAX_HOLD_MS = 60_000

const LOCK: Readonly<Record<keyof LockOptions, Expectation>> = {
  manager: {
    holds: (value) => isObject(value) && 'acquire' in value && typeof value.acquire === 'function',
    what: 'a LockManager, such as memoryLocks()',
  },
  waitMs: {
    ...milliseconds,
    holds: (value) => value === 0 || milliseconds.holds(value),
    what: 'a number of milliseconds',
  },
  leaseMs: milliseconds,
  maxHoldMs: milliseconds,
  maxWaiting: { holds: (value) => Number.isSafeInteger(value) && Number(value) >= 0, what: 'a whole number' },
  key: aFunction,
  methods: listOf(aMethod),
}

export function readLock(caller: string, options: LockOptions): LockSettings {
  checkOptions(caller, options, LOCK, ['manager'])
  const { manager, waitMs, leaseMs, maxHoldMs, maxWaiting, key, methods } = options
  return {
    manager,
    waitMs: waitMs ?? 5000,
    leaseMs: leaseMs ?? 10_000,
    maxHoldMs: maxHoldMs ?? MAX_HOLD_MS,
    maxWaiting: maxWaiting ?? 100,
    key,
    methods: methods && new Set(methods),
  }
}
