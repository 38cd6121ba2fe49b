import { type Purge, staleGroups } from '../../http/cache-groups'
import type { GuardedRequest } from '../request/guarded-request'

/** What caches should forget after a change. `location` is the path of the resource, if it is not that of the request. */
export function purgeOf<T>(guarded: GuardedRequest<T>, location: string | undefined): Purge {
  const { settings, req, key, isNew } = guarded
  const sent = pathOf(req.originalUrl)
  const path = location === undefined ? upToKey(sent, key) : pathOf(location, req.originalUrl)
  const above = path.slice(0, path.lastIndexOf('/')) || '/'
  const paths = new Set([path, above, ...(isNew ? [sent] : [])])
  return { paths: [...paths], groups: staleGroups(settings.name, key) }
}

/** An action, or another resource below, has a longer path than the resource itself. */
function upToKey(path: string, key: string | undefined): string {
  const segments = path.split('/')
  const at = segments.findLastIndex((segment) => decoded(segment) === key)
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

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
