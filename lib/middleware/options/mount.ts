import { IncomingMessage } from 'node:http'
import type { Request } from 'express'

type Params = Readonly<Record<string, string>>

/** Throws if a factory was mounted without being called: it gets the request as its options, and would never answer. */
export function refuseMounted(caller: string, given: unknown, right = `app.use(${caller}({ … }))`): void {
  if (given instanceof IncomingMessage)
    throw new TypeError(`${caller} was mounted itself: the call is missing. Mount what it makes: ${right}.`)
}

/** Returns the parameters of the resource that a request is about, or `undefined` if it is not one of this chain's. */
export type Mount = (req: Request, middleware: unknown) => Params | undefined

/**
 * The resource is what the chain is mounted on: the path of a route, or, with `app.use`, exactly the mount path, because
 * `/articles/1/comments` is another resource than `/articles/1`.
 */
export const onResource: Mount = (req, middleware) =>
  standsIn(req.route, middleware) || isMount(req.path) || isWrappedOnRoute(req, middleware)
    ? (req.params as Params)
    : undefined

/** Whether a path below the mount is the mount itself. Routers may ignore any number of trailing slashes. */
export function isMount(path: string): boolean {
  return path === '/' || segmentsOf(path).length === 0
}

/** For a chain that is known to be on a route. */
export const onRoute: Mount = ({ params }) => params as Params

/** The resource is what `path` matches below the mount. The mount itself is the collection. */
export function belowMount(path: string): Mount {
  const pattern = segmentsOf(path)
  return (req) => {
    const segments = segmentsOf(req.path)
    const params: Record<string, string> = { ...(req.params as Params) }
    if (segments.length === 0) {
      // A parameter of the mount may have the same name, but it is the key of another resource.
      for (const name of pattern) if (name.startsWith(':')) delete params[name.slice(1)]
      return params
    }
    if (segments.length !== pattern.length) return undefined
    for (const [index, name] of pattern.entries()) {
      const segment = segments[index] ?? ''
      if (name.startsWith(':')) params[name.slice(1)] = decoded(segment)
      // Ignores case, as Express does by default. If this guards too much, it shows at once.
      else if (name.toLowerCase() !== segment.toLowerCase()) return undefined
    }
    return params
  }
}

/** The name of the last parameter. It is the key, unless there is a `key` option. */
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

/** Express answers a parameter that cannot be decoded with the same error. */
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
 * Whether the app has wrapped the middleware in a function of its own, on a route. `req.route` alone does not show that,
 * because a route that passed a request on leaves it behind. A middleware that is in no stack counts as wrapped: guarding
 * too much shows at once, guarding too little loses data.
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
