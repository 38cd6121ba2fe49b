import type { EntityTag } from './entity-tag'

/** One condition of a list: a state token, without its `<` and `>`, or an entity tag. */
export interface IfCondition {
  readonly not: boolean
  readonly token?: string
  readonly tag?: EntityTag
}

/**
 * RFC 4918 §10.4.2: the conditions of a list. They are about the resource in front of the list, else about that of the
 * request.
 */
export interface IfList {
  readonly resource: string | undefined
  readonly conditions: readonly IfCondition[]
}

/** A real client needs only a handful. */
const MOST_CONDITIONS = 64

/**
 * Parses WebDAV's `If` field (RFC 4918 §10.4.2): lists of state tokens and entity tags. `undefined` means malformed, or
 * more than `MOST_CONDITIONS`. One pass from left to right: no expression can backtrack.
 *
 * If = ( 1*No-tag-list | 1*Tagged-list ); a Tagged-list is a resource in angle brackets, followed by its lists.
 */
export function parseIf(field: string): IfList[] | undefined {
  const lists: IfList[] = []
  let count = 0
  let resource: string | undefined
  let at = skipSpace(field, 0)
  // A field has lists with a resource or lists without one, never both.
  const isTagged = field[at] === '<'
  while (at < field.length) {
    if (field[at] === '<') {
      const named = isTagged ? bracketed(field, at) : undefined
      if (named === undefined) return undefined
      resource = named.text
      at = skipSpace(field, named.end)
    }
    // A resource has to be followed by a list.
    const list = listAt(field, at, MOST_CONDITIONS - count)
    if (list === undefined) return undefined
    lists.push({ resource, conditions: list.conditions })
    count += list.conditions.length
    at = skipSpace(field, list.end)
  }
  return lists.length > 0 ? lists : undefined
}

/** Parses a `Lock-Token` field (RFC 4918 §10.5): one URI in angle brackets. `undefined` means malformed. */
export function parseLockToken(field: string): string | undefined {
  const start = skipSpace(field, 0)
  const token = bracketed(field, start)
  return token && skipSpace(field, token.end) === field.length ? token.text : undefined
}

/**
 * Whether two URIs name the same resource on this host. Compares the paths, decoded segment by segment (RFC 3986
 * §6.2.2), and ignores a slash at the end. An encoded slash is part of its segment. The host is not compared, because
 * proxies change it.
 */
export function isSamePath(one: string, other: string): boolean {
  const path = pathOf(one)
  return path !== undefined && path === pathOf(other)
}

const BASE = 'http://this.host'

function pathOf(uri: string): string | undefined {
  if (!URL.canParse(uri, BASE)) return undefined
  return JSON.stringify(new URL(uri, BASE).pathname.replace(/\/+$/, '').split('/').map(decodedSegment))
}

/** The text of a segment of a path. A segment with an invalid encoding stays as it is. */
export function decodedSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

interface Read<Part> {
  readonly end: number
  readonly part: Part
}

/** List = "(" 1*Condition ")" */
function listAt(field: string, start: number, most: number) {
  if (field[start] !== '(') return undefined
  const conditions: IfCondition[] = []
  let at = skipSpace(field, start + 1)
  while (field[at] !== ')') {
    const condition = conditions.length < most ? conditionAt(field, at) : undefined
    if (condition === undefined) return undefined
    conditions.push(condition.part)
    at = skipSpace(field, condition.end)
  }
  return conditions.length > 0 ? { conditions, end: at + 1 } : undefined
}

/** Condition = ["Not"] ( "<" URI ">" | "[" entity-tag "]" ). Names in the grammar are in any case (RFC 5234 §2.3). */
function conditionAt(field: string, start: number): Read<IfCondition> | undefined {
  const not = field.slice(start, start + 3).toLowerCase() === 'not'
  const at = not ? skipSpace(field, start + 3) : start
  if (field[at] === '<') {
    const token = bracketed(field, at)
    return token && { end: token.end, part: { not, token: token.text } }
  }
  TAG.lastIndex = at
  const [, weak, opaque] = TAG.exec(field) ?? []
  return opaque === undefined
    ? undefined
    : { end: TAG.lastIndex, part: { not, tag: { weak: weak !== undefined, opaque } } }
}

// RFC 4918 still has the tags of RFC 2616, which are quoted strings and may contain spaces and "]". A tag with a space
// is
// accepted, but is never one of ours.
const TAG = /\[(W\/)?"([\t !#-~\x80-\xff]*)"\]/y
// A URI contains no space, bracket or control character. Its parts are not checked here.
const URI = /<([!-;=?-~]{1,2048})>/y

function bracketed(field: string, start: number): { text: string; end: number } | undefined {
  URI.lastIndex = start
  const [, text] = URI.exec(field) ?? []
  return text === undefined ? undefined : { text, end: URI.lastIndex }
}

function skipSpace(field: string, start: number): number {
  let at = start
  while (field[at] === ' ' || field[at] === '\t') at++
  return at
}
