import type { LockManager } from '../../contracts/lock'
import { isStoreFault } from '../../contracts/store-fault'
import { demand, rejection } from '../demand'
import { AT_ONCE, type Checks, demandHeld, demandLost, held, inTime, PATIENT } from './trial'

/** `takeAway` makes the service forget that a key is held. */
export function lossChecks(takeAway: (key: string) => Promise<void> | void): Checks {
  return {
    // A rejection that nobody handles fails a test by itself, under every runner.
    'a lock that the service lost is told by the signal, and by nothing else': async (trial) => {
      const lease = await held(trial.manager, 'a', { ...PATIENT, leaseMs: trial.leaseMs })
      await takeAway('a')
      await demandLost(trial, lease, trial.leaseMs, 'a lock that is gone is told before its lease would end')
      await lease.release()
      await trial.pass(trial.leaseMs)
    },

    'who lost a lock does not release what is held by another': async (trial) => {
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
      await demandLost(trial, lease, trial.leaseMs, 'a lock that is gone is told')
      const next = await held(trial.manager, 'a', PATIENT, 'who lost a lock can have it again')
      await next.release()
    },
  }
}

/** `makeFailing` gives a manager whose service is down. */
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

/** `countEntries` says what a manager, or its service, keeps for locks. */
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
