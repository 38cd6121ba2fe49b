import type { LockManager } from '../../contracts/lock'
import { isStoreFault } from '../../contracts/store-fault'
import { demand, rejection } from '../kit'
import { AT_ONCE, type Checks, demandFree, demandHeld, demandLost, held, inTime, PATIENT } from './trial'

export function leaseChecks(): Checks {
  return {
    'a lease is renewed while it is held': async ({ manager, second, pass, leaseMs }) => {
      const lease = await held(manager, 'a', { ...PATIENT, leaseMs })
      for (let third = 0; third < 9; third++) {
        await pass(leaseMs / 3)
        await demandHeld(second, 'a lock that is held longer than leaseMs is still held')
      }
      demand(!lease.signal.aborted, 'a lease that is renewed is not lost', lease.signal.reason)
      await lease.release()
      await demandFree(second, 'it is released in the end')
    },

    'a lease ends after maxHoldMs, and its signal is aborted': async (trial) => {
      const { manager, second, leaseMs } = trial
      const terms = { ...PATIENT, leaseMs, maxHoldMs: leaseMs * 1.5 }
      const lease = await held(manager, 'a', terms)
      await demandLost(trial, lease, terms.maxHoldMs, 'maxHoldMs ends the lease')
      const waiting = second.acquire('a', PATIENT)
      const next = await inTime(trial, leaseMs, waiting, 'a lock that was held for maxHoldMs is free')
      demand(next !== undefined, 'a lock that was held for maxHoldMs is granted again', next)
      await lease.release()
      await demandHeld(manager, 'a lease that has ended does not release the lock of another holder')
      demand(!next.signal.aborted, 'the next lease is untouched', next.signal.reason)
      await next.release()
    },

    'release may be called twice, and at once': async ({ manager, second }) => {
      const lease = await held(manager)
      await Promise.all([lease.release(), lease.release()])
      await lease.release()
      const next = await held(second, 'a', PATIENT, 'a lock that was released is free')
      await lease.release()
      await demandHeld(manager, 'an extra release does not release the lock of another holder')
      await next.release()
    },

    'a lease that was released is not lost': async ({ manager, pass, leaseMs }) => {
      const terms = { ...PATIENT, leaseMs, maxHoldMs: leaseMs }
      const lease = await held(manager, 'a', terms)
      await lease.release()
      await pass(leaseMs * 1.5)
      demand(!lease.signal.aborted, 'the signal is aborted only by a loss before the release', lease.signal.reason)
    },
  }
}

export function fenceChecks(fence: boolean, takeAway?: (key: string) => Promise<void> | void): Checks {
  if (!fence) {
    return {
      'a lease has no fence, as it was declared': async ({ manager }) => {
        const lease = await held(manager)
        demand(lease.fence === undefined, 'fence is undefined, as it was declared', lease.fence)
        await lease.release()
      },
    }
  }
  return {
    'the fence is a decimal number that grows with every grant': async ({ manager, second, rounds }) => {
      let before = -1n
      for (let round = 0; round < rounds + 10; round++) {
        // It makes no difference which manager asks.
        const lease = await held(round % 3 === 0 ? second : manager)
        before = demandLarger(lease.fence, before)
        await lease.release()
      }
    },

    ...(takeAway && {
      'the fence grows over a loss': async ({ manager, second }) => {
        const lease = await held(manager)
        await takeAway('a')
        const next = await held(second)
        demandLarger(next.fence, demandLarger(lease.fence, -1n))
        await next.release()
        await lease.release()
      },
    }),
  }
}

export function demandLarger(fence: string | undefined, before: bigint): bigint {
  demand(fence !== undefined && /^\d+$/.test(fence), 'a fence is a decimal number', fence)
  demand(BigInt(fence) > before, `the fence of a later grant is larger than ${before}`, fence)
  return BigInt(fence)
}

/** `takeAway` makes the service forget that a key is held. */
export function lossChecks(takeAway: (key: string) => Promise<void> | void): Checks {
  return {
    // An unhandled rejection fails a test by itself, in every test runner.
    'a lock that the service lost aborts the signal, and nothing else happens': async (trial) => {
      const lease = await held(trial.manager, 'a', { ...PATIENT, leaseMs: trial.leaseMs })
      await takeAway('a')
      await demandLost(
        trial,
        lease,
        trial.leaseMs,
        'the signal of a lock that is gone is aborted before its lease would end',
      )
      await lease.release()
      await trial.pass(trial.leaseMs)
    },

    'a lease that was lost does not release the lock of another holder': async (trial) => {
      const lease = await held(trial.manager, 'a', { ...PATIENT, leaseMs: trial.leaseMs })
      await takeAway('a')
      const next = await held(trial.second, 'a', PATIENT, 'a lock that is gone is granted again')
      await lease.release()
      await demandHeld(trial.manager, 'the lock of another is still held after the release')
      await trial.pass(trial.leaseMs)
      await demandHeld(trial.manager, 'the lock of another is still held when the old lease is over')
      demand(!next.signal.aborted, 'the lease of another is not lost', next.signal.reason)
      await next.release()
    },

    'a lock is granted again after a loss': async (trial) => {
      const lease = await held(trial.manager, 'a', { ...PATIENT, leaseMs: trial.leaseMs })
      await takeAway('a')
      await demandLost(trial, lease, trial.leaseMs, 'the signal of a lock that is gone is aborted')
      const next = await held(
        trial.manager,
        'a',
        PATIENT,
        'a lock that was lost can be granted to the same manager again',
      )
      await next.release()
    },
  }
}

/** `makeFailing` makes a manager whose service is down. */
export function faultChecks(makeFailing: () => Promise<LockManager> | LockManager): Checks {
  return {
    'a service that is down rejects, and grants nothing': async (trial) => {
      const manager = await makeFailing()
      for (const waitMs of [0, 50]) {
        const rule = 'a service that is down makes acquire() reject'
        const refusal = rejection(() => manager.acquire('a', { ...AT_ONCE, waitMs }), rule)
        const error = await inTime(trial, waitMs, refusal, rule)
        demand(isStoreFault(error), 'what acquire() rejects with is a store fault', error)
      }
    },
  }
}

/** `countEntries` counts what a manager, or its service, keeps for locks. */
export function leftoverChecks(countEntries: (manager: LockManager) => Promise<number> | number): Checks {
  return {
    'nothing is kept for keys that nobody holds': async ({ manager, second, pass, workers, rounds }) => {
      const before = await countEntries(manager)
      const keys = Array.from({ length: workers * rounds }, (_, index) => `key ${index}`)
      const uses = keys.map(async (key) => {
        const lease = await held(manager, key)
        const waiting = second.acquire(key, PATIENT)
        const late = await second.acquire(key, { ...PATIENT, waitMs: 1 })
        demand(late === undefined, 'a lock that is held is not granted', late)
        await lease.release()
        await (await waiting)?.release()
      })
      await Promise.all([...uses, pass(20)])
      const after = await countEntries(manager)
      demand(after === before, `as much is kept as before, ${before}`, after)
    },
  }
}
