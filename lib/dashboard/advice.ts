import type { HotSpot } from './collision'

/** An option that would have helped, and how often. */
export interface Advice {
  readonly option: string
  readonly text: string
  /** Of how many refusals or retries. */
  readonly helps: number
}

/** What the figures of one resource speak for, the strongest first. */
export function adviceFor({ collisions, retries, kinds }: Omit<HotSpot, 'commits'>): Advice[] {
  const { disjoint, overlapping, unclear } = collisions
  const advice: Advice[] = [
    {
      option: "merge: 'disjoint'",
      text: 'These changes touched members that nobody else had changed; merged, they would have gone through. The adapter has to keep history.',
      helps: disjoint,
    },
    {
      option: 'editLocks',
      text: 'Two people changed the same members. Show who is editing before they begin.',
      helps: overlapping,
    },
    {
      option: 'adapter history',
      text: 'Whole values were sent from an old state. With history the problem says which members collide, and a merge becomes possible; or let clients send patches.',
      helps: unclear,
    },
    {
      option: "isolation: 'lock'",
      text: 'Writes met each other and were made again. In turn, each is made once.',
      helps: retries,
    },
    {
      option: 'preconditions',
      text: 'Clients send changes without saying which state they saw. Let them send the ETag of their read as If-Match.',
      helps: kinds.precondition_required ?? 0,
    },
    {
      option: 'idempotency',
      text: 'What exists was created again, most likely by a repeated request. An Idempotency-Key gives the first answer again.',
      helps: (kinds.already_exists ?? 0) + (kinds.unique_violation ?? 0),
    },
    {
      option: 'lock.waitMs',
      text: 'Requests gave up waiting. Do less while the lock is held, or let them wait longer.',
      helps: (kinds.resource_busy ?? 0) + (kinds.queue_full ?? 0),
    },
  ]
  return advice.filter(({ helps }) => helps > 0).sort((one, two) => two.helps - one.helps)
}
