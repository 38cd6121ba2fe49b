import type { LockManager } from '../../contracts/lock'
import { demand } from '../demand'
import { type Checks, held, PATIENT } from './trial'

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
