import type { ResourceAdapter } from '../contracts/adapter'
import { type FaultMoment, faultChecks, lostAnswerChecks } from './adapter/faults'
import { historyChecks, keptVersionChecks } from './adapter/history'
import { freshTransactionChecks, isolationChecks, transactionChecks } from './adapter/isolation'
import { freshRaceChecks, raceChecks, removalRaceChecks } from './adapter/races'
import { type Abilities, abilityChecks, able, type Trial } from './adapter/trial'
import { keyChecks, ownershipChecks, valueChecks } from './adapter/values'
import { dateChecks, freshVersionChecks, versionChecks } from './adapter/versions'
import {
  creationChecks,
  freshRemovalChecks,
  readingChecks,
  removalChecks,
  tombstoneChecks,
  writingChecks,
} from './adapter/writing'
import { casesOf, copyOf, demandUsable, type KitCase, type KitRules, type Made, sameJson } from './kit'
import { demandProcesses, type Processes } from './processes'
import { processChecks } from './processes/adapter-races'

/** The adapter to test, and what it can do. Each optional member adds checks. */
export interface AdapterKitOptions<T> {
  /** Makes an adapter over an empty store. Called once for each case. */
  readonly makeAdapter: () => Made<ResourceAdapter<T>>
  /** Three different values. */
  readonly values: readonly [T, T, T]
  readonly abilities: Abilities
  /** Values that must come back as they were written, such as `jsonValues` for an adapter that takes any JSON. */
  readonly extraValues?: readonly T[]
  /** Another instance over the same store, like one in another process. Races then use both. */
  readonly makeSecond?: (adapter: ResourceAdapter<T>) => Made<ResourceAdapter<T>>
  /** An adapter whose back end is down. */
  readonly makeFailing?: () => Made<ResourceAdapter<T>>
  /**
   * Another instance over the same store, whose next change fails: before the change reaches the store, or after it was
   * carried out and only its answer gets lost.
   */
  readonly makeFaulty?: (adapter: ResourceAdapter<T>, when: FaultMoment) => Made<ResourceAdapter<T>>
  /**
   * Adds races between processes, which reach the same store through this module. They find locks that only work within
   * one process.
   */
  readonly processes?: Processes
  /** Called for every adapter that a case has made, whether the case passed or failed. */
  readonly disposeAdapter?: (adapter: ResourceAdapter<T>) => Promise<void> | void
  /** Moves the clock behind `lastModified`, also backwards, if the adapter takes a clock. */
  readonly advance?: (ms: number) => void
  /** How many versions before the current one the adapter keeps: exactly so many, at least 1. */
  readonly keepVersions?: number
  /** How often a race is repeated. Default: 20. */
  readonly rounds?: number
  /** How many writers take part in a race. Default: 8. */
  readonly writers?: number
}

/** The rules of `ResourceAdapter` as cases. A case fails with an error that says what the contract demands. */
export function adapterKit<T>(options: AdapterKitOptions<T>): KitCase[] {
  demandUsable('adapterKit()', options, RULES)
  const { values, abilities, extraValues = [], makeFailing, makeFaulty, processes, advance, keepVersions } = options
  const { makeAdapter, makeSecond, disposeAdapter = () => {}, rounds = 20, writers = 8 } = options
  demandProcesses('adapterKit()', processes)
  demandDifferent(values)
  const isFresh = !abilities.contentVersions
  return casesOf<ResourceAdapter<T>, Trial<T>>(
    [
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
      processes && processChecks(processes, abilities),
      makeFailing && faultChecks(makeFailing, abilities),
      makeFaulty && lostAnswerChecks(makeFaulty, disposeAdapter, abilities),
    ],
    {
      make: makeAdapter,
      makeSecond,
      dispose: disposeAdapter,
      trialOf: (given, second) => ({
        given,
        adapter: able(given),
        second: able(second),
        values: copyOf(values),
        rounds,
        writers,
      }),
    },
  )
}

const RULES: KitRules = {
  known: [
    'makeAdapter',
    'values',
    'abilities',
    'extraValues',
    'makeSecond',
    'makeFailing',
    'makeFaulty',
    'processes',
    'disposeAdapter',
    'advance',
    'keepVersions',
    'rounds',
    'writers',
  ],
  make: 'makeAdapter',
  abilities: ['remove', 'create', 'tombstones', 'lastModified', 'transaction', 'readVersion'],
  counts: ['rounds', 'keepVersions'],
  crew: 'writers',
}

function demandDifferent(values: unknown): void {
  const [one, two, three] = Array.isArray(values) ? values : []
  if (three !== undefined && !sameJson(one, two) && !sameJson(two, three) && !sameJson(one, three)) return
  throw new TypeError(`adapterKit(): values are ${JSON.stringify(values)}; give three different ones.`)
}
