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
