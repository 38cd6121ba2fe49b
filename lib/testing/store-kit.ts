import type { ExpiringStore } from '../contracts/store'
import { demand } from './demand'
import { type Check, casesOf, demandUsable, type KitCase, type KitRules, type Made } from './kit'
import { demandProcesses, type Processes } from './processes'
import { processChecks } from './processes/store-races'
import { expiryChecks } from './store/expiry'
import { raceChecks } from './store/races'
import { faultChecks, recordChecks, textChecks } from './store/records'
import { type Transact, transactionChecks } from './store/transactions'
import type { Trial } from './store/trial'

/** What a store can do, said by its author. */
export interface StoreAbilities {
  /** It has `within`; `transact` begins a transaction. */
  readonly within: boolean
  /** Stores in several processes share their records; `makeSecond` gives another one. */
  readonly acrossProcesses: boolean
}

/** What the kit needs to know of a store. */
export interface StoreKitOptions<S extends ExpiringStore = ExpiringStore> {
  /** Makes a store without records. It is called once for each case. */
  readonly makeStore: () => Made<S>
  readonly abilities: StoreAbilities
  /** Another store over the same records, as another process would have one. */
  readonly makeSecond?: (store: S) => Made<S>
  /** A store whose back end is down. */
  readonly makeFailing?: () => Made<S>
  /** Begins a transaction of the store's database, and commits it when `run` resolves. */
  readonly transact?: Transact
  /** Races between processes: how they get at the same records. What holds in one process alone fails. */
  readonly processes?: Processes
  /** Called for every store that a case made, whether it passed or failed. */
  readonly disposeStore?: (store: S) => Promise<void> | void
  /** Lets time pass, where the clock is the test runner's. Without it the kit waits. */
  readonly advance?: (ms: number) => Promise<void> | void
  /** How long a record is kept where a case waits for its end; 250 ms if left out. */
  readonly ttlMs?: number
  /** How much later than it should a record may expire; 50 ms if left out. */
  readonly slackMs?: number
  /** How often a race is run. */
  readonly rounds?: number
  /** How many take part in a race. */
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

/** An ability that is declared is tested, so what tests it has to be there. */
function demandGivenFor(ability: string, declared: boolean, name: string, value: unknown): void {
  if (declared === (value !== undefined)) return
  const needed = declared ? `give ${name}` : `leave ${name} out`
  throw new TypeError(`storeKit(): abilities.${ability} is ${declared}; ${needed}.`)
}
