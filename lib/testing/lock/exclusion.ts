import { demand, show } from '../demand'
import { AT_ONCE, type Check, type Checks, demandFree, demandHeld, held, PATIENT } from './trial'

const KIBIBYTE = 'k'.repeat(1023)

/** Keys that some service takes for one another, or cannot take as they are. */
const PAIRS: readonly (readonly [string, string])[] = [
  ['a', 'A'],
  ['a', 'a '],
  ['a', 'á'],
  ['\u00e9', 'e\u0301'],
  ['😀', '😁'],
  ['{}', '{a}'],
  ['a b', 'a\nb'],
  ['x', '../x'],
  ['.', '..'],
  ['a/b', 'a%2Fb'],
  ['*', "'"],
  ['0', '00'],
  ['__proto__', 'constructor'],
  [`${KIBIBYTE}1`, `${KIBIBYTE}2`],
]

export function exclusionChecks(): Checks {
  return {
    'a lock that is held is not granted again': async ({ manager, second }) => {
      const lease = await held(manager)
      await demandHeld(second, 'a lock that is held is not granted to another manager')
      await demandHeld(manager, 'a lock that is held is not granted to its own manager')
      await lease.release()
      await demandFree(second, 'a lock that was released is granted at once')
    },

    'critical sections never overlap, and every worker that waits gets its turn': async (trial) => {
      const { manager, second, rounds, workers } = trial
      let inside = 0
      let count = 0
      const work = async (index: number) => {
        for (let round = 0; round < rounds; round++) {
          const lease = await held(
            index % 2 === 0 ? manager : second,
            'a',
            PATIENT,
            'who waits long enough gets the lock',
          )
          demand(++inside === 1, 'one worker at a time is in the critical section', inside)
          const before = count
          await new Promise(setImmediate)
          count = before + 1
          inside -= 1
          await lease.release()
        }
      }
      await Promise.all(Array.from({ length: workers }, (_, index) => work(index)))
      demand(count === rounds * workers, `${rounds * workers} critical sections count ${rounds * workers}`, count)
    },

    ...Object.fromEntries(PAIRS.map((pair) => [`${ascii(pair[0])} and ${ascii(pair[1])} are two locks`, apart(pair)])),
  }
}

function apart([here, there]: readonly [string, string]): Check {
  return async ({ manager, second }) => {
    const lease = await held(manager, here)
    const other = await held(second, there, AT_ONCE, `${ascii(there)} is not held with ${ascii(here)}`)
    await demandHeld(second, `${ascii(here)} is held`, here)
    await lease.release()
    await demandHeld(manager, `releasing ${ascii(here)} does not release ${ascii(there)}`, there)
    await other.release()
  }
}

/** Two keys that look the same are not to be told apart by eye. */
function ascii(key: string): string {
  return show(key.slice(-24)).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
