import type { ExpiringStore } from '../../contracts/store'
import { demand } from '../kit'
import { type Checks, created, demandRead, expire, LONG_MS, type Trial } from './trial'

/** All calls of a race begin before any of them is awaited, so that each `await` in a store lets the others run. */
export function raceChecks(): Checks {
  return {
    'of several that create a record exactly one succeeds': async (trial) => {
      for (let round = 0; round < trial.rounds; round++) {
        const key = `${round}`
        const winner = await onlyWinner(trial, round, (store, value) => store.create(key, value, LONG_MS))
        await demandRead(trial.second, key, winner, 'what the one winner created is there')
      }
    },

    'of several that replace a record exactly one succeeds': async (trial) => {
      await created(trial.store, 'a', 'first')
      let before = 'first'
      for (let round = 0; round < trial.rounds; round++) {
        const expected = before
        before = await onlyWinner(trial, round, (store, value) => store.replace('a', expected, value, LONG_MS))
        await demandRead(trial.second, 'a', before, 'what the one winner wrote is there')
      }
    },

    'of several that create a record anew when it has expired exactly one succeeds': async (trial) => {
      const { store, rounds, ttlMs } = trial
      for (let round = 0; round < rounds; round++) await created(store, `${round}`, 'old', ttlMs)
      await expire(trial)
      for (let round = 0; round < rounds; round++) {
        const key = `${round}`
        const winner = await onlyWinner(trial, round, (each, value) => each.create(key, value, LONG_MS))
        await demandRead(trial.second, key, winner, 'what the one winner created is there')
      }
    },

    'of a replacement and a removal at once exactly one succeeds': async ({ store, second, rounds }) => {
      for (let round = 0; round < rounds; round++) {
        const key = `${round}`
        await created(store, key, 'one')
        const removedFirst = round % 2 === 0 ? second.remove(key, 'one') : undefined
        const replacing = store.replace(key, 'one', 'two', LONG_MS)
        const [replaced, removed] = await Promise.all([replacing, removedFirst ?? second.remove(key, 'one')])
        demand(replaced !== removed, 'exactly one of a replacement and a removal succeeds', { replaced, removed })
        const seen = await second.read(key)
        demand(seen === (replaced ? 'two' : undefined), 'what the one that succeeded left is there', seen)
      }
    },

    'of several that remove a record exactly one succeeds': async (trial) => {
      for (let round = 0; round < trial.rounds; round++) {
        await created(trial.store, `${round}`, 'one')
        await onlyWinner(trial, round, (store) => store.remove(`${round}`, 'one'))
      }
    },

    'several that count at once lose no count': async ({ store, second, rounds, workers }) => {
      await created(store, 'a', '0')
      const counts = Array.from({ length: workers }, async (_, index) => {
        const each = index % 2 === 0 ? store : second
        // They start one read apart, so that one writes while another is between two of its steps.
        for (let i = 0; i < index; i++) await each.read('a')
        await countInStore(each, rounds, workers)
      })
      await Promise.all(counts)
      await demandRead(second, 'a', String(rounds * workers), `${rounds * workers} counts add up`)
    },
  }
}

/** Counts `rounds` times. Each refusal must be caused by a success of another worker. */
export async function countInStore(store: ExpiringStore, rounds: number, workers: number): Promise<void> {
  let triesLeft = rounds * workers
  for (let counted = 0; counted < rounds; triesLeft--) {
    demand(triesLeft > 0, 'a replacement is refused only when another one came between', { counted })
    const before = (await store.read('a')) ?? 'nothing'
    if (await store.replace('a', before, String(Number(before) + 1), LONG_MS)) counted += 1
  }
}

/**
 * Makes all calls at once, beginning with the other store in each round, and returns the value of the one that
 * succeeded.
 */
async function onlyWinner(
  { store, second, workers }: Trial,
  round: number,
  call: (store: ExpiringStore, value: string) => Promise<boolean>,
): Promise<string> {
  const values = Array.from({ length: workers }, (_, index) => `${round}.${index}`)
  const calls = values.map((value, index) => call((index + round) % 2 === 0 ? store : second, value))
  const results = await Promise.all(calls)
  const winners = values.filter((_, index) => results[index])
  demand(winners.length === 1, 'exactly one of several calls at once succeeds', results)
  return winners[0] ?? ''
}
