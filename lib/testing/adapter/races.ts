import type { ResourceState, Version, WriteResult } from '../../contracts/adapter'
import { demand, sameJson } from '../kit'
import { type AbleAdapter, type Checks, demandSame, present, refused, stored, type Trial } from './trial'

/** All calls of a race begin before any of them is awaited, so that each `await` in an adapter lets the others run. */
export function freshRaceChecks<T>(): Checks<T> {
  return {
    'of several writers with one version exactly one succeeds': async (trial) => {
      let state = stored(await trial.adapter.write('a', trial.values[0], null))
      for (let round = 0; round < trial.rounds; round++) {
        const { version } = state
        state = onlyWinner(await race(trial, round, (writer, value) => writer.write('a', value, version)))
        demandSame(await trial.adapter.read('a'), state, 'what the one winner wrote is stored')
      }
    },

    'several writers that count at once lose no count': async (trial) => {
      const first = stored(await trial.adapter.write('a', trial.values[0], null))
      const counts = team(trial, 0).map(async (writer, index) => {
        // They start one read apart, so that one writes while another is in the middle of its read.
        for (let i = 0; i < index; i++) await writer.read('a')
        return count(writer, trial)
      })
      const entries = (await Promise.all(counts)).flat()
      demandChain(trial.values, first.version, entries, await trial.adapter.read('a'))
    },
  }
}

export function raceChecks<T>(): Checks<T> {
  return {
    'of several creators exactly one succeeds': async (trial) => {
      for (let round = 0; round < trial.rounds; round++) {
        const winner = onlyWinner(await race(trial, round, (writer, value) => writer.write(`${round}`, value, null)))
        demandSame(await trial.second.read(`${round}`), winner, 'what the one winner wrote is stored')
      }
    },

    'of two writers of different values exactly one succeeds': async ({ adapter, second, values, rounds }) => {
      let state = stored(await adapter.write('a', values[0], null))
      for (let round = 0; round < rounds; round++) {
        const { version } = state
        const [one, two] = [values[(round + 1) % 3] as T, values[(round + 2) % 3] as T]
        const results = await Promise.all([adapter.write('a', one, version), second.write('a', two, version)])
        const winner = onlyWinner(results)
        demandSame(await second.read('a'), winner, 'what the one winner wrote is stored')
        // Whichever write won, the next round begins with the same value.
        state = stored(await adapter.write('a', values[(round + 1) % 3] as T, winner.version))
      }
    },
  }
}

export function removalRaceChecks<T>(): Checks<T> {
  return {
    'of a write and a removal at once exactly one succeeds': async ({ adapter, second, values, rounds }) => {
      const [one, two] = values
      for (let round = 0; round < rounds; round++) {
        const key = `${round}`
        const { version } = stored(await adapter.write(key, one, null))
        const removedFirst = round % 2 === 0 ? second.remove(key, version) : undefined
        const write = adapter.write(key, two, version)
        const [written, removed] = await Promise.all([write, removedFirst ?? second.remove(key, version)])
        demand(written.ok !== removed.ok, 'exactly one of a write and a removal succeeds', { written, removed })
        const seen = await second.read(key)
        if (written.ok) demandSame(seen, written.state, 'the write won, so what it wrote is stored')
        else demand(!seen || seen.gone === true, 'the removal won, so nothing is there', seen)
      }
    },

    'of several removals at once exactly one succeeds': async (trial) => {
      for (let round = 0; round < trial.rounds; round++) {
        const { version } = stored(await trial.adapter.write(`${round}`, trial.values[0], null))
        const results = await race(trial, round, (writer) => writer.remove(`${round}`, version))
        demand(results.filter(({ ok }) => ok).length === 1, 'exactly one of several removals succeeds', results)
      }
    },
  }
}

function race<T, R>(trial: Trial<T>, round: number, call: (writer: AbleAdapter<T>, value: T) => Promise<R>) {
  return Promise.all(team(trial, round).map((writer, index) => call(writer, trial.values[(index + round) % 3] as T)))
}

/** The writers of a race, which use the two instances in turn. Each round begins with the other one. */
function team<T>({ adapter, second, writers }: Trial<T>, round: number): AbleAdapter<T>[] {
  return Array.from({ length: writers }, (_, index) => ((index + round) % 2 === 0 ? adapter : second))
}

/** The state of the one write that succeeded. All others must have been refused because of it. */
export function onlyWinner<T>(results: readonly WriteResult<T>[]): ResourceState<T> {
  const winners = results.filter((result) => result.ok)
  const [winner] = winners
  demand(winner !== undefined && winners.length === 1, 'exactly one of several writes succeeds', results)
  for (const loser of results.filter((result) => !result.ok)) {
    demandSame(refused(loser, 'the others are refused'), winner.state, 'a refusal names what stood in the way')
  }
  return winner.state
}

/**
 * A write that succeeded: the version that it replaced, the index of the value that it replaced, and its new version.
 */
export interface Entry {
  readonly before: Version
  readonly place: number
  readonly made: Version
}

/** The index of a value among the three. */
const placeOf = <T>(values: readonly [T, T, T], value: T) => values.findIndex((other) => sameJson(other, value))

/** Replaces the stored value by the next of the three; `undefined` if another write came in between. */
export async function countOnce<T>(
  writer: Pick<AbleAdapter<T>, 'read' | 'write'>,
  values: readonly [T, T, T],
): Promise<Entry | undefined> {
  const read = present(await writer.read('a'))
  const place = placeOf(values, read.value)
  const result = await writer.write('a', values[(place + 1) % 3] as T, read.version)
  return result.ok ? { before: read.version, place, made: result.state.version } : undefined
}

/** Counts `rounds` times. Each refusal must be caused by a success of another writer. */
export async function count<T>(
  writer: Pick<AbleAdapter<T>, 'read' | 'write'>,
  { values, rounds, writers }: Pick<Trial<T>, 'values' | 'rounds' | 'writers'>,
): Promise<Entry[]> {
  const entries: Entry[] = []
  for (let triesLeft = rounds * writers; entries.length < rounds; triesLeft--) {
    demand(triesLeft > 0, 'a write is refused only when another one came between', { counted: entries.length })
    const entry = await countOnce(writer, values)
    if (entry) entries.push(entry)
  }
  return entries
}

/**
 * Checks that all successful writes form one chain from the first state to the last.
 *
 * A lost update shows in one of three ways: two writes replaced the same version, a value does not follow the one
 * before it, or the chain does not end at the last state.
 */
export function demandChain<T>(
  values: readonly [T, T, T],
  first: Version,
  entries: readonly Entry[],
  last: ResourceState<T> | undefined,
): void {
  const writes = new Map(entries.map((entry) => [entry.before, entry]))
  demand(writes.size === entries.length, 'of all writes with one version at most one succeeds', entries)
  let version = first
  let count = 0
  for (let write = writes.get(version); write && count < writes.size; write = writes.get(version)) {
    const rule = 'read gives value and version of the same moment, and each write builds on the one before'
    demand(write.place === count % 3, rule, { ...write, count })
    version = write.made
    count += 1
  }
  demand(count === writes.size, `${writes.size} writes that succeeded count ${writes.size}`, count)
  demand(last?.version === version, `the last version that a write gave, ${version}, is stored in the end`, last)
  demand(sameJson(last.value, values[count % 3]), 'the value of the last write is stored in the end', last)
}
