import { ConflictError } from '../../conflicts/conflicts'
import type { GuardedRequest } from '../request/guarded-request'
import { failedCondition } from './condition-conflicts'
import { conditionsOf } from './conditions'

/** The key of a new resource is taken. By what is nothing that the request asked for: it is neither checked nor shown. */
export function takenKey<T>(guarded: GuardedRequest<T>): ConflictError {
  const conditions = conditionsOf(guarded)
  const isEnforced = !guarded.settings.reportsOnly
  if (isEnforced && !(conditions instanceof ConflictError) && conditions.ifNoneMatch === '*')
    return failedCondition(conditions, 'If-None-Match', {})
  return new ConflictError('already_exists')
}
