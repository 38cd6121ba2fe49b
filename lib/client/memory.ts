/** A resource as it was last seen. */
export interface Seen {
  readonly etag: string | null
  readonly lastModified: string | null
  /** The representation as text, so that changing a value does not change it. */
  readonly text: string
}

/** What an answer showed. */
export function seenIn(headers: Headers, text: string): Seen {
  return { etag: headers.get('ETag'), lastModified: headers.get('Last-Modified'), text }
}

export interface Memory {
  get(url: string): Seen | undefined
  set(url: string, seen: Seen): void
  forget(url?: string): void
}

/** Remembers at most `most` states; the least recently used one is dropped first. */
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
    forget: (url) => void (url === undefined ? states.clear() : states.delete(url)),
  }
}
