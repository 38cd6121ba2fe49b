import type { LockManager } from '../../contracts/lock'
import { isStoreFault } from '../../contracts/store-fault'
import { demand, rejection } from '../demand'
import { AT_ONCE, type Checks, inTime } from './trial'

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
