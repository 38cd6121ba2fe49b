import type { Seen } from './memory'

type Fields = Readonly<Record<string, string>>

/** Makes a read cheap: 304 if nothing is new. */
export function readCondition(seen: Seen | undefined): Fields {
  return seen?.etag ? { 'If-None-Match': seen.etag } : {}
}

/** The condition that keeps a change from undoing another one. Throws if there is none: a blind change is never sent by accident. */
export function changeCondition(method: string, url: string, seen: Seen | undefined, condition?: string): Fields {
  if (condition) return { 'If-Match': condition }
  // RFC 9110 §13.1.1: a weak tag matches nothing here.
  const { etag, lastModified } = seen ?? {}
  if (etag?.startsWith('"')) return { 'If-Match': etag }
  if (lastModified) return { 'If-Unmodified-Since': lastModified }
  if (!seen && method === 'PUT') return { 'If-None-Match': '*' }
  throw new TypeError(
    `${method} ${url} would be blind. Read it first (is its ETag strong, and exposed?), or say condition: '*'.`,
  )
}
