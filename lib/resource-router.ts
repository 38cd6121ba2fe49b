import express, { type Request, type RequestHandler, type Response, type Router } from 'express'
import { ConflictError } from './conflicts/conflicts'
import { chainAt } from './detect-conflicts'
import { editLockRouter } from './edit-lock-router'
import { ACCEPT_PATCH } from './middleware/change/body'
import { parseJsonBody } from './middleware/change/json-body'
import { currentRepresentation } from './middleware/commit/resource'
import { commitChange } from './middleware/handlers/commit-change'
import { sendJson } from './middleware/handlers/send-json'
import { definitionOf, type ResourceOrOptions } from './middleware/options/definition'
import { onRoute, standsIn } from './middleware/options/mount'
import { truncatedHeaders } from './middleware/preconditions/conditions'
import { inTurn, makeDictionaries } from './middleware/request/conflict-middleware'

/**
 * The chain with stock handlers: POST on the collection; GET, HEAD, PUT, PATCH, DELETE and OPTIONS on `/:id`.
 *
 * Parses JSON bodies (up to 100 kB) that nothing has parsed yet. It does not list the collection: mount your own handler in
 * front, or add it to the router.
 */
export function resourceRouter<T, Handle = unknown, Schema extends object = object>(
  resource: ResourceOrOptions<T, Handle, Schema>,
): Router {
  const definition = definitionOf('resourceRouter', resource)
  const { options, create } = definition
  if (options.path !== undefined)
    throw new TypeError('resourceRouter(): leave path out; the router matches "/" and "/:id" below its mount.')
  if (options.writes === 'by-app')
    throw new TypeError(
      "resourceRouter(): its handlers write through the adapter; with writes: 'by-app' put detectConflicts on your own routes.",
    )
  const chain = chainAt(definition, { mount: onRoute })
  // A new resource has no key yet, whatever parameters the path above has.
  const creation = chainAt(definition, { mount: onRoute, key: () => undefined })
  const commit = commitChange()
  const { adapter } = options
  const show: RequestHandler = (req, res) => {
    sendJson(req, res, currentRepresentation(req, definition))
  }
  const onItem = ['GET', 'HEAD', 'PUT', 'PATCH', ...(adapter.remove ? ['DELETE'] : []), 'OPTIONS']
  const onCollection = [...(create.has('POST') ? ['POST'] : []), 'OPTIONS']

  const router = mergingRouter()
  // The item comes first, because most requests are about one. In each route, the handler that refuses other methods
  // comes last.
  const item = router
    .route('/:id')
    .get(inTurn(chain, show))
    .put(inTurn(parseJsonBody, chain, commit))
    .patch(inTurn(parseJsonBody, chain, commit))
  if (adapter.remove) item.delete(inTurn(parseJsonBody, chain, commit))
  item.options(answerOptions(onItem)).all(refuseOthers(onItem))
  const collection = router.route('/')
  if (create.has('POST')) collection.post(inTurn(parseJsonBody, creation, commit))
  collection.options(answerOptions(onCollection)).all(refuseOthers(onCollection, ['GET', 'HEAD']))
  if (options.editLocks) router.use(editLockRouter(definition as unknown as ResourceOrOptions<T>))
  return router
}

/**
 * Merges the parameters of its mount only if there are any: with `mergeParams`, Express copies them for every request.
 */
function mergingRouter(): Router {
  const router = express.Router() as Router & Handling
  const { handle } = router
  router.handle = function handleMerging(req, res, ...rest) {
    makeDictionaries(req, res)
    if (req.route !== undefined && standsIn(req.route, router)) mustMatch(req)
    for (const _ in req.params) router.mergeParams = true
    return handle.call(router, req, res, ...rest)
  }
  return router
}

/** Members that the types of Express 4 and 5 leave out. */
interface Handling {
  mergeParams: boolean
  handle(req: Request, res: Response, ...rest: unknown[]): void
}

/** `app.put('/articles/:id', router)` leaves the whole path to the router, which looks for its `/:id`. */
function mustMatch({ route, path, baseUrl }: Request): void {
  if (!/^\/[\w.~-]/.test(String(route.path))) return
  throw new TypeError(
    `resourceRouter() stands on a route, ${JSON.stringify(route.path)}, and a router needs a mount. Give it to app.use: app.use('${parentOf(baseUrl + path)}', resourceRouter(…)).`,
  )
}

function parentOf(path: string): string {
  return path.replace(/\/[^/]+\/?$/, '') || '/'
}

/** RFC 9110 §9.3.7 and RFC 5789 §3.1. */
function answerOptions(methods: readonly string[]): RequestHandler {
  return (_req, res) => {
    res.setHeader('Allow', methods.join(', '))
    if (methods.includes('PATCH')) res.setHeader('Accept-Patch', ACCEPT_PATCH)
    res.statusCode = 204
    res.end()
  }
}

/** RFC 9110 §15.5.6. It answers before anything is read, because no state can make the method allowed. */
function refuseOthers(methods: readonly string[], ofTheApp: readonly string[] = []): RequestHandler {
  return (req, _res, next) => {
    if (methods.includes(req.method) || ofTheApp.includes(req.method)) return next()
    if (ofTheApp.length > 0) warnOfMountOnItem(req)
    next(truncatedHeaders(req) ?? new ConflictError('method_not_allowed', { headers: { Allow: methods.join(', ') } }))
  }
}

let isMountOnItemTold = false

/** With `app.use('/articles/:id', router)` each article is a collection. That can be meant, but then no client changes it. */
function warnOfMountOnItem({ method, originalUrl, baseUrl, params }: Request): void {
  const last = Object.values(params).flat().at(-1)
  if (isMountOnItemTold || last === undefined || !baseUrl.endsWith(`/${encodeURIComponent(last)}`)) return
  isMountOnItemTold = true
  process.emitWarning(
    `${method} ${originalUrl} was refused with 405: resourceRouter() is mounted on a path that ends with a parameter, so its resources are ${baseUrl}/:id. Mount it on the collection: app.use('${parentOf(baseUrl)}', resourceRouter(…)).`,
    { type: 'ConflictWarning', code: 'EXPRESS_CONFLICT_MOUNTED_ON_ITEM' },
  )
}
