import { ascii } from '../key-pairs'
import { demand } from '../kit'
import { AT_ONCE, type Check, type Checks, demandFree, demandFreed, demandHeld, held, inTime, PATIENT } from './trial'

const KIBIBYTE = 'k'.repeat(1023)

/** Pairs of different keys that some service treats as equal, or cannot take as they are. */
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
            'a worker that waits long enough gets the lock',
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

export function waitingChecks(): Checks {
  return {
    'a waiter gets the lock when it is released': async (trial) => {
      const lease = await held(trial.manager)
      const waiting = trial.second.acquire('a', PATIENT)
      await trial.pass(20)
      await lease.release()
      const next = await inTime(trial, 0, waiting, 'a lock that is released goes to who waits for it')
      demand(next !== undefined, 'a waiter gets the lock when it is released', next)
      await demandHeld(trial.manager, 'a lock that was handed on is held')
      await next.release()
    },

    'nobody waits longer than waitMs': async (trial) => {
      const lease = await held(trial.manager)
      for (const waitMs of [0, 40]) {
        const from = performance.now()
        const waiting = trial.second.acquire('a', { ...PATIENT, waitMs })
        const seen = await inTime(trial, waitMs, waiting, `a wait of ${waitMs} ms ends`)
        demand(seen === undefined, 'a wait that ends without the lock gives undefined', seen)
        const tookMs = performance.now() - from
        demand(tookMs >= waitMs - 2, `a wait of ${waitMs} ms takes its time`, `${tookMs} ms`)
      }
      await lease.release()
    },

    'a wait is given up as soon as the signal is aborted': async (trial) => {
      const lease = await held(trial.manager)
      const caller = new AbortController()
      const waiting = trial.second.acquire('a', { ...PATIENT, signal: caller.signal })
      await trial.pass(20)
      caller.abort()
      const seen = await inTime(trial, 0, waiting, 'an abort ends the wait')
      demand(seen === undefined, 'a caller that gives up gets undefined', seen)
      await lease.release()
      await demandFreed(trial, 'a caller that gave up does not get the lock later')
    },

    'a signal that is already aborted gets no lock': async ({ manager, second }) => {
      const seen = await manager.acquire('a', { ...PATIENT, signal: AbortSignal.abort() })
      demand(seen === undefined, 'a caller that gave up before it asked gets undefined', seen)
      await demandFree(second, 'a caller that gave up before it asked holds nothing')
    },

    'a signal that is aborted after the grant changes nothing': async ({ manager, second, pass }) => {
      const caller = new AbortController()
      const lease = await held(manager, 'a', { ...AT_ONCE, signal: caller.signal })
      caller.abort()
      await pass(20)
      demand(!lease.signal.aborted, 'the signal gives up waiting, not the lock', lease.signal.reason)
      await demandHeld(second, 'the lock is still held')
      await lease.release()
    },

    'a waiter that gets no lock leaves nothing behind': async (trial) => {
      const { manager, second, pass, rounds, workers } = trial
      const lease = await held(manager)
      const waits = Array.from({ length: workers * 2 }, async (_, index) => {
        const late = await (index % 2 ? manager : second).acquire('a', { ...PATIENT, waitMs: index })
        demand(late === undefined, 'a lock that is held is not granted', late)
      })
      await Promise.all([...waits, pass(workers * 2)])
      await lease.release()
      await demandFree(second, 'a lock is free when all who waited have given up')

      // These waits end while the lock is passed on. Each gets the lock, or leaves it to the others.
      for (let round = 0; round < rounds; round++) {
        const first = await held(manager, 'a', PATIENT, 'nobody who gave up holds the lock')
        const close = Array.from({ length: workers }, async (_, index) => {
          const caller = new AbortController()
          const waiting = (index % 2 ? manager : second).acquire('a', {
            ...PATIENT,
            waitMs: index % 4,
            signal: caller.signal,
          })
          if (index % 3 === 0) setImmediate(() => caller.abort())
          await (await waiting)?.release()
        })
        await new Promise(setImmediate)
        await first.release()
        await Promise.all([...close, pass(4)])
      }
      await demandFreed(trial, 'a lock is free when all who waited have given up or released it')
    },
  }
}
