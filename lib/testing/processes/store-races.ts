import { demand } from '../kit'
import { inProcesses, type Member, MORE_ROUNDS, PROCESSES, type Processes, type Team } from '../processes'
import { type Checks, created, demandRead, expire, LONG_MS, type Trial } from '../store/trial'

/** Rules that a lock within one process breaks as soon as several processes share the records. */
export function processChecks(processes: Processes): Checks {
  const check = (work: (team: Team, trial: Trial) => Promise<void>) => (trial: Trial) =>
    inProcesses(processes, 'makeStore', (team) => work(team, trial))

  return {
    'what one process stores the others read': check(async ({ members }, { store }) => {
      await created(store, 'a', 'one')
      let before = 'one'
      for (const [index, writer] of members.entries()) {
        for (const reader of members) {
          const seen = await reader.call('read', ['a'])
          demand(seen === before, 'every process reads what was stored', seen)
        }
        const replaced = await writer.call('replace', ['a', before, `${index}`, LONG_MS])
        demand(replaced === true, 'every process can replace what another one stored', replaced)
        before = `${index}`
        await demandRead(store, 'a', before, 'what another process stored is read')
      }
    }),

    'of several processes that create, replace or remove a record exactly one succeeds': check(
      async (team, { store, rounds }) => {
        for (let round = 0; round < rounds * MORE_ROUNDS; round++) {
          const key = `${round}`
          const first = await onlyWinner(team, (member, index, startNs) =>
            member.call('create', [key, `first ${index}`, LONG_MS], startNs),
          )
          await demandRead(store, key, `first ${first}`, 'what the one winner created is there')
          const second = await onlyWinner(team, (member, index, startNs) =>
            member.call('replace', [key, `first ${first}`, `second ${index}`, LONG_MS], startNs),
          )
          await demandRead(store, key, `second ${second}`, 'what the one winner wrote is there')
          await onlyWinner(team, (member, _, startNs) => member.call('remove', [key, `second ${second}`], startNs))
        }
      },
    ),

    'of several processes that create a record anew when it has expired exactly one succeeds': check(
      async (team, trial) => {
        const { store, rounds, ttlMs } = trial
        for (let round = 0; round < rounds; round++) await created(store, `${round}`, 'old', ttlMs)
        await expire(trial)
        for (let round = 0; round < rounds; round++) {
          await onlyWinner(team, (member, index, startNs) =>
            member.call('create', [`${round}`, `${index}`, LONG_MS], startNs),
          )
        }
      },
    ),

    'several processes that count at once lose no count': check(async (team, { store, rounds }) => {
      await created(store, 'a', '0')
      const each = rounds * MORE_ROUNDS
      await team.race((member, _, startNs) => member.call('count', [each, PROCESSES], startNs))
      await demandRead(store, 'a', String(each * PROCESSES), `${each * PROCESSES} counts add up`)
    }),
  }
}

/** The index of the one member that succeeded. */
async function onlyWinner(team: Team, call: (member: Member, index: number, startNs: bigint) => Promise<unknown>) {
  const results = await team.race(call)
  demand(results.filter((ok) => ok === true).length === 1, 'exactly one of several processes succeeds', results)
  return results.indexOf(true)
}
