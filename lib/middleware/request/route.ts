import type { IncomingMessage } from 'node:http'
import type { ResourceMessage } from '../../conflicts/events'
import { decodedSegment } from '../../http/if-header'
import type { GuardedRequest } from './guarded-request'

/** The part of a message that describes the resource of a request. Only computed if somebody has subscribed. */
export function aboutResource<T>(guarded: GuardedRequest<T>): ResourceMessage {
  const { req, settings, key, method } = guarded
  return { name: settings.name, key, method, route: routeOf(guarded), request: req }
}

interface RoutedRequest extends IncomingMessage {
  readonly originalUrl: string
  readonly route?: { readonly path?: unknown }
  readonly params?: Readonly<Record<string, unknown>>
}

/**
 * The path of the request with the names of parameters. Express keeps the pattern of a route, but not those of the
 * mounts above it, so known parameter values are replaced in the path that the client sent.
 */
function routeOf<T>({ req, settings, key, isNew }: GuardedRequest<T>): string | undefined {
  const { originalUrl, route, params = {} } = req as RoutedRequest
  if (typeof originalUrl !== 'string') return undefined
  // In lower case, as Express matches by default, so that the client's spelling does not make a new route.
  const sent = segmentsOf(originalUrl.split('?', 1)[0] ?? '')
  const own = isNew ? undefined : settings.options.path
  const tail = [own, route?.path].filter((path) => typeof path === 'string').map((path) => segmentsOf(path))
  const pattern = tail.find((segments) => fits(segments, sent)) ?? []
  const base = sent.slice(0, sent.length - pattern.length).map((segment) => {
    const value = decodedSegment(segment)
    const name = Object.keys(params).find((each) => params[each] === value) ?? (value === key ? 'id' : undefined)
    return name === undefined ? bounded(segment) : `:${name}`
  })
  return `/${[...base, ...pattern].join('/')}`
}

function segmentsOf(path: string): string[] {
  return path.split('/').filter((segment) => segment !== '')
}

/** A route that passed the request on leaves its pattern behind, so check that the pattern fits the path. */
function fits(pattern: readonly string[], sent: readonly string[]): boolean {
  const tail = sent.slice(sent.length - pattern.length)
  return (
    pattern.length <= sent.length &&
    pattern.every((segment, index) => /^:\w+$/.test(segment) || segment.toLowerCase() === tail[index]?.toLowerCase())
  )
}

/** Literals in routes are short and have few digits. Anything else is probably a parameter of a mount further up. */
function bounded(segment: string): string {
  const literal = segment.toLowerCase()
  return /^(?:v\d{1,2}|[a-z][a-z_.-]{0,39})$/.test(literal) ? literal : ':param'
}
