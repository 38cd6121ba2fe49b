import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Request, RequestHandler, Response } from 'express'
import { aFunction, show } from '../../options'
import type { ResourceDefinition } from '../options/definition'
import { refuseMounted } from '../options/mount'

/**
 * Uses the types of Node, so that the handlers behind it keep their inferred types with the types of Express 4 and of
 * Express 5.
 */
export interface ConflictMiddleware<T = unknown, Handle = unknown> {
  (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void
  /** The names of the stages, in order. */
  readonly stages: readonly string[]
  /** Chains and their stages carry the resource, for `resourceOf`. */
  readonly resource?: Pick<ResourceDefinition<T, Handle>, 'name' | 'adapter'>
}

/** A middleware with a name, for stacks and logs. */
export function conflictMiddleware<T = unknown>(
  name: string,
  run: (req: Request, res: Response, next: (error?: unknown) => void) => void,
  { stages = [], resource }: Partial<Pick<ConflictMiddleware<T>, 'stages' | 'resource'>> = {},
): ConflictMiddleware<T> {
  Object.defineProperty(run, 'name', { value: `${name}Middleware` })
  return Object.assign(run, { stages, resource }) as unknown as ConflictMiddleware<T>
}

/**
 * What to pass to `next` after a rejection. To Express, nothing, `'route'` and `'router'` mean "go on", so anything
 * that is not an object becomes an error.
 */
function failure(reason: unknown): object {
  if (typeof reason === 'object' && reason !== null) return reason
  return new Error(`Something failed with ${String(reason)} in place of an error.`, { cause: reason })
}

/** Passes a rejection to `next`: `promise.catch(failing(next))`. */
export function failing(next: (error: unknown) => void): (reason: unknown) => void {
  return (reason) => next(failure(reason))
}

/** One handler that runs several: in Express each layer of its own costs several microseconds. */
export function inTurn(...handlers: readonly RequestHandler[]): RequestHandler {
  return function runInTurn(req, res, next) {
    run(0)

    function run(index: number): void {
      const handler = handlers[index]
      if (handler === undefined) {
        next()
        return
      }
      try {
        handler(req, res, (error?: unknown) => (error ? next(error) : run(index + 1)))
      } catch (error) {
        next(failure(error))
      }
    }
  }
}

type Next = (error?: unknown) => void
type Handler<Req, Res> = (req: Req, res: Res, next: Next) => unknown

/**
 * Passes the rejection of an async handler to the error handlers, as Express 5 does by itself. In Express 4 an uncaught
 * rejection ends the process.
 */
export function asyncHandler<Req = Request, Res = Response>(
  handler: Handler<Req, Res>,
): (req: Req, res: Res, next: Next) => void {
  refuseMounted('asyncHandler', handler, 'app.put(path, chain, asyncHandler(async (req, res) => …))')
  if (!aFunction.holds(handler)) throw new TypeError(`asyncHandler(): give a handler; got ${show(handler)}.`)
  if (handler.length > 3)
    throw new TypeError(
      'asyncHandler(): the handler takes 4 arguments, as an error handler does, and would never be called. Mount an error handler without it.',
    )
  return function asyncHandlerMiddleware(req, res, next) {
    try {
      Promise.resolve(handler(req, res, next)).catch(failing(next))
    } catch (error) {
      failing(next)(error)
    }
  }
}

/**
 * Takes a member out of the request, and one out of its answer, and puts them back. V8 then treats both as
 * dictionaries, and up to Node 22 a guarded request takes a third less time.
 *
 * Express gives both objects a prototype of the app. From then on, V8 up to Node 22 makes a new hidden class for each
 * member that is added, for this one object, and looks up anew every member that anybody reads, Node included: a hundred
 * times a request. In a dictionary nothing is looked up anew. Node 24 shares the classes, and dictionaries are slower.
 */
export function makeDictionaries(req: Request, res: Response): void {
  if (areClassesShared) return
  takeOutAndPutBack(req, 'next')
  takeOutAndPutBack(res, 'locals')
}

/** As the app has made it: with its getter, or read-only. */
function takeOutAndPutBack(object: object, name: string): void {
  const member = Reflect.getOwnPropertyDescriptor(object, name)
  if (member === undefined || !Reflect.isExtensible(object)) return
  if (Reflect.deleteProperty(object, name)) Reflect.defineProperty(object, name, member)
}

const areClassesShared = Number.parseInt(process.versions.node, 10) >= 24
