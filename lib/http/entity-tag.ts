/** RFC 9110 §8.8.3. `opaque` is what stands between the quotes; octets from 0x80 on are latin1 text, as Node gives them. */
export interface EntityTag {
  readonly weak: boolean
  readonly opaque: string
}

/** What `If-Match` and `If-None-Match` hold (RFC 9110 §13.1.1, §13.1.2). */
export type TagList = '*' | readonly EntityTag[]

/** The comparison of If-Match, which a weak tag always fails (RFC 9110 §8.8.3.2): neither is weak, and both are the same. */
export function strongMatch(a: EntityTag, b: EntityTag, sameOpaque = identical): boolean {
  return !a.weak && !b.weak && sameOpaque(a.opaque, b.opaque)
}

/** RFC 9110 §8.8.3.2: both are the same, weak or not. */
export function weakMatch(a: EntityTag, b: EntityTag, sameOpaque = identical): boolean {
  return sameOpaque(a.opaque, b.opaque)
}

/** Reads a text that is exactly one entity tag. */
export function parseEntityTag(text: string): EntityTag | undefined {
  return endOfTag(text, 0) === text.length ? tagBetween(text, 0, text.length) : undefined
}

export function formatEntityTag(tag: EntityTag): string {
  return tag.weak ? `W/"${tag.opaque}"` : `"${tag.opaque}"`
}

/**
 * Reads the value of `If-Match` or `If-None-Match`; repeated lines are joined with a comma first.
 *
 * `undefined` means malformed: a tag beside `*`, anything that is not a tag, or more than `maxTags`. A list of nothing is
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
 * Makes the opaque part of a tag from any version: two versions never make the same one.
 *
 * Most versions come back unchanged. In others each character that a tag cannot hold, and `%`, is written as `%XX`, or
 * as `%uXXXX` for one UTF-16 code unit, so that a lone surrogate keeps its identity too.
 */
export function opaqueFromVersion(version: string): string {
  for (let at = 0; at < version.length; at++) {
    if (!isPlain(version.charCodeAt(at))) return encodeFrom(version, at)
  }
  return version
}

/** The version that `opaqueFromVersion` made an opaque part from. */
export function versionFromOpaque(opaque: string): string {
  return opaque.replace(/%(?:u([0-9A-F]{4})|([0-9A-F]{2}))/g, (_, wide, narrow) =>
    String.fromCharCode(Number.parseInt(wide ?? narrow, 16)),
  )
}

const TAB = 0x09
const SPACE = 0x20
const QUOTE = 0x22
const PERCENT = 0x25
const STAR = 0x2a
const COMMA = 0x2c
const DELETE = 0x7f

function identical(a: string, b: string): boolean {
  return a === b
}

/** Where the tag that begins at `start` ends, or -1 when none does. */
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

/** OWS (§5.6.3): spaces and tabs, and not what JavaScript trims. */
function skipSpace(text: string, start: number): number {
  let at = start
  while (text.charCodeAt(at) === SPACE || text.charCodeAt(at) === TAB) at++
  return at
}

function isPlain(code: number): boolean {
  return code > SPACE && code < DELETE && code !== QUOTE && code !== PERCENT
}

function encodeFrom(version: string, start: number): string {
  let opaque = version.slice(0, start)
  for (let at = start; at < version.length; at++) {
    const code = version.charCodeAt(at)
    opaque += isPlain(code) ? version.charAt(at) : encodeUnit(code)
  }
  return opaque
}

function encodeUnit(code: number): string {
  const hex = code.toString(16).toUpperCase()
  return code > 0xff ? `%u${hex.padStart(4, '0')}` : `%${hex.padStart(2, '0')}`
}

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
