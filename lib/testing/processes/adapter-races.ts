import type { RemoveResult, ResourceState, WriteResult } from '../../contracts/adapter'
import { demandChain, type Entry, onlyWinner } from '../adapter/races'
import { type Abilities, type Checks, demandSame, stored, type Trial } from '../adapter/trial'
import { demand } from '../kit'
import { inProcesses, type Member, MORE_ROUNDS, PROCESSES, type Processes, type Team } from '../processes'

/**
 * Rules that a lock, a cache or a counter within one process breaks as soon as several processes share the back end.
 */
export function processChecks<T>(processes: Processes, { remove, transaction, contentVersions }: Abilities): Checks<T> {
  const check = (work: (team: Team, trial: Trial<T>) => Promise<void>) => (trial: Trial<T>) =>
    inProcesses(processes, 'makeAdapter', (team) => work(team, trial))

  return {
    'what one process writes the others read': check(async ({ members }, { adapter, values: [one, two] }) => {
      let state = stored(await adapter.write('a', one, null))
      for (const writer of members) {
        for (const reader of members) demandSame(await readIn(reader), state, 'every process reads what was written')
        state = stored(await writeIn(writer, 'a', two, state.version))
        demandSame(await adapter.read('a'), state, 'what another process wrote is read')
      }
    }),

    'of several processes that create a resource exactly one succeeds': check(async (team, trial) => {
      for (let round = 0; round < trial.rounds * MORE_ROUNDS; round++) {
        const results = await team.race((member, index, startNs) =>
          writeIn(member, `${round}`, trial.values[index % 3] as T, null, startNs),
        )
        demandSame(await trial.adapter.read(`${round}`), onlyWinner(results), 'what the one winner wrote is stored')
      }
    }),

    ...(!contentVersions && {
      'of several processes that write with one version exactly one succeeds': check(async (team, trial) => {
        let state = stored(await trial.adapter.write('a', trial.values[0], null))
        for (let round = 0; round < trial.rounds * MORE_ROUNDS; round++) {
          const { version } = state
          const results = await team.race((member, index, startNs) =>
            writeIn(member, 'a', trial.values[(index + round) % 3] as T, version, startNs),
          )
          state = onlyWinner(results)
          demandSame(await trial.adapter.read('a'), state, 'what the one winner wrote is stored')
        }
      }),

      'several processes that count at once lose no count': check((team, trial) =>
        countsAddUp(trial, () => {
          const { values, rounds } = trial
          const bounds = { values, rounds: rounds * MORE_ROUNDS, writers: PROCESSES }
          return team.race((member, _, startNs) => member.call('count', [bounds], startNs) as Promise<Entry[]>)
        }),
      ),
    }),

    ...(!contentVersions &&
      transaction && {
        'several processes that count in transactions lose no count': check((team, trial) =>
          countsAddUp(trial, () => {
            const args = [trial.values, trial.rounds]
            return team.race(
              (member, _, startNs) => member.call('countInTransactions', args, startNs) as Promise<Entry[]>,
            )
          }),
        ),
      }),

    ...(remove && {
      'of a write and a removal in two processes exactly one succeeds': check(
        async (team, { adapter, values, rounds }) => {
          for (let round = 0; round < rounds * MORE_ROUNDS; round++) {
            const key = `${round}`
            const { version } = stored(await adapter.write(key, values[0], null))
            const results = await team.race<WriteResult<T> | RemoveResult<T>>((member, index, startNs) =>
              (index + round) % 2 === 0
                ? writeIn(member, key, values[1], version, startNs)
                : (member.call('remove', [key, version], startNs) as Promise<RemoveResult<T>>),
            )
            const winners = results.filter(({ ok }) => ok)
            demand(winners.length === 1, 'exactly one of writes and removals succeeds', results)
            const seen = await adapter.read(key)
            const [written] = winners.filter((winner) => 'state' in winner)
            if (written) demandSame(seen, written.state, 'a write won, so what it wrote is stored')
            else demand(!seen || seen.gone === true, 'a removal won, so nothing is there', seen)
          }
        },
      ),
    }),
  }
}

async function countsAddUp<T>({ adapter, values }: Trial<T>, count: () => Promise<Entry[][]>): Promise<void> {
  const first = stored(await adapter.write('a', values[0], null))
  const entries = (await count()).flat()
  demandChain(values, first.version, entries, await adapter.read('a'))
}

function readIn<T>(member: Member): Promise<ResourceState<T> | undefined> {
  return member.call('read', ['a']) as Promise<ResourceState<T> | undefined>
}

function writeIn<T>(member: Member, key: string, value: T, expected: string | null, startNs?: bigint) {
  return member.call('write', [key, value, expected], startNs) as Promise<WriteResult<T>>
}
