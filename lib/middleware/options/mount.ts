import { IncomingMessage } from 'node:http'
import type { Request } from 'express'

type Params = Readonly<Record<string, string>>

/** A factory that was mounted without being called gets the request in place of its options, and would never answer it. */
export function refuseMounted(caller: string, given: unknown, right = `app.use(${caller}({ … }))`): void {
  if (given instanceof IncomingMessage)
    throw new TypeError(`${caller} was mounted itself: the call is missing. Mount what it makes: ${right}.`)
}

/** Says which resource a request is about: by parameters, `undefined` when it is none of this chain's. */
export type Mount = (req: Request, middleware: unknown) => Params | undefined

/**
 * The resource is what the chain is mounted on. On a route that is the route; under `app.use` it is exactly the mount
 * path, for `/articles/1/comments` is another resource than `/articles/1`.
 */
export const onResource: Mount = (req, middleware) =>
  standsIn(req.route, middleware) || isMount(req.path) || isWrappedOnRoute(req, middleware)
    ? (req.params as Params)
    : undefined

/** A router below may take slashes behind the mount for it, however many there are. */
export function isMount(path: string): boolean {
  return path === '/' || segmentsOf(path).length === 0
}

/** For a chain that is certain to be on a route. */
export const onRoute: Mount = ({ params }) => params as Params

/** The resource is what `path` matches below the mount, and the mount itself is their collection. */
export function belowMount(path: string): Mount {
  const pattern = segmentsOf(path)
  return (req) => {
    const segments = segmentsOf(req.path)
    const params: Record<string, string> = { ...(req.params as Params) }
    if (segments.length === 0) {
      // The mount may have a parameter of the same name, and that is another resource's key.
      for (const name of pattern) if (name.startsWith(':')) delete params[name.slice(1)]
      return params
    }
    if (segments.length !== pattern.length) return undefined
    for (const [index, name] of pattern.entries()) {
      const segment = segments[index] ?? ''
      if (name.startsWith(':')) params[name.slice(1)] = decoded(segment)
      // In any case, as Express matches by default: guarding too much shows at once.
      else if (name.toLowerCase() !== segment.toLowerCase()) return undefined
    }
    return params
  }
}

/** The name of the last parameter: the key, unless `key` says something else. */
export function lastParameter(path: string): string {
  const name = segmentsOf(path).findLast((segment) => segment.startsWith(':'))
  if (name === undefined || !/^(?:\/(?::\w+|[\w.~-]+))+$/.test(path))
    throw new TypeError(
      `path: ${JSON.stringify(path)} is not a path that is understood here. Give literal segments and parameters, such as "/:id"; for anything else put the chain on routes.`,
    )
  return name.slice(1)
}

function segmentsOf(path: string): string[] {
  return path.split('/').filter((segment) => segment !== '')
}

/** What cannot be decoded is a request error to Express too, with this status. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw Object.assign(new Error(`Failed to decode param "${segment}"`), {
      status: 400,
      statusCode: 400,
      expose: true,
    })
  }
}

/**
 * A route that passed a request on leaves `req.route` behind, so that it proves nothing by itself; that this very
 * middleware stands in its stack does. One that stands nowhere was wrapped in a function of the app's own, and is
 * taken to be on the route: guarding too much shows at once, guarding too little loses data.
 */
function isWrappedOnRoute(req: Request, middleware: unknown): boolean {
  return req.route !== undefined && !isUsed(req, middleware)
}

interface Stacked {
  readonly stack?: readonly { readonly handle: unknown; readonly route?: unknown }[]
}

export function standsIn(route: Stacked | undefined, middleware: unknown): boolean {
  return route?.stack?.some(({ handle }) => handle === middleware) ?? false
}

function isUsed(req: Request, middleware: unknown): boolean {
  const app = req.app as unknown as { _router?: Stacked; router: Stacked }
  // Express 4 throws when `router` is read.
  return isBelow(app._router ?? app.router, middleware)
}

function isBelow(router: Stacked, middleware: unknown): boolean {
  return (router.stack ?? []).some(
    ({ handle, route }) =>
      route === undefined &&
      (handle === middleware || (typeof handle === 'function' && isBelow(handle as Stacked, middleware))),
  )
}
