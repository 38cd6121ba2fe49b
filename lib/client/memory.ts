import type { Answer } from './options'
import type { Reply } from './send-with-retries'

/** A resource as it was last seen. */
export interface Seen {
  readonly etag: string | null
  readonly lastModified: string | null
  /** The representation as text, so that changing a value does not change it. */
  readonly text: string
}

/** The state that an answer showed. */
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

type Fields = Readonly<Record<string, string>>

/** Makes a read cheap: 304 if nothing is new. */
export function readCondition(seen: Seen | undefined): Fields {
  return seen?.etag ? { 'If-None-Match': seen.etag } : {}
}

/** The condition that keeps a change from undoing another one. Throws if there is none: a blind change is never sent by accident. */
export function changeCondition(method: string, url: string, seen: Seen | undefined, condition?: string): Fields {
  if (condition) return { 'If-Match': condition }
  const { etag, lastModified } = seen ?? {}
  if (etag?.startsWith('"')) return { 'If-Match': etag }
  if (lastModified) return { 'If-Unmodified-Since': lastModified }
  // A weak tag never matches (RFC 9110 §13.1.1). If a proxy has weakened it, the server has the strong one.
  if (etag) return { 'If-Match': etag.slice('W/'.length) }
  if (!seen && method === 'PUT') return { 'If-None-Match': '*' }
  throw new TypeError(`${method} ${url} would be blind. Read it first (is its ETag exposed?), or say condition: '*'.`)
}

export function isGone({ status }: Reply): boolean {
  return status === 404 || status === 410
}

/** Whether the answer proves a change: by its status, a strong tag or a preference. Express puts weak tags on all answers. */
export function namesState({ status, headers }: Reply): boolean {
  return /20[14]/.test(`${status}`) || /^"/.test(headers.get('ETag') ?? '') || headers.has('Preference-Applied')
}

/** Whether a read after a change shows that the change was made. */
export function isChanged(method: string, seen: Seen | undefined, now: Reply): boolean {
  if (now.refusal || !seen) return now.refusal ? method === 'DELETE' && isGone(now) : namesState(now)
  const { etag, lastModified } = seenIn(now.headers, '')
  const before = seen.etag ?? seen.lastModified
  return (etag ?? lastModified ?? before) !== before
}

export function answerOf(url: string, { status, headers }: Reply, text: string): Answer<unknown> {
  const named = headers.get('Location')
  const location = named && new URL(named, url).href
  return {
    url: location ?? url,
    status,
    value: text ? JSON.parse(text) : undefined,
    etag: headers.get('ETag'),
    location,
    headers,
  }
}

/** Whether the body shows the resource. Otherwise it only describes the result (RFC 9110 §6.4.1, RFC 7240 §4.2). */
export function showsResource(url: string, { headers, text }: Reply): boolean {
  if (!text) return false
  const shown = headers.get('Content-Location')
  if (shown) return new URL(shown, url).href === url
  return /\breturn\s*=\s*"?representation/i.test(headers.get('Preference-Applied') ?? '')
}
