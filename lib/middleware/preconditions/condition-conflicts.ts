import { ConflictError } from '../../conflicts/conflicts'
import type { TagForm } from '../../http/current-tags'
import { formatEntityTag, type TagList } from '../../http/entity-tag'
import type { ConditionField, Preconditions } from '../../http/preconditions'

/** `current` is the tag of what is there now, where that is known. */
export function failedCondition(
  preconditions: Preconditions,
  field: ConditionField,
  { current, form }: { readonly current?: string | undefined; readonly form?: TagForm | undefined },
): ConflictError {
  return new ConflictError(form === undefined ? 'precondition_failed' : 'weak_validator', {
    field,
    detail: detailOf(preconditions, field, form),
    expected: expectedBy(preconditions, field),
    current,
  })
}

function detailOf(preconditions: Preconditions, field: ConditionField, form: TagForm | undefined): string {
  if (form === 'weak')
    return 'If-Match holds the weak form of the current tag: something between server and client weakened it.'
  if (form === 'suffixed') return 'If-Match holds the current tag with a suffix that compressing proxies put behind it.'
  if (field === 'If-None-Match') return 'What If-None-Match excludes is there.'
  if (field === 'If-Match' && isWeakOnly(preconditions.ifMatch))
    return 'If-Match holds a weak tag (W/"…"), which never matches: Express makes such tags itself. Was the GET served through the chain?'
  return `The resource is not, or no longer, in the state that ${field} names.`
}

function isWeakOnly(tags: TagList | undefined): boolean {
  return Array.isArray(tags) && tags.length > 0 && tags.every(({ weak }) => weak)
}

/** The first tags that the client sent: enough to find the mistake, too little to fill a log. */
function expectedBy({ ifMatch, ifNoneMatch }: Preconditions, field: ConditionField): string | undefined {
  const list = field === 'If-Match' ? ifMatch : field === 'If-None-Match' ? ifNoneMatch : undefined
  return list === undefined || list === '*' ? list : shortened(list.slice(0, 4).map(formatEntityTag).join(', '))
}

export function staleVersionConflict(version: string, current: string | undefined): ConflictError {
  return new ConflictError('stale_version', {
    detail: 'The resource is not, or no longer, in the version that the request names.',
    expected: shortened(version),
    current,
  })
}

export function disagreement(one: string, other: string): ConflictError {
  return new ConflictError('conflicting_conditions', {
    detail: `The version in the ${one} is not the one in ${other === 'query' ? 'the query' : other}.`,
  })
}

function shortened(text: string): string {
  return text.length > 256 ? `${text.slice(0, 255)}…` : text
}
