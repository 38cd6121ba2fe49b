import type { LockManager } from '../../lib/contracts/lock'
import { storeFault } from '../../lib/contracts/store-fault'
import type { LockKitOptions } from '../../lib/testing'
import { type LockSeams, type ToyService, toyLocks, toyService } from './toy-locks'

export interface BrokenLocks {
  readonly name: string
  /** Cases that have to fail, among others perhaps. */
  readonly caught: readonly string[]
  readonly options: LockKitOptions
}

/** Two toys over one service, and what the kit needs to know of it. */
export function toyOptions(seams: Partial<LockSeams> = {}, more: Partial<LockKitOptions> = {}): LockKitOptions {
  let service: ToyService
  const make = () => toyLocks(service, seams)
  return {
    makeManager: () => {
      service = toyService()
      return make()
    },
    makeSecond: make,
    makeFailing: down,
    takeAway: (key) => void service.held.delete(key),
    countEntries: () => service.held.size,
    abilities: { fence: true, acrossProcesses: true },
    ...more,
  }
}

const failing = (acquire: LockManager['acquire']) => ({ makeFailing: () => ({ acquire }) })

export function down(): LockManager {
  return { acquire: async () => Promise.reject(storeFault(new Error('no route'), { applied: 'no' })) }
}

const broken = (
  name: string,
  seams: Partial<LockSeams>,
  caught: readonly string[],
  more: Partial<LockKitOptions> = {},
): BrokenLocks => ({ name, caught, options: toyOptions(seams, more) })

const OVERLAP = 'critical sections never overlap, and every worker that waits gets its turn'
const IN_VAIN = 'nobody waits longer than waitMs'
const ABORTED = 'a wait is given up as soon as the signal is aborted'
const TWICE = 'release may be called twice, and at once'
const TOLD = 'a lock that the service lost aborts the signal, and nothing else happens'
const OTHERS = 'a lease that was lost does not release the lock of another holder'
const GROWS = 'the fence is a decimal number that grows with every grant'
const DOWN = 'a service that is down rejects, and grants nothing'
const MAX_HOLD = 'a lease ends after maxHoldMs, and its signal is aborted'

export const brokenLocks: readonly BrokenLocks[] = [
  broken('grants what is held', { isFree: () => true }, ['a lock that is held is not granted again', OVERLAP]),
  broken('looks, awaits, then takes', { between: () => Promise.resolve() }, [OVERLAP]),
  broken('waits for ever', { isPatient: (_now, _until, signal) => !signal?.aborted }, [
    'a lock that is held is not granted again',
    IN_VAIN,
  ]),
  broken('never waits', { isPatient: () => false }, ['a waiter gets the lock when it is released', IN_VAIN, OVERLAP]),
  broken('waits on when the signal is aborted', { isPatient: (now, until) => now < until }, [
    ABORTED,
    'a signal that is already aborted gets no lock',
  ]),
  broken(
    'rejects who waited in vain',
    {
      inVain: () => {
        throw new Error('time-out')
      },
    },
    [IN_VAIN, ABORTED],
  ),
  broken(
    'takes the signal for the life of the lease',
    { granted: (signal, lost) => signal?.addEventListener('abort', () => lost.abort(new Error('aborted'))) },
    ['a signal that is aborted after the grant changes nothing'],
  ),
  broken('frees whoever holds the lock', { mayFree: () => true }, [TWICE, OTHERS, MAX_HOLD]),
  broken('frees nothing', { mayFree: () => false }, ['a waiter gets the lock when it is released', OVERLAP]),
  broken('never renews', { renews: false }, ['a lease is renewed while it is held']),
  broken('holds beyond maxHoldMs', { endsAfterMaxHold: false }, [MAX_HOLD]),
  broken('tells nobody of a loss', { tell: () => {} }, [TOLD, MAX_HOLD, 'a lock is granted again after a loss']),
  broken('tells a loss without a reason', { tell: (lost) => lost.abort('gone') }, [TOLD, MAX_HOLD]),
  broken('takes a release for a loss', { released: (lost) => lost.abort(new Error('released')) }, [
    'a lease that was released is not lost',
  ]),
  broken('has one lock for all keys', { keyOf: () => 'a' }, ['"{}" and "{a}" are two locks']),
  broken('folds the case of keys', { keyOf: (key) => key.toLowerCase() }, ['"a" and "A" are two locks']),
  broken('trims keys', { keyOf: (key) => key.trim() }, ['"a" and "a " are two locks']),
  broken('composes keys', { keyOf: (key) => key.normalize('NFC') }, ['"\\u00e9" and "e\\u0301" are two locks']),
  broken('cuts keys', { keyOf: (key) => key.slice(0, 255) }, [
    `"${'k'.repeat(23)}1" and "${'k'.repeat(23)}2" are two locks`,
  ]),
  broken('gives the same fence to all', { nextFence: () => '1' }, [GROWS, 'the fence grows over a loss']),
  broken('gives no fence', { nextFence: () => undefined }, [GROWS]),
  broken('gives a random fence', { nextFence: () => crypto.randomUUID() }, [GROWS]),
  broken('compares fences as text', { nextFence: (service) => String(10 - (++service.grants % 10)) }, [GROWS]),
  broken('gives a fence against its word', {}, ['a lease has no fence, as it was declared'], {
    abilities: { fence: false, acrossProcesses: true },
  }),
  broken('keeps an entry for each key', { forget: (held, key) => held.set(key, { token: Symbol(), until: 0 }) }, [
    'nothing is kept for keys that nobody holds',
  ]),
  broken('shares nothing with other processes', {}, ['a lock that is held is not granted again', OVERLAP], {
    makeSecond: () => toyLocks(toyService()),
  }),
  broken('grants when the service is down', {}, [DOWN], failing(toyLocks(toyService()).acquire)),
  broken(
    'takes a service that is down for a lock that is held',
    {},
    [DOWN],
    failing(async () => undefined),
  ),
  broken(
    'rejects with any error when the service is down',
    {},
    [DOWN],
    failing(() => Promise.reject(new Error('no'))),
  ),
  broken(
    'waits for a service that is down',
    {},
    [DOWN],
    failing(() => new Promise(() => {})),
  ),
]
