import type { ResourceState, Version, WriteResult } from '../../contracts/adapter'
import { demand } from '../demand'
import { sameJson } from '../same-json'
import { type AbleAdapter, type Checks, demandSame, present, refused, stored, type Trial } from './trial'

/** All calls of a race begin before any of them is waited for, so that every await of an adapter lets the others in. */
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
      const { adapter, values, rounds, writers } = trial
      const first = stored(await adapter.write('a', values[0], null))
      const book = ledger(values, first)

      async function count(writer: AbleAdapter<T>, index: number): Promise<void> {
        // They start one read apart: then one writes while another is between two steps of its read.
        for (let i = 0; i < index; i++) await writer.read('a')
        // Each refusal needs a success of somebody else.
        let triesLeft = rounds * writers
        for (let counted = 0; counted < rounds; triesLeft--) {
          demand(triesLeft > 0, 'a write is refused only when another one came between', { counted })
          const read = present(await writer.read('a'))
          const result = await writer.write('a', book.next(read.value), read.version)
          if (!result.ok) continue
          book.book(read, result.state)
          counted += 1
        }
      }

      await Promise.all(team(trial, 0).map(count))
      book.balance(await adapter.read('a'))
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
        // Whoever won: the next round starts at the value that this one is named after.
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

/** As many writers as asked for, on both instances in turns; another one starts in each round. */
function team<T>({ adapter, second, writers }: Trial<T>, round: number): AbleAdapter<T>[] {
  return Array.from({ length: writers }, (_, index) => ((index + round) % 2 === 0 ? adapter : second))
}

function onlyWinner<T>(results: readonly WriteResult<T>[]) {
  const winners = results.filter((result) => result.ok)
  const [winner] = winners
  demand(winner !== undefined && winners.length === 1, 'exactly one of several writes succeeds', results)
  for (const loser of results.filter((result) => !result.ok)) {
    demandSame(refused(loser, 'the others are refused'), winner.state, 'a refusal names what stood in the way')
  }
  return winner.state
}

export interface Ledger<T> {
  /** The value that follows this one. */
  next(value: T): T
  /** Books a write that succeeded: what it had read, and what it made of it. */
  book(read: ResourceState<T>, made: ResourceState<T>): void
  /** All that was booked is one chain from the first state to the last, with nothing lost in between. */
  balance(last: ResourceState<T> | undefined): void
}

/**
 * Counts without knowing what a value is: every write turns one of three values into the next one.
 *
 * An update that is lost shows as a version that two writes replaced, as a value that does not follow the one before
 * it, or as an end that is not the last state.
 */
export function ledger<T>(values: readonly [T, T, T], first: ResourceState<T>): Ledger<T> {
  const writes = new Map<Version, { readonly place: number; readonly made: Version }>()
  const placeOf = (value: T) => values.findIndex((other) => sameJson(other, value))
  const valueAt = (count: number) => values[count % 3] as T

  return {
    next: (value) => valueAt(placeOf(value) + 1),

    book(read, made) {
      demand(!writes.has(read.version), 'of all writes with one version at most one succeeds', read.version)
      writes.set(read.version, { place: placeOf(read.value), made: made.version })
    },

    balance(last) {
      let { version } = first
      let count = 0
      for (let write = writes.get(version); write && count < writes.size; write = writes.get(version)) {
        const rule = 'read gives value and version of the same moment, and each write builds on the one before'
        demand(write.place === count % 3, rule, { version, place: write.place, count })
        version = write.made
        count += 1
      }
      demand(count === writes.size, `${writes.size} writes that succeeded count ${writes.size}`, count)
      demand(last?.version === version, `the last version that a write gave, ${version}, is stored in the end`, last)
      demand(sameJson(last.value, valueAt(count)), 'the value of the last write is stored in the end', last)
    },
  }
}
