/**
 * RFC 9110 §8.8.3. `opaque` is the text between the quotes. Octets from 0x80 on are latin1 characters, as in Node's
 * headers.
 */
export interface EntityTag {
  readonly weak: boolean
  readonly opaque: string
}

/** The value of `If-Match` and `If-None-Match` (RFC 9110 §13.1.1, §13.1.2). */
export type TagList = '*' | readonly EntityTag[]

/**
 * The comparison of If-Match (RFC 9110 §8.8.3.2): both tags are equal and neither is weak. So a weak tag always fails
 * If-Match.
 */
export function strongMatch(a: EntityTag, b: EntityTag, sameOpaque: SameOpaque = Object.is): boolean {
  return !a.weak && !b.weak && sameOpaque(a.opaque, b.opaque)
}

/** The comparison of If-None-Match (RFC 9110 §8.8.3.2): both tags are equal, weak or not. */
export function weakMatch(a: EntityTag, b: EntityTag, sameOpaque: SameOpaque = Object.is): boolean {
  return sameOpaque(a.opaque, b.opaque)
}

type SameOpaque = (a: string, b: string) => boolean

/** Parses a text that consists of exactly one entity tag. */
export function parseEntityTag(text: string): EntityTag | undefined {
  return endOfTag(text, 0) === text.length ? tagBetween(text, 0, text.length) : undefined
}

export function formatEntityTag(tag: EntityTag): string {
  return tag.weak ? `W/"${tag.opaque}"` : `"${tag.opaque}"`
}

/**
 * Parses the value of `If-Match` or `If-None-Match`. Join repeated lines with a comma first.
 *
 * `undefined` means malformed: a tag beside `*`, something that is not a tag, or more than `maxTags`. An empty list is
 * valid (RFC 9110 §5.6.1.2): it names no state, so it matches none.
 */
export function parseTagList(field: string, maxTags = 256): TagList | undefined {
  let at = skipSpace(field, 0)
  // `*` stands alone: it cannot be a member of a list (RFC 9110 §13.1.1).
  if (field.charCodeAt(at) === STAR) return skipSpace(field, at + 1) === field.length ? '*' : undefined

  const tags: EntityTag[] = []
  // Scanned, never split: a comma may stand inside a tag (§8.8.3). Empty members are tolerated (§5.6.1.2).
  while (at < field.length) {
    if (field.charCodeAt(at) !== COMMA) {
      const end = endOfTag(field, at)
      if (end === -1 || tags.length >= maxTags) return undefined
      tags.push(tagBetween(field, at, end))
      at = skipSpace(field, end)
      if (at < field.length && field.charCodeAt(at) !== COMMA) return undefined
    }
    at = skipSpace(field, at + 1)
  }
  return tags
}

/**
 * Makes the opaque part of a tag from a version. Two different versions never give the same one.
 *
 * Most versions stay unchanged. In the others, `%` and every character that a tag cannot hold is written as `%XX`, or
 * as `%uXXXX` for one UTF-16 code unit, so that even a lone surrogate stays distinct.
 */
export function opaqueFromVersion(version: string): string {
  return version.replace(ENCODED, encodeUnit)
}

const ENCODED = /[^!#$&-~]/g

function encodeUnit(unit: string): string {
  const code = unit.charCodeAt(0)
  const hex = code.toString(16).toUpperCase()
  return code > 0xff ? `%u${hex.padStart(4, '0')}` : `%${hex.padStart(2, '0')}`
}

/** The inverse of `opaqueFromVersion`. */
export function versionFromOpaque(opaque: string): string {
  return opaque.replace(/%(?:u([0-9A-F]{4})|([0-9A-F]{2}))/g, (_, wide, narrow) =>
    String.fromCharCode(Number.parseInt(wide ?? narrow, 16)),
  )
}

const TAB = 0x09
const SPACE = 0x20
const QUOTE = 0x22
const STAR = 0x2a
const COMMA = 0x2c
const DELETE = 0x7f

/** Where the tag that begins at `start` ends, or -1 if no tag begins there. */
function endOfTag(text: string, start: number): number {
  // §8.8.3: "W/" is case-sensitive.
  const open = text.startsWith('W/', start) ? start + 2 : start
  if (text.charCodeAt(open) !== QUOTE) return -1
  for (let at = open + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) return at + 1
    // etagc = %x21 / %x23-7E / obs-text
    if (code <= SPACE || code === DELETE || code > 0xff) return -1
  }
  return -1
}

function tagBetween(text: string, start: number, end: number): EntityTag {
  const weak = text.charCodeAt(start) !== QUOTE
  return { weak, opaque: text.slice(weak ? start + 3 : start + 1, end - 1) }
}

/** OWS (§5.6.3) is spaces and tabs; `trim()` would remove other characters too. */
function skipSpace(text: string, start: number): number {
  let at = start
  while (text.charCodeAt(at) === SPACE || text.charCodeAt(at) === TAB) at++
  return at
}

/** The entity tags of the current representation. */
export interface CurrentTags {
  /** The first one is shown to clients; all of them are accepted as current. */
  readonly tags: readonly EntityTag[]
  /** Compares in constant time if tags are secrets. */
  readonly sameOpaque?: SameOpaque | undefined
}

/** How a tag of the client differs from the current one although it means the same state. */
export type TagForm = 'weak' | 'suffixed'

export function holdsCurrentTag(
  given: readonly EntityTag[],
  current: CurrentTags,
  matches: typeof strongMatch,
): boolean {
  for (const tag of given) if (isCurrentTag(tag, current, matches)) return true
  return false
}

/**
 * Whether a list has a current tag in the form that a proxy gives it when it compresses an answer: with `W/` in front,
 * or with a suffix. `undefined` if it has neither.
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
  for (const each of current.tags) if (matches(tag, each, current.sameOpaque)) return true
  return false
}

function isSuffixed({ weak, opaque }: EntityTag, suffix: string, current: CurrentTags): boolean {
  if (!opaque.endsWith(suffix)) return false
  return isCurrentTag({ weak, opaque: opaque.slice(0, opaque.length - suffix.length) }, current, weakMatch)
}
