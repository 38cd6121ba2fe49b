/** What a change has made stale in caches. */
export interface Purge {
  /**
   * The path of the resource, and the one above it, where lists of it are. As the client wrote them: a cache may keep the
   * same resource under other spellings, and with queries.
   */
  readonly paths: readonly string[]
  /** Its cache groups, or surrogate keys: "article:1" is this resource, "article" is for what shows several. */
  readonly groups: readonly string[]
}

/**
 * The group of a resource, or of all that show several of its kind (RFC 9875). It needs no quoting: caches write groups in
 * lists that commas or spaces separate, and look for them with regular expressions.
 */
export function cacheGroup(name: string, key?: string): string {
  return key === undefined ? plain(name) : `${plain(name)}:${plain(key)}`
}

/** Both groups of which a change says that they are stale. */
export function staleGroups(name: string, key: string | undefined): string[] {
  return key === undefined ? [cacheGroup(name)] : [cacheGroup(name, key), cacheGroup(name)]
}

/** A list of strings (RFC 9651 §3.1, §3.3.3), behind what the field has already. */
export function listWith(groups: readonly string[], before: number | string | readonly string[] = []): string {
  return [before, groups.map((group) => `"${group}"`)].flat().join(', ')
}

function plain(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*.]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
