import { ConflictError } from '../../conflicts/conflicts'
import type { ResourceState } from '../../contracts/adapter'
import { formatEntityTag } from '../../http/entity-tag'
import type { KeptAnswer } from '../../idempotency/record'
import type { Change } from '../../rules/change'
import { retryAfterS } from '../../timing/retry-after'
import { claimOn } from '../request/claimed-request'
import type { GuardedRequest } from '../request/guarded-request'
import { locationOfNew, tagAfterChange } from './after-change'

/**
 * In the transaction of a change: it counts together with the record that says so, or neither does. Where the store has no
 * `within` nothing happens here, and the two are stored one after the other.
 */
export async function recordChange<T>(
  guarded: GuardedRequest<T>,
  change: Change<T>,
  state: ResourceState<T> | undefined,
  handle: unknown,
): Promise<void> {
  const claimed = claimOn(guarded.req)
  const store = guarded.transaction && claimed?.store.within?.(handle)
  if (!claimed?.claim || !store) return
  const answer = answerOfChange(guarded, change, state)
  if (await claimed.claim.carryOut(answer, store)) return
  // Taken for dead, and carried out by another one: what this one did must not count.
  throw new ConflictError('idempotency_in_progress', { retryAfterS: retryAfterS() })
}

/** Should what comes behind the commit fail: the change was made all the same. */
export function noteChange<T>(
  guarded: GuardedRequest<T>,
  change: Change<T>,
  state: ResourceState<T> | undefined,
): void {
  const claimed = claimOn(guarded.req)
  if (claimed) claimed.committed = () => answerOfChange(guarded, change, state)
}

/** What a repetition is told of a change when there is no answer: that it was made, the new tag, and where it is. */
function answerOfChange<T>(
  guarded: GuardedRequest<T>,
  change: Change<T>,
  state: ResourceState<T> | undefined,
): KeptAnswer {
  const tag = state && tagAfterChange(guarded, state)
  const location = state && locationOfNew(guarded, change)
  const headers: [string, string][] = []
  if (tag) headers.push(['etag', formatEntityTag(tag)])
  if (location !== undefined) headers.push(['location', location])
  const isCreated = state !== undefined && change.current === undefined
  return { status: isCreated ? 201 : 204, headers, body: Buffer.alloc(0) }
}
