import type { LockManager } from '../contracts/lock'
import { casesOf, demandUsable, type KitCase, type KitRules, type Made } from './kit'
import { exclusionChecks, waitingChecks } from './lock/exclusion'
import { faultChecks, fenceChecks, leaseChecks, leftoverChecks, lossChecks } from './lock/leases'
import type { Trial } from './lock/trial'
import { demandProcesses, type Processes } from './processes'
import { processChecks } from './processes/lock-races'

/** What a lock manager can do, declared by its author. */
export interface LockAbilities {
  /** Each lease has a fence. */
  readonly fence: boolean
  /** Managers in several processes share their locks. `makeSecond` makes another manager. */
  readonly acrossProcesses: boolean
}

/** The manager to test, and what it can do. Each optional member adds checks. */
export interface LockKitOptions<M extends LockManager = LockManager> {
  /** Makes a manager that holds no locks. Called once for each case. */
  readonly makeManager: () => Made<M>
  readonly abilities: LockAbilities
  /** Another manager over the same service, like one in another process. */
  readonly makeSecond?: (manager: M) => Made<M>
  /** A manager whose service is down. */
  readonly makeFailing?: () => Made<M>
  /** Makes the service forget that a key is held, as a restart or an operator would. */
  readonly takeAway?: (key: string) => Promise<void> | void
  /** Counts what a manager, or its service, keeps for locks. It must be the same before and after locks were held. */
  readonly countEntries?: (manager: M) => Made<number>
  /**
   * Adds races between processes, which reach the same locks through this module. They find locks that only work within
   * one process.
   */
  readonly processes?: Processes
  /** Called for every manager that a case has made, whether the case passed or failed. */
  readonly disposeManager?: (manager: M) => Promise<void> | void
  /** Lets time pass, if the test runner has replaced the clock. Without it, the kit waits in real time. */
  readonly advance?: (ms: number) => Promise<void>
  /** The length of a lease whose end a case waits for. Default: 300 ms. */
  readonly leaseMs?: number
  /** How much later than expected something may happen. Default: 2000 ms. */
  readonly slackMs?: number
  /** How often each worker takes a lock. Default: 10. */
  readonly rounds?: number
  /** How many workers take part in a race. Default: 8. */
  readonly workers?: number
}

/** The rules of `LockManager` as cases. A case fails with an error that says what the contract demands. */
export function lockKit<M extends LockManager>(options: LockKitOptions<M>): KitCase[] {
  demandUsable('lockKit()', options, RULES)
  const { abilities, makeManager, makeSecond, disposeManager, makeFailing, takeAway, countEntries, advance } = options
  const { processes, leaseMs = 300, slackMs = 2000, rounds = 10, workers = 8 } = options
  demandProcesses('lockKit()', processes, advance)
  if (abilities.acrossProcesses !== (makeSecond !== undefined)) {
    const needed = abilities.acrossProcesses ? 'give makeSecond' : 'leave makeSecond out'
    throw new TypeError(`lockKit(): abilities.acrossProcesses is ${abilities.acrossProcesses}; ${needed}.`)
  }
  return casesOf<M, Trial>(
    [
      exclusionChecks(),
      waitingChecks(),
      leaseChecks(),
      fenceChecks(abilities.fence, takeAway),
      takeAway && lossChecks(takeAway),
      countEntries && leftoverChecks((manager) => countEntries(manager as M)),
      processes && processChecks(processes, abilities.fence),
      makeFailing && faultChecks(makeFailing),
    ],
    {
      make: makeManager,
      makeSecond,
      dispose: disposeManager,
      advance,
      trialOf: (manager, second, pass) => ({ manager, second, pass, leaseMs, slackMs, rounds, workers }),
    },
  )
}

const RULES: KitRules = {
  known: [
    'makeManager',
    'abilities',
    'makeSecond',
    'makeFailing',
    'takeAway',
    'countEntries',
    'processes',
    'disposeManager',
    'advance',
    'leaseMs',
    'slackMs',
    'rounds',
    'workers',
  ],
  make: 'makeManager',
  abilities: ['fence', 'acrossProcesses'],
  counts: ['leaseMs', 'slackMs', 'rounds'],
  crew: 'workers',
}
