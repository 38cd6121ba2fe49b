import { demand } from '../demand'
import { type Checks, demandHeld, demandLost, held, PATIENT } from './trial'

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
