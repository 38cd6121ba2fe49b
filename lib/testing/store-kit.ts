import type { ExpiringStore } from '../contracts/store'
import { type Check, casesOf, demand, demandUsable, type KitCase, type KitRules, type Made } from './kit'
import { demandProcesses, type Processes } from './processes'
import { processChecks } from './processes/store-races'
import { expiryChecks } from './store/expiry'
import { raceChecks } from './store/races'
import { faultChecks, recordChecks, textChecks } from './store/records'
import { type Transact, transactionChecks } from './store/transactions'
import type { Trial } from './store/trial'

/** What a store can do, declared by its author. */
export interface StoreAbilities {
  /** It has `within`. `transact` begins a transaction. */
  readonly within: boolean
  /** Stores in several processes share their records. `makeSecond` makes another store. */
  readonly acrossProcesses: boolean
}

/** The store to test, and what it can do. Each optional member adds checks. */
export interface StoreKitOptions<S extends ExpiringStore = ExpiringStore> {
  /** Makes a store without records. Called once for each case. */
  readonly makeStore: () => Made<S>
  readonly abilities: StoreAbilities
  /** Another store over the same records, like one in another process. */
  readonly makeSecond?: (store: S) => Made<S>
  /** A store whose back end is down. */
  readonly makeFailing?: () => Made<S>
  /** Begins a transaction of the store's database, and commits it when `run` resolves. */
  readonly transact?: Transact
  /**
   * Adds races between processes, which reach the same records through this module. They find locks that only work
   * within one process.
   */
  readonly processes?: Processes
  /** Called for every store that a case has made, whether the case passed or failed. */
  readonly disposeStore?: (store: S) => Promise<void> | void
  /** Lets time pass, if the test runner has replaced the clock. Without it, the kit waits in real time. */
  readonly advance?: (ms: number) => Promise<void> | void
  /** The time to live of a record whose end a case waits for. Default: 250 ms. */
  readonly ttlMs?: number
  /** How much later than expected a record may expire. Default: 50 ms. */
  readonly slackMs?: number
  /** How often a race is repeated. Default: 10. */
  readonly rounds?: number
  /** How many workers take part in a race. Default: 8. */
  readonly workers?: number
}

/** The rules of `ExpiringStore` as cases. A case fails with an error that says what the contract demands. */
export function storeKit<S extends ExpiringStore>(options: StoreKitOptions<S>): KitCase[] {
  demandUsable('storeKit()', options, RULES)
  const { abilities, makeStore, makeSecond, disposeStore, makeFailing, transact, advance } = options
  const { processes, ttlMs = 250, slackMs = 50, rounds = 10, workers = 8 } = options
  demandProcesses('storeKit()', processes, advance)
  demandGivenFor('within', abilities.within, 'transact', transact)
  demandGivenFor('acrossProcesses', abilities.acrossProcesses, 'makeSecond', makeSecond)
  return casesOf<S, Trial>(
    [
      { 'within is there exactly when it is declared': withinIs(abilities.within) },
      recordChecks(),
      expiryChecks(),
      raceChecks(),
      textChecks(),
      transact && transactionChecks(transact),
      processes && processChecks(processes),
      makeFailing && faultChecks(makeFailing),
    ],
    {
      make: makeStore,
      makeSecond,
      dispose: disposeStore,
      advance,
      trialOf: (store, second, pass) => ({ store, second, pass, ttlMs, slackMs, rounds, workers }),
    },
  )
}

function withinIs(declared: boolean): Check<Trial> {
  return async ({ store }) => {
    const found = typeof store.within
    const rule = declared ? 'within() is there' : 'within() is not there'
    demand(found === (declared ? 'function' : 'undefined'), `${rule}, as it was declared`, found)
  }
}

const RULES: KitRules = {
  known: [
    'makeStore',
    'abilities',
    'makeSecond',
    'makeFailing',
    'transact',
    'processes',
    'disposeStore',
    'advance',
    'ttlMs',
    'slackMs',
    'rounds',
    'workers',
  ],
  make: 'makeStore',
  abilities: ['within', 'acrossProcesses'],
  counts: ['ttlMs', 'slackMs', 'rounds'],
  crew: 'workers',
}

/** A declared ability is tested, so the option that tests it is required. */
function demandGivenFor(ability: string, declared: boolean, name: string, value: unknown): void {
  if (declared === (value !== undefined)) return
  const needed = declared ? `give ${name}` : `leave ${name} out`
  throw new TypeError(`storeKit(): abilities.${ability} is ${declared}; ${needed}.`)
}
