import type { Request } from 'express'
import type { LockManager } from '../../contracts/lock'
import { isObject } from '../../json/pointer'
import { aFunction, aMethod, checkOptions, type Expectation, listOf, milliseconds } from '../../options'

/** The lock that is held from before the state is read until the answer has ended. */
export interface LockOptions {
  /** Grants the leases: `memoryLocks()` for one process, or the locks of a service that several processes share. */
  readonly manager: LockManager
  /** How long a request waits for the lock, including its turn in this process, in milliseconds. Default: 5000. */
  readonly waitMs?: number
  /** How long the lock lasts after its process has died, in milliseconds. Default: 10000. */
  readonly leaseMs?: number
  /** After this time the lock ends, even if the handler is still at work, in milliseconds. Default: 60000. */
  readonly maxHoldMs?: number
  /** How many requests of this process may wait for one resource. Default: 100. */
  readonly maxWaiting?: number
  /**
   * The names of the locks to take in place of the resource's own, which is `article:1` for article 1. The request takes
   * all of them or none. They are always taken in the same order.
   */
  readonly key?: (req: Request) => string | readonly string[]
  /** Methods that hold the lock. Default: all unsafe methods. */
  readonly methods?: readonly string[]
}

export interface LockSettings extends Required<Omit<LockOptions, 'key' | 'methods'>> {
  readonly key: LockOptions['key']
  readonly methods: ReadonlySet<string> | undefined
}

export const MAX_HOLD_MS = 60_000

export const LOCK: Readonly<Record<keyof LockOptions, Expectation>> = {
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
