import { ConflictError } from '../../conflicts/conflicts'
import { parseEntityTag } from '../../http/entity-tag'
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
  const inBody = unquoted(sent ? sent.version : versionInAction(req.body, members.versionField))
  const given = versionQuery === undefined ? undefined : req.query[versionQuery]
  if (given !== undefined && typeof given !== 'string')
    return new ConflictError('malformed_condition', {
      field: versionQuery,
      detail: `The query names ${versionQuery} more than once.`,
    })
  const inQuery = unquoted(given)
  if (inBody !== undefined && inQuery !== undefined && inBody !== inQuery) return disagreement('body', 'query')
  return inBody ?? inQuery
}

/** Clients copy the version from `ETag` too, quotes and all. No version that is shown has quotes of its own. */
function unquoted(version: string | undefined): string | undefined {
  const tag = version === undefined ? undefined : parseEntityTag(version)
  return tag && !tag.weak ? tag.opaque : version
}

/** The body of an action is the handler's: of it the chain reads nothing but the version. */
function versionInAction(body: unknown, versionField: readonly string[] | undefined): string | undefined {
  const version = versionField && valueAt(body, versionField)
  return typeof version === 'string' || typeof version === 'number' ? String(version) : undefined
}
