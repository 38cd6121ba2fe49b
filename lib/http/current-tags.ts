import { type EntityTag, type strongMatch, weakMatch } from './entity-tag'

/** The entity tags under which the current representation is known. */
export interface CurrentTags {
  /** The first one is shown to clients; all of them are accepted as current. */
  readonly tags: readonly EntityTag[]
  /** Compares in constant time where tags are secrets. */
  readonly sameOpaque?: ((a: string, b: string) => boolean) | undefined
}

/** How a client named a current tag without being equal to it. */
export type TagForm = 'weak' | 'suffixed'

export function holdsCurrentTag(
  given: readonly EntityTag[],
  current: CurrentTags,
  matches: typeof strongMatch,
): boolean {
  return given.some((tag) => isCurrentTag(tag, current, matches))
}

/**
 * The form of a current tag that a list holds: `W/` put in front, or a suffix appended, by a proxy that compressed the
 * answer. `undefined` when it holds neither.
 */
export function formOfCurrentTag(
  given: readonly EntityTag[],
  current: CurrentTags,
  suffixes: readonly string[],
): TagForm | undefined {
  for (const tag of given) {
    if (tag.weak && isCurrentTag(tag, current, weakMatch)) return 'weak'
    if (suffixes.some((suffix) => isSuffixed(tag, suffix, current))) return 'suffixed'
  }
  return undefined
}

function isCurrentTag(tag: EntityTag, current: CurrentTags, matches: typeof strongMatch): boolean {
  for (const currentTag of current.tags) {
    if (matches(tag, currentTag, current.sameOpaque)) return true
  }
  return false
}

function isSuffixed({ weak, opaque }: EntityTag, suffix: string, current: CurrentTags): boolean {
  if (!opaque.endsWith(suffix)) return false
  return isCurrentTag({ weak, opaque: opaque.slice(0, opaque.length - suffix.length) }, current, weakMatch)
}
