import { decodedSegment } from './if-header'

/** What a change has made stale in caches. */
export interface Purge {
  /**
   * The path of the resource, and the path above it, where its collection is. Spelt as the client sent them: a cache may
   * have the same resource under other spellings, and with queries.
   */
  readonly paths: readonly string[]
  /** Cache groups, or surrogate keys: "article:1" is this resource, "article" is for answers that show several. */
  readonly groups: readonly string[]
}

/**
 * The cache group of a resource, or of all answers that show several of its kind (RFC 9875). Other characters are encoded,
 * because caches separate groups by commas or spaces, and search for them with regular expressions.
 */
export function cacheGroup(name: string, key?: string): string {
  return key === undefined ? plain(name) : `${plain(name)}:${plain(key)}`
}

/** The groups that a change makes stale. */
export function staleGroups(name: string, key: string | undefined): string[] {
  return key === undefined ? [cacheGroup(name)] : [cacheGroup(name, key), cacheGroup(name)]
}

/** Appends groups to the value of a field, as a list of strings (RFC 9651 §3.1, §3.3.3). */
export function listWith(groups: readonly string[], before: number | string | readonly string[] = []): string {
  return [before, groups.map((group) => `"${group}"`)].flat().join(', ')
}

function plain(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*.]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

/**
 * What caches should forget after a change. `url` is that of the request, and `location` that of the resource, if it is
 * known to be another one. `isNew`: the request has created the resource, so `url` is that of its collection.
 */
export function purgeOf(
  { name, key, isNew }: { readonly name: string; readonly key: string | undefined; readonly isNew: boolean },
  url: string,
  location: string | undefined,
): Purge {
  const sent = pathOf(url)
  const path = location === undefined ? upToKey(sent, key) : pathOf(location, url)
  const above = path.slice(0, path.lastIndexOf('/')) || '/'
  const paths = new Set([path, above, ...(isNew ? [sent] : [])])
  return { paths: [...paths], groups: staleGroups(name, key) }
}

/** An action, or another resource below, has a longer path than the resource itself. */
function upToKey(path: string, key: string | undefined): string {
  const segments = path.split('/')
  const at = segments.findLastIndex((segment) => decodedSegment(segment) === key)
  return at === -1 ? path : segments.slice(0, at + 1).join('/')
}

/** The path, without host, query and trailing slashes. `base` is the path that a relative reference is resolved against. */
function pathOf(reference: string, base = '/'): string {
  // Two slashes at the start would be read as a host.
  const from = `http://app/${base.replace(/^\/+/, '')}`
  const url = reference.startsWith('//') ? reference.replace(/^\/+/, '/') : reference
  const path = URL.canParse(url, from) ? new URL(url, from).pathname : url
  return path.replace(/\/+$/, '') || '/'
}
