import type { Request } from 'express'
import type { ConflictMiddleware } from '../chain/chain'
import { commitAndTell } from '../commit/resource'
import { failing } from '../request/failure'
import { findTarget, type GuardedRequest } from '../request/guarded-request'
import { answerChange } from './answer-change'

/**
 * The stock last handler: commits what the request proposes and answers with the new representation (201, 200), or
 * without one (204) after a removal and for clients that prefer so (`Prefer: return=minimal`).
 */
export function commitChange(): ConflictMiddleware {
  return stockHandler('commitChange', async (guarded) => {
    const committed = await commitAndTell(guarded, { from: 'proposal' })
    answerChange(guarded.headers, guarded.res, committed)
  })
}

/** A handler of our own. Express 4 hangs a request whose handler rejects. */
export function stockHandler(
  name: string,
  handle: (guarded: GuardedRequest<unknown>) => Promise<void>,
): ConflictMiddleware {
  const middleware: ConflictMiddleware = Object.assign(
    (
      req: Parameters<ConflictMiddleware>[0],
      _res: Parameters<ConflictMiddleware>[1],
      next: (error?: unknown) => void,
    ) => {
      const guarded = findTarget(req as Request)
      if (guarded) handle(guarded).catch(failing(next))
      else
        next(
          new Error(
            `${name}(): no chain ran on this request, or it let the request pass (skip, another path). Mount detectConflicts() in front of it. Above the resource, as in app.use('/articles', chain), the chain needs path: '/:id'.`,
          ),
        )
    },
    { stages: [] },
  )
  Object.defineProperty(middleware, 'name', { value: `${name}Middleware` })
  return middleware
}
