import type { ConflictEvents } from '../conflicts/events'

/** A commit, and the members that it changed. */
interface Commit {
  readonly version: string | undefined
  readonly previousVersion: string | undefined
  readonly pointers: readonly string[]
}

/** Whether a stale change touched members that others had changed. `unclear` if that is not known. */
type Collision = 'disjoint' | 'overlapping' | 'unclear'

/** What happened to one resource. */
export interface HotSpot {
  readonly resource: string
  /** The key, or a hash of it. */
  readonly key: string
  conflicts: number
  retries: number
  readonly kinds: Record<string, number>
  readonly collisions: Record<Collision, number>
  /** How often two writers changed the same member. */
  readonly members: Record<string, number>
  readonly commits: Commit[]
}

/**
 * Finds what a stale change collided with: from the problem if the adapter keeps history, otherwise from the commits
 * that were seen since.
 */
export function collisionOf(
  { conflict, method, changed }: ConflictEvents['conflict'],
  commits: readonly Commit[],
): { readonly collision: Collision; readonly members: readonly string[] } {
  const { conflicts, expected } = conflict.facts
  if (conflicts !== undefined) {
    const both = conflicts.filter(({ kind }) => kind === 'both').map(({ pointer }) => pointer)
    return { collision: both.length > 0 ? 'overlapping' : 'disjoint', members: both }
  }
  const at = commits.findLastIndex(
    ({ previousVersion }) => previousVersion !== undefined && `"${previousVersion}"` === expected,
  )
  const mine = changed()
  if (at === -1 || mine.length === 0) return { collision: 'unclear', members: [] }
  const theirs = new Set(commits.slice(at).flatMap(({ pointers }) => pointers))
  const members = mine.filter((pointer) => theirs.has(pointer))
  if (members.length === 0) return { collision: 'disjoint', members }
  // A stale PUT also contains old values of members that others changed, whether or not its author touched them.
  return method === 'PATCH' ? { collision: 'overlapping', members } : { collision: 'unclear', members }
}

/** An option that would have helped, and how often. */
export interface Advice {
  readonly option: string
  readonly text: string
  /** How many refusals or retries it would have avoided. */
  readonly helps: number
}

/** The options that the figures of a resource suggest, the most useful first. */
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
      helps: retries + (kinds.concurrent_update ?? 0),
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
