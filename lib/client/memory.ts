/** What is known of a resource since it was last seen. */
export interface Seen {
  readonly etag: string | null
  readonly lastModified: string | null
  /** The representation, as text: nobody can change it by changing a value. */
  readonly text: string
}

export interface Memory {
  get(url: string): Seen | undefined
  set(url: string, seen: Seen): void
  forget(url?: string): void
}

/** Remembers so many states and no more: what was not used for longest goes first. */
export function memoryOf(most: number): Memory {
  const states = new Map<string, Seen>()
  const put = (url: string, seen: Seen) => {
    states.delete(url)
    states.set(url, seen)
    const [oldest] = states.keys()
    if (states.size > most && oldest !== undefined) states.delete(oldest)
  }
  return {
    get(url) {
      const seen = states.get(url)
      if (seen) put(url, seen)
      return seen
    },
    set: put,
    forget(url) {
      if (url === undefined) states.clear()
      else states.delete(url)
    },
  }
}
