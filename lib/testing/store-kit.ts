import type { ExpiringStore } from '../contracts/store'
import { refuseUnknown } from '../options'
import type { KitCase } from './adapter-kit'
import { demand } from './demand'
import { expiryChecks } from './store/expiry'
import { faultChecks } from './store/faults'
import { raceChecks } from './store/races'
import { recordChecks } from './store/records'
import { textChecks } from './store/texts'
import { type Transact, transactionChecks } from './store/transactions'
import type { Check, Checks } from './store/trial'

type Made<S> = Promise<S> | S

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
  refuseUnknown('storeKit()', options, OPTIONS)
  demandUsable(options)
  const { abilities, makeFailing, transact } = options
  const chosen: ReadonlyArray<Checks | undefined> = [
    { 'within is there exactly when it is declared': withinIs(abilities.within) },
    recordChecks(),
    expiryChecks(),
    raceChecks(),
    textChecks(),
    transact && transactionChecks(transact),
    makeFailing && faultChecks(makeFailing),
  ]
  return chosen
    .flatMap((checks) => Object.entries(checks ?? {}))
    .map(([name, check]) => ({ name, run: () => runCheck(check, options) }))
}

async function runCheck<S extends ExpiringStore>(check: Check, options: StoreKitOptions<S>): Promise<void> {
  const { makeStore, makeSecond, disposeStore, ttlMs = 250, slackMs = 50, rounds = 10, workers = 8 } = options
  const { advance = wait } = options
  const made: S[] = []
  try {
    const store = await makeStore()
    made.push(store)
    if (makeSecond) made.push(await makeSecond(store))
    const second = made[1] ?? store
    await check({ store, second, pass: async (ms) => advance(ms), ttlMs, slackMs, rounds, workers })
  } finally {
    for (const store of made.reverse()) await disposeStore?.(store)
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}

function withinIs(declared: boolean): Check {
  return async ({ store }) => {
    const found = typeof store.within
    const rule = declared ? 'within() is there' : 'within() is not there'
    demand(found === (declared ? 'function' : 'undefined'), `${rule}, as it was declared`, found)
  }
}

const NEEDED = { within: 'transact', acrossProcesses: 'makeSecond' } as const

/** A misspelt one would leave cases out without a word. */
const OPTIONS = [
  'makeStore',
  'abilities',
  'makeSecond',
  'makeFailing',
  'transact',
  'disposeStore',
  'advance',
  'ttlMs',
  'slackMs',
  'rounds',
  'workers',
]

function demandUsable<S extends ExpiringStore>(options: StoreKitOptions<S>): void {
  if (typeof options.makeStore !== 'function' || typeof options.abilities !== 'object')
    throw new TypeError('storeKit(): give makeStore, a function, and abilities, an object.')
  const { abilities, ttlMs = 1, slackMs = 1, rounds = 1, workers = 2 } = options
  for (const [name, option] of Object.entries(NEEDED) as Array<[keyof typeof NEEDED, 'transact' | 'makeSecond']>) {
    // An ability that is forgotten would leave its rules unchecked without a word.
    if (typeof abilities[name] !== 'boolean')
      throw new TypeError(`storeKit(): abilities.${name} is ${abilities[name]}; say true or false.`)
    if (abilities[name] === (options[option] !== undefined)) continue
    const needed = abilities[name] ? `give ${option}` : `leave ${option} out`
    throw new TypeError(`storeKit(): abilities.${name} is ${abilities[name]}; ${needed}.`)
  }
  for (const [name, value] of Object.entries({ ttlMs, slackMs, rounds })) {
    if (Number.isSafeInteger(value) && value >= 1) continue
    throw new TypeError(`storeKit(): ${name} is ${value}; give a positive integer.`)
  }
  if (!Number.isSafeInteger(workers) || workers < 2) {
    throw new TypeError(`storeKit(): workers is ${workers}; a race needs two of them at least.`)
  }
}
