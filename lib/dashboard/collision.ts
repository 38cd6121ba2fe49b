import type { ConflictEvents } from '../conflicts/events'

/** A commit that was seen, by what it changed. */
export interface Commit {
  readonly version: string | undefined
  readonly previousVersion: string | undefined
  readonly pointers: readonly string[]
}

/** Did a stale change touch what others had changed? `unclear` where that cannot be told. */
export type Collision = 'disjoint' | 'overlapping' | 'unclear'

/** What happened to one resource. */
export interface HotSpot {
  readonly resource: string
  /** The key, or a hash of it that is the same while the process runs. */
  readonly key: string
  conflicts: number
  retries: number
  waits: number
  readonly kinds: Record<string, number>
  readonly collisions: Record<Collision, number>
  /** How often two writers touched each member. */
  readonly members: Record<string, number>
  readonly commits: Commit[]
}

/** Reckoned from the problem, where the adapter keeps history; else from the commits that were seen since. */
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
  // A whole value that is stale differs in what others changed, too, whether its author touched that or not.
  return method === 'PATCH' ? { collision: 'overlapping', members } : { collision: 'unclear', members }
}
