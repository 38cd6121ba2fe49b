import { demand } from '../kit'
import { demandLarger } from '../lock/leases'
import { AT_ONCE, type Checks, demandHeld, held, inTime, PATIENT, type Terms, type Trial } from '../lock/trial'
import { inProcesses, type Member, type Processes, type Team } from '../processes'

/** A lease in another process. */
interface Held {
  readonly id: number
  readonly fence?: string | undefined
}

/** Rules that a lock within one process breaks as soon as several processes share the locks. */
export function processChecks(processes: Processes, fence: boolean): Checks {
  const check = (work: (team: Team, trial: Trial) => Promise<void>) => (trial: Trial) =>
    inProcesses(processes, 'makeManager', (team) => work(team, trial))

  return {
    'a lock that one process holds is granted to no other': check(async ({ members }, { manager }) => {
      const lease = await held(manager)
      for (const member of members) await demandHeldIn(member)
      await lease.release()
      for (const holder of members) {
        const { id } = await heldIn(holder)
        await demandHeld(manager, 'a lock that another process holds is not granted')
        for (const member of members) await demandHeldIn(member)
        await holder.call('release', [id])
      }
      await (await held(manager)).release()
    }),

    'critical sections of several processes never overlap, and every process gets its turn': check(
      async ({ members }, { rounds }) => {
        let inside = 0
        let before = -1n
        const work = async (member: Member) => {
          for (let round = 0; round < rounds; round++) {
            const lease = await heldIn(member)
            demand(++inside === 1, 'one process at a time is in the critical section', inside)
            if (fence) before = demandLarger(lease.fence, before)
            // If another process was granted the lock, its answer arrives before the answers to these calls.
            await Promise.all(members.map((each) => each.call('isLost', [lease.id])))
            demand((await member.call('isLost', [lease.id])) === false, 'a lease that is held is not lost', lease)
            inside -= 1
            await member.call('release', [lease.id])
          }
        }
        await Promise.all(members.map(work))
      },
    ),

    'of several processes that take a lock at once at most one gets it': check(async (team, { manager, rounds }) => {
      for (let round = 0; round < rounds; round++) {
        const results = await team.race(async (member, _, startNs) => ({
          member,
          lease: (await member.call('acquire', ['a', AT_ONCE], startNs)) as Held | undefined,
        }))
        const granted = results.filter(({ lease }) => lease !== undefined)
        demand(granted.length <= 1, 'a lock is granted to one process at a time', granted.length)
        for (const { member, lease } of granted) await member.call('release', [lease?.id])
        await (await held(manager)).release()
      }
    }),

    'the lock of a process that was killed is granted again': check(async ({ members: [holder] }, trial) => {
      if (!holder) return
      await heldIn(holder, { ...PATIENT, leaseMs: trial.leaseMs })
      await holder.kill()
      const rule = 'a lock is free when the lease of a process that was killed is over'
      const next = await inTime(trial, trial.leaseMs, trial.manager.acquire('a', PATIENT), rule)
      demand(next !== undefined, rule, next)
      await next.release()
    }),
  }
}

async function heldIn(member: Member, terms: Terms = PATIENT): Promise<Held> {
  const lease = (await member.call('acquire', ['a', terms])) as Held | undefined
  demand(lease !== undefined, 'a process that waits long enough gets the lock', lease)
  return lease
}

async function demandHeldIn(member: Member): Promise<void> {
  const lease = (await member.call('acquire', ['a', AT_ONCE])) as Held | undefined
  demand(lease === undefined, 'a lock that is held is not granted in another process', 'a second lease')
}
