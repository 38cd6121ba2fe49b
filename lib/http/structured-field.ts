const MAX_LENGTH = 255

/**
 * Parses an Idempotency-Key: a string of RFC 9651 §3.3.3, without its parameters. `undefined` means malformed.
 *
 * Many clients send the key without quotes. A bare value is the same key as the quoted one. It may not contain quotes,
 * backslashes, commas or semicolons, so a list or a parameter is never mistaken for part of a key.
 */
export function parseIdempotencyKey(field: string): string | undefined {
  const text = withoutSpace(field)
  const key = text.startsWith('"') ? quotedKey(text) : bareKey(text)
  return key !== undefined && key.length > 0 && key.length <= MAX_LENGTH ? key : undefined
}

// Each expression can end a run of characters in only one place, so none of them backtracks.
const BARE = /^[!#-+\--:<-[\]-~]+$/
const PARAMETER_NAME = /[a-z*][a-z0-9_.*-]*/y
const ESCAPED = /\\(["\\])/g

function bareKey(text: string): string | undefined {
  return BARE.test(text) ? text : undefined
}

function quotedKey(text: string): string | undefined {
  const end = endOfString(text, 0)
  if (end === -1 || endOfParameters(text, end) !== text.length) return undefined
  return text.slice(1, end - 1).replace(ESCAPED, '$1')
}

/** Where the string that begins at `start` ends, or -1. Printable ASCII; a backslash escapes a quote or a backslash. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const char = text.charAt(at)
    if (char === '"') return at + 1
    if (char < ' ' || char > '~') return -1
    if (char !== '\\') continue
    at++
    if (text.charAt(at) !== '"' && text.charAt(at) !== '\\') return -1
  }
  return -1
}

/**
 * Where the parameters that begin at `start` end, or -1 if they are malformed: *( ";" *SP key [ "=" bare-item ] ),
 * RFC 9651 §3.1.2. Their values are only read to check that the field is well-formed.
 */
function endOfParameters(text: string, start: number): number {
  let at = start
  while (text.charAt(at) === ';') {
    at++
    while (text.charAt(at) === ' ') at++
    at = endOf(PARAMETER_NAME, text, at)
    if (at !== -1 && text.charAt(at) === '=') at = endOfBareItem(text, at + 1)
    if (at === -1) return -1
  }
  return at
}

/**
 * Parses a dictionary (RFC 9651 §3.2): the text of each member's value, without its parameters. `undefined` means
 * malformed; an empty field is an empty dictionary. If a name occurs several times, the last member counts.
 */
function parseDictionary(field: string): ReadonlyMap<string, string> | undefined {
  const text = withoutSpace(field)
  const members = new Map<string, string>()
  for (let at = 0; at < text.length; ) {
    const endOfName = endOf(PARAMETER_NAME, text, at)
    if (endOfName === -1) return undefined
    const hasValue = text.charAt(endOfName) === '='
    const endOfValue = hasValue ? endOfMember(text, endOfName + 1) : endOfName
    const end = endOfValue === -1 ? -1 : endOfParameters(text, endOfValue)
    if (end === -1) return undefined
    // A name without a value is true (§3.2).
    members.set(text.slice(at, endOfName), hasValue ? text.slice(endOfName + 1, endOfValue) : '?1')
    at = end === text.length ? end : endOf(COMMA, text, end)
    if (at === -1) return undefined
  }
  return members
}

/** A comma that is followed by another member. */
const COMMA = /[ \t]*,[ \t]*(?=[^ \t])/y

/** A bare item, or an inner list (§3.1.1), whose items may have parameters of their own. */
function endOfMember(text: string, start: number): number {
  if (text.charAt(start) !== '(') return endOfBareItem(text, start)
  for (let at = start + 1; ; ) {
    const item = endOf(SPACES, text, at)
    if (text.charAt(item) === ')') return item + 1
    // Items are separated by spaces.
    if (item === at && at > start + 1) return -1
    const end = endOfBareItem(text, item)
    at = end === -1 ? -1 : endOfParameters(text, end)
    if (at === -1) return -1
  }
}

const SPACES = / */y

/** The bare items of RFC 9651 §3.3. The first character decides which one it is. */
const BARE_ITEMS: readonly (readonly [first: RegExp, whole: RegExp])[] = [
  [/[-0-9]/, /-?(?:\d{1,12}\.\d{1,3}|\d{1,15})(?![\d.])/y],
  [/[A-Za-z*]/, /[A-Za-z*][\w!#$%&'*+.^`|~:/-]*/y],
  [/:/, /:[A-Za-z0-9+/]*={0,2}:/y],
  [/\?/, /\?[01]/y],
  [/@/, /@-?\d{1,15}(?![\d.])/y],
]

function endOfBareItem(text: string, start: number): number {
  const first = text.charAt(start)
  if (first === '"') return endOfString(text, start)
  if (first === '%') return endOfDisplayString(text, start)
  const whole = BARE_ITEMS.find(([begins]) => begins.test(first))?.[1]
  return whole ? endOf(whole, text, start) : -1
}

const DISPLAY_STRING = /%"(?:[ !#$&-~]|%[0-9a-f]{2})*"/y

/** RFC 9651 §3.3.8: percent-encoded UTF-8. Anything that is not valid UTF-8 is malformed. */
function endOfDisplayString(text: string, start: number): number {
  const end = endOf(DISPLAY_STRING, text, start)
  if (end === -1) return -1
  try {
    decodeURIComponent(text.slice(start + 2, end - 1))
    return end
  } catch {
    return -1
  }
}

function endOf(pattern: RegExp, text: string, start: number): number {
  pattern.lastIndex = start
  return pattern.test(text) ? pattern.lastIndex : -1
}

/** Spaces and tabs around a field value are not part of it (RFC 9110 §5.5). */
function withoutSpace(field: string): string {
  let start = 0
  let end = field.length
  while (isSpace(field, start)) start++
  while (end > start && isSpace(field, end - 1)) end--
  return field.slice(start, end)
}

function isSpace(text: string, at: number): boolean {
  return text.charAt(at) === ' ' || text.charAt(at) === '\t'
}

/**
 * A digest of a `Content-Digest` or `Repr-Digest` field (RFC 9530 §2, §3): an algorithm and its expected result in
 * base64.
 */
export interface Digest {
  readonly algorithm: string
  readonly base64: string
}

/** The algorithms that are still considered secure (RFC 9530 §7.2). */
const ACTIVE = ['sha-256', 'sha-512']

/**
 * Parses the digests of a field; `undefined` means malformed. The value of an unknown algorithm is ignored, unless it
 * is a byte sequence.
 */
export function parseDigests(field: string): readonly Digest[] | undefined {
  const members = parseDictionary(field)
  if (members === undefined) return undefined
  const digests = [...members].flatMap(([algorithm, value]) =>
    value.startsWith(':') ? { algorithm, base64: value.slice(1, -1) } : [],
  )
  const isRead = (name: string) => digests.some(({ algorithm }) => algorithm === name)
  return ACTIVE.every((name) => !members.has(name) || isRead(name)) ? digests : undefined
}
