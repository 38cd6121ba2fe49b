import type { ResourceState } from '../../contracts/adapter'
import { type EntityTag, formatEntityTag } from '../../http/entity-tag'
import { formatHttpDate, namesOneState } from '../../http/http-date'
import { withoutMembers } from '../../json/members'
import { withValueAt } from '../../json/pointer'
import type { Attempt, GuardedRequest } from './guarded-request'

/** The current tags of the state of an attempt. The first one is shown to clients. */
export function tagsOf<T>(
  guarded: Pick<GuardedRequest<T>, 'key' | 'settings'>,
  attempt: Attempt<T>,
): readonly EntityTag[] {
  if (attempt.tags) return attempt.tags
  attempt.tags = attempt.stored ? tagsFor(guarded, attempt.stored) : []
  return attempt.tags
}

export function tagsFor<T>(
  { settings, key = '' }: Pick<GuardedRequest<T>, 'key' | 'settings'>,
  state: ResourceState<T>,
): readonly EntityTag[] {
  // Without the version field, because a hash that includes it would change with every write.
  return settings.tag.tagsFor({
    name: settings.name,
    key,
    state,
    representation: () => shownMembers({ settings }, state.value),
  })
}

/** The part of a value that clients see: without hidden members, and without write-only ones. */
export function shownMembers<T>({ settings }: Pick<GuardedRequest<T>, 'settings'>, value: unknown): unknown {
  const seen = withoutMembers(value, settings.schema?.writeOnlyIn(value))
  return withoutMembers(seen, settings.members.hidden)
}

/** The representation: the part that clients see, with the version in its field. */
export function representationOf<T>(
  guarded: Pick<GuardedRequest<T>, 'key' | 'settings'>,
  state: ResourceState<T>,
): unknown {
  const { versionField } = guarded.settings.members
  const shown = shownMembers(guarded, state.value)
  return versionField === undefined ? shown : withValueAt(shown, versionField, tagsFor(guarded, state)[0]?.opaque)
}

/** Puts the validators of the state that the client now has on the answer (RFC 9110 §8.8). */
export function showValidators<T>(
  guarded: GuardedRequest<T>,
  state: ResourceState<T>,
  tag: EntityTag | undefined,
): void {
  if (tag) show(guarded, 'ETag', formatEntityTag(tag))
  const modified = state.lastModified?.getTime()
  if (modified !== undefined && namesOneState(modified, Date.now()))
    show(guarded, 'Last-Modified', formatHttpDate(modified))
}

export function show<T>({ res, shown }: GuardedRequest<T>, field: string, value: string): void {
  res.setHeader(field, value)
  shown.push({ field, value })
}
