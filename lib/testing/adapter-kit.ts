import type { ResourceAdapter } from '../contracts/adapter'
import { refuseUnknown } from '../options'
import { type Abilities, abilityChecks } from './adapter/abilities'
import { creationChecks } from './adapter/creation'
import { dateChecks } from './adapter/dates'
import { faultChecks } from './adapter/faults'
import { historyChecks } from './adapter/history'
import { isolationChecks } from './adapter/isolation'
import { keptVersionChecks } from './adapter/kept-versions'
import { keyChecks } from './adapter/keys'
import { type FaultMoment, lostAnswerChecks } from './adapter/lost-answers'
import { ownershipChecks } from './adapter/ownership'
import { freshRaceChecks, raceChecks, removalRaceChecks } from './adapter/races'
import { readingChecks } from './adapter/reading'
import { freshRemovalChecks, removalChecks } from './adapter/removal'
import { tombstoneChecks } from './adapter/tombstones'
import { freshTransactionChecks, transactionChecks } from './adapter/transactions'
import { able, type Check, type Checks } from './adapter/trial'
import { valueChecks } from './adapter/values'
import { freshVersionChecks, versionChecks } from './adapter/versions'
import { writingChecks } from './adapter/writing'
import { copyOf, sameJson } from './same-json'

type Made<T> = Promise<ResourceAdapter<T>> | ResourceAdapter<T>

/** What the kit needs to know of an adapter. What is optional checks more. */
export interface AdapterKitOptions<T> {
  /** Makes an adapter over an empty store. It is called once for each case. */
  readonly makeAdapter: () => Made<T>
  /** Three different values. */
  readonly values: readonly [T, T, T]
  readonly abilities: Abilities
  /** Values that have to come back as they were written, such as `jsonValues` for an adapter that takes any JSON. */
  readonly extraValues?: readonly T[]
  /** Another instance over the same store, as another process would have one: races then run across both. */
  readonly makeSecond?: (adapter: ResourceAdapter<T>) => Made<T>
  /** An adapter whose back end is down. */
  readonly makeFailing?: () => Made<T>
  /**
   * Another instance over the same store, whose next change fails: before it gets there, or when it was carried out and
   * its answer gets lost, as when a connection breaks.
   */
  readonly makeFaulty?: (adapter: ResourceAdapter<T>, when: FaultMoment) => Made<T>
  /** Called for every adapter that a case made, whether it passed or failed. */
  readonly disposeAdapter?: (adapter: ResourceAdapter<T>) => Promise<void> | void
  /** Moves the clock behind `lastModified`, backwards too, where the adapter takes a clock. */
  readonly advance?: (ms: number) => void
  /** How many versions before the current one the adapter keeps, exactly; one at least. */
  readonly keepVersions?: number
  /** How often a race is run. */
  readonly rounds?: number
  /** How many take part in a race. */
  readonly writers?: number
}

/** One rule of the contract, for any test runner: `for (const { name, run } of adapterKit(…)) test(name, run)`. */
export interface KitCase {
  readonly name: string
  readonly run: () => Promise<void>
}

/** The rules of `ResourceAdapter` as cases. A case fails with an error that says what the contract demands. */
export function adapterKit<T>(options: AdapterKitOptions<T>): KitCase[] {
  refuseUnknown('adapterKit()', options, OPTIONS)
  demandUsable(options)
  const {
    abilities,
    extraValues = [],
    makeFailing,
    makeFaulty,
    disposeAdapter = () => {},
    advance,
    keepVersions,
  } = options
  const isFresh = !abilities.contentVersions
  const chosen: ReadonlyArray<Checks<T> | false | undefined> = [
    abilityChecks(abilities),
    readingChecks(),
    writingChecks(),
    versionChecks(),
    isFresh && freshVersionChecks(),
    ownershipChecks(),
    valueChecks(extraValues),
    keyChecks(abilities),
    raceChecks(),
    isFresh && freshRaceChecks(),
    abilities.remove && removalChecks(),
    abilities.remove && isFresh && freshRemovalChecks(),
    abilities.remove && removalRaceChecks(),
    abilities.tombstones && tombstoneChecks(),
    abilities.lastModified && dateChecks(advance),
    abilities.create && creationChecks(),
    abilities.transaction && transactionChecks(abilities),
    abilities.transaction && isFresh && freshTransactionChecks(),
    abilities.transaction && isolationChecks(abilities),
    abilities.readVersion && historyChecks(abilities),
    abilities.readVersion && keepVersions !== undefined && keptVersionChecks(keepVersions),
    makeFailing && faultChecks(makeFailing, abilities),
    makeFaulty && lostAnswerChecks(makeFaulty, disposeAdapter, abilities),
  ]
  return chosen
    .flatMap((checks) => Object.entries(checks || {}))
    .map(([name, check]) => ({ name, run: () => runCheck(check, options) }))
}

async function runCheck<T>(check: Check<T>, options: AdapterKitOptions<T>): Promise<void> {
  const { makeAdapter, makeSecond, disposeAdapter, rounds = 20, writers = 8 } = options
  const made: ResourceAdapter<T>[] = []
  try {
    const given = await makeAdapter()
    made.push(given)
    if (makeSecond) made.push(await makeSecond(given))
    const adapter = able(given)
    const second = able(made[1] ?? given)
    await check({ given, adapter, second, values: copyOf(options.values), rounds, writers })
  } finally {
    for (const adapter of made.reverse()) await disposeAdapter?.(adapter)
  }
}

const ABILITIES = ['remove', 'create', 'tombstones', 'lastModified', 'transaction', 'readVersion'] as const

/** A misspelt one would leave cases out without a word. */
const OPTIONS = [
  'makeAdapter',
  'values',
  'abilities',
  'extraValues',
  'makeSecond',
  'makeFailing',
  'makeFaulty',
  'disposeAdapter',
  'advance',
  'keepVersions',
  'rounds',
  'writers',
]

function demandUsable<T>(options: AdapterKitOptions<T>): void {
  const { makeAdapter, values, abilities, keepVersions = 1, rounds = 1, writers = 2 } = options
  if (typeof makeAdapter !== 'function' || typeof abilities !== 'object' || !Array.isArray(values))
    throw new TypeError('adapterKit(): give makeAdapter, a function, abilities, an object, and values, a list.')
  const [one, two, three] = values
  if (values.length < 3 || sameJson(one, two) || sameJson(two, three) || sameJson(one, three)) {
    throw new TypeError(`adapterKit(): values are ${JSON.stringify(values)}; give three different ones.`)
  }
  for (const name of ABILITIES) {
    // An ability that is forgotten would leave its rules unchecked without a word.
    if (typeof abilities[name] === 'boolean') continue
    throw new TypeError(`adapterKit(): abilities.${name} is ${abilities[name]}; say true or false.`)
  }
  if (!Number.isSafeInteger(keepVersions) || keepVersions < 1) {
    throw new TypeError(`adapterKit(): keepVersions is ${keepVersions}; give a positive integer, or leave it out.`)
  }
  if (!Number.isSafeInteger(rounds) || rounds < 1) {
    throw new TypeError(`adapterKit(): rounds is ${rounds}; give a positive integer.`)
  }
  if (!Number.isSafeInteger(writers) || writers < 2) {
    throw new TypeError(`adapterKit(): writers is ${writers}; a race needs two of them at least.`)
  }
}
