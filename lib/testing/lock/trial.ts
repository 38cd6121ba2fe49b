import type { Lease, LockManager } from '../../contracts/lock'
import type * as kit from '../kit'
import { demand } from '../kit'

export type Terms = Parameters<LockManager['acquire']>[1]

/** The argument of a check: two managers over the same service, and bounds. */
export interface Trial {
  readonly manager: LockManager
  /** Another manager over the same service if there is one, else the same manager. */
  readonly second: LockManager
  /** Lets time pass. */
  readonly pass: (ms: number) => Promise<void>
  /** The length of a lease whose end a case waits for. */
  readonly leaseMs: number
  /** How much later than expected something may happen. */
  readonly slackMs: number
  readonly rounds: number
  readonly workers: number
}

export type Check = kit.Check<Trial>
export type Checks = kit.Checks<Trial>

/** Long enough that nothing ends unless a case waits for it. */
export const PATIENT: Terms = { waitMs: 20_000, leaseMs: 20_000, maxHoldMs: 60_000 }
export const AT_ONCE: Terms = { ...PATIENT, waitMs: 0 }

/** Acquires a lock that is free or about to be. */
export async function held(manager: LockManager, key = 'a', terms = PATIENT, rule = 'a lock that is free is granted') {
  const lease = await manager.acquire(key, terms)
  demand(lease !== undefined, rule, lease)
  demand(!lease.signal.aborted, 'a lease that was just granted is not lost', lease.signal.reason)
  return lease
}

/** Checks that a lock is held. */
export async function demandHeld(manager: LockManager, rule: string, key = 'a'): Promise<void> {
  const lease = await manager.acquire(key, AT_ONCE)
  await lease?.release()
  demand(lease === undefined, rule, 'a second lease')
}

export async function demandFree(manager: LockManager, rule: string, key = 'a'): Promise<void> {
  const lease = await held(manager, key, AT_ONCE, rule)
  await lease.release()
}

/** Checks that a lock becomes free. Somebody has given it up, but it may still be on its way back to the service. */
export async function demandFreed(trial: Trial, rule: string): Promise<void> {
  const lease = await inTime(trial, 0, trial.manager.acquire('a', PATIENT), rule)
  demand(lease !== undefined, rule, lease)
  await lease.release()
}

const LATE = Symbol('late')

/** The result of `work`, which must come within `ms` and the slack. */
export async function inTime<R>(trial: Trial, ms: number, work: Promise<R>, rule: string): Promise<R> {
  const result = await Promise.race([work, trial.pass(ms + trial.slackMs).then((): typeof LATE => LATE)])
  demand(result !== LATE, rule, `nothing after ${ms + trial.slackMs} ms`)
  return result
}

/** Waits until a lease is lost. */
export async function demandLost(trial: Trial, lease: Lease, ms: number, rule: string): Promise<void> {
  const { signal } = lease
  const told = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve())
    if (signal.aborted) resolve()
  })
  await inTime(trial, ms, told, rule)
  // Not `instanceof`, because the error may come from another realm than the test runner's.
  demand(
    Object.prototype.toString.call(signal.reason) === '[object Error]',
    'a loss has an error for its reason',
    signal.reason,
  )
}
