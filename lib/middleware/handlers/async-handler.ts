import type { Request, Response } from 'express'
import { aFunction, show } from '../../options'
import { failing } from '../request/conflict-middleware'

type Next = (error?: unknown) => void
type Handler<Req, Res> = (req: Req, res: Res, next: Next) => unknown

/**
 * Passes what an async handler rejects with to the error handlers, as Express 5 does by itself. Express 4 does not: there
 * a refusal that nobody catches ends the process.
 */
export function asyncHandler<Req = Request, Res = Response>(
  handler: Handler<Req, Res>,
): (req: Req, res: Res, next: Next) => void {
  if (!aFunction.holds(handler)) throw new TypeError(`asyncHandler(): give a handler; got ${show(handler)}.`)
  return function asyncHandlerMiddleware(req, res, next) {
    try {
      Promise.resolve(handler(req, res, next)).catch(failing(next))
    } catch (error) {
      failing(next)(error)
    }
  }
}
