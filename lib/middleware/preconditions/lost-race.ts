import { ConflictError } from '../../conflicts/conflicts'
import { formatEntityTag } from '../../http/entity-tag'
import type { GuardedRequest } from '../request/guarded-request'
import { tagsOf } from '../request/validators'
import { failedCondition, staleVersionConflict } from './condition-conflicts'
import { conditionsOf } from './conditions'
import { versionNamedBy } from './named-version'

/** What a write that found another version comes to: 412 where the client sent a condition, else 409. */
export function lostRace<T>(guarded: GuardedRequest<T>): ConflictError {
  const conditions = conditionsOf(guarded)
  if (conditions instanceof ConflictError) return conditions
  const { ifMatch, ifNoneMatch, ifUnmodifiedSince } = conditions
  const current = currentTag(guarded)
  if (ifMatch !== undefined) return failedCondition(conditions, 'If-Match', { current })
  if (ifUnmodifiedSince !== undefined) return failedCondition(conditions, 'If-Unmodified-Since', { current })
  if (ifNoneMatch !== undefined) return failedCondition(conditions, 'If-None-Match', { current })
  const version = versionNamedBy(guarded)
  if (typeof version === 'string') return staleVersionConflict(version, current)
  return new ConflictError('concurrent_update', { retryAfterS: 1 })
}

/** What was read before the race is not current any more: only what won it is told. */
function currentTag<T>(guarded: GuardedRequest<T>): string | undefined {
  const { attempt } = guarded
  const tag = attempt?.afterLostRace && attempt.change.current ? tagsOf(guarded, attempt)[0] : undefined
  return tag && formatEntityTag(tag)
}
