import type { LockManager } from '../contracts/lock'
import { casesOf, demandUsable, type KitCase, type KitRules, type Made } from './kit'
import { exclusionChecks, waitingChecks } from './lock/exclusion'
import { faultChecks, fenceChecks, leaseChecks, leftoverChecks, lossChecks } from './lock/leases'
import type { Trial } from './lock/trial'
import { demandProcesses, type Processes } from './processes'
import { processChecks } from './processes/lock-races'

/** What a lock manager can do, said by its author. */
export interface LockAbilities {
  /** Each lease has a fence. */
  readonly fence: boolean
  /** Managers in several processes share their locks; `makeSecond` gives another one. */
  readonly acrossProcesses: boolean
}

/** What the kit needs to know of a manager. */
export interface LockKitOptions<M extends LockManager = LockManager> {
  /** Makes a manager that holds no locks. It is called once for each case. */
  readonly makeManager: () => Made<M>
  readonly abilities: LockAbilities
  /** Another manager over the same service, as another process would have one. */
  readonly makeSecond?: (manager: M) => Made<M>
  /** A manager whose service is down. */
  readonly makeFailing?: () => Made<M>
  /** Makes the service forget that a key is held, as a restart or an operator would. */
  readonly takeAway?: (key: string) => Promise<void> | void
  /** What a manager, or its service, keeps for locks; as much before as after they were held. */
  readonly countEntries?: (manager: M) => Made<number>
  /** Races between processes: how they get at the same locks. What holds in one process alone fails. */
  readonly processes?: Processes
  /** Called for every manager that a case made, whether it passed or failed. */
  readonly disposeManager?: (manager: M) => Promise<void> | void
  /** Lets time pass, where the clock is the test runner's. Without it the kit waits. */
  readonly advance?: (ms: number) => Promise<void>
  /** How long a lease is where a case waits for its end; 300 ms if left out. */
  readonly leaseMs?: number
  /** How much later than it should something may happen; 2 s if left out. */
  readonly slackMs?: number
  /** How often a worker takes a lock. */
  readonly rounds?: number
  /** How many take part in a race. */
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
