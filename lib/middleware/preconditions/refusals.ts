import { answerOf, ConflictError } from '../../conflicts/conflicts'
import { type EntityTag, formatEntityTag, type TagForm, type TagList } from '../../http/entity-tag'
import type { ConditionField, Preconditions } from '../../http/preconditions'
import { retryAfterS } from '../../timing/retry-after'
import type { GuardedRequest } from '../request/guarded-request'
import { tagsOf } from '../request/validators'
import { conditionsOf, versionNamedBy } from './conditions'

/** The conflict for a false condition. `current` is the tag of the current state, if it is known. */
export function failedCondition(
  preconditions: Preconditions,
  field: ConditionField,
  { current, form }: { readonly current?: string | undefined; readonly form?: TagForm | undefined },
): ConflictError {
  return answerOf(form === undefined ? 'precondition_failed' : 'weak_validator', {
    field,
    detail: detailOf(preconditions, field, { current, form }),
    expected: expectedBy(preconditions, field),
    current,
  })
}

function detailOf(
  { ifMatch }: Preconditions,
  field: ConditionField,
  { current, form }: { readonly current: string | undefined; readonly form: TagForm | undefined },
): string {
  if (form === 'weak')
    return 'If-Match holds the weak form of the current tag: something between server and client weakened it.'
  if (form === 'suffixed') return 'If-Match holds the current tag with a suffix that compressing proxies put behind it.'
  if (field === 'If-None-Match') return 'What If-None-Match excludes is there.'
  if (field === 'If-Match' && isEach(ifMatch, ({ weak }) => weak))
    return 'If-Match holds a weak tag (W/"…"), which never matches: Express makes such tags itself. Was the GET served through the chain?'
  // What `contentHash` makes looks the same.
  if (field === 'If-Match' && current && !isHash(current) && isEach(ifMatch, (tag) => isHash(formatEntityTag(tag))))
    return "If-Match holds a tag that Express makes of an answer itself, with app.set('etag', 'strong'). Was the GET served through the chain?"
  return `The resource is not, or no longer, in the state that ${field} names.`
}

function isEach(tags: TagList | undefined, holds: (tag: EntityTag) => boolean): boolean {
  return Array.isArray(tags) && tags.length > 0 && tags.every(holds)
}

/** The form of the package `etag`: a length in hex, and a SHA-1 in Base64. */
function isHash(tag: string): boolean {
  return /^"[0-9a-f]+-[A-Za-z0-9+/]{27}"$/.test(tag)
}

/** The first tags that the client sent: enough to find the mistake, but not enough to flood a log. */
function expectedBy({ ifMatch, ifNoneMatch }: Preconditions, field: ConditionField): string | undefined {
  const list = field === 'If-Match' ? ifMatch : field === 'If-None-Match' ? ifNoneMatch : undefined
  return list === undefined || list === '*' ? list : shortened(list.slice(0, 4).map(formatEntityTag).join(', '))
}

export function staleVersionConflict(version: string, current: string | undefined): ConflictError {
  return answerOf('stale_version', {
    detail: 'The resource is not, or no longer, in the version that the request names.',
    expected: shortened(version),
    current,
  })
}

function shortened(text: string): string {
  return text.length > 256 ? `${text.slice(0, 255)}…` : text
}

/** The conflict for a write that found another version: 412 if the client sent a condition, else 409. */
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
  return answerOf('concurrent_update', { retryAfterS: retryAfterS() })
}

/** After a lost race the state that was read first is outdated, so only the tag of the winner is shown. */
function currentTag<T>(guarded: GuardedRequest<T>): string | undefined {
  const { attempt } = guarded
  const tag = attempt?.afterLostRace && attempt.change.current ? tagsOf(guarded, attempt)[0] : undefined
  return tag && formatEntityTag(tag)
}

/**
 * The conflict if the key of a new resource is taken. The existing resource is not shown, because the request did not
 * ask for it.
 */
export function takenKey<T>(guarded: GuardedRequest<T>): ConflictError {
  const conditions = conditionsOf(guarded)
  const isEnforced = !guarded.settings.reportsOnly
  if (isEnforced && !(conditions instanceof ConflictError) && conditions.ifNoneMatch === '*')
    return failedCondition(conditions, 'If-None-Match', {})
  return answerOf('already_exists')
}
