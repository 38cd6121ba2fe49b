import { ConflictError } from '../../conflicts/conflicts'
import { valueAt } from '../../json/pointer'
import type { GuardedRequest } from '../request/guarded-request'
import { disagreement } from './condition-conflicts'

/** A version in the body or the query, for clients that cannot set headers. Not in a standard. */
export function versionNamedBy<T>({
  req,
  sent,
  settings,
  isSafe,
}: GuardedRequest<T>): string | undefined | ConflictError {
  const { versionQuery, members } = settings
  if (isSafe) return undefined
  const inBody = sent ? sent.version : versionInAction(req.body, members.versionField)
  const inQuery = versionQuery === undefined ? undefined : req.query[versionQuery]
  if (inQuery !== undefined && typeof inQuery !== 'string')
    return new ConflictError('malformed_condition', {
      field: versionQuery,
      detail: `The query names ${versionQuery} more than once.`,
    })
  if (inBody !== undefined && inQuery !== undefined && inBody !== inQuery) return disagreement('body', 'query')
  return inBody ?? inQuery
}

/** The body of an action is the handler's: of it the chain reads nothing but the version. */
function versionInAction(body: unknown, versionField: readonly string[] | undefined): string | undefined {
  const version = versionField && valueAt(body, versionField)
  return typeof version === 'string' || typeof version === 'number' ? String(version) : undefined
}
