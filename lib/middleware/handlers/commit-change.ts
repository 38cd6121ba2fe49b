import type { Request } from 'express'
import { show } from '../../options'
import type { Committed } from '../commit/after-change'
import { commitAndTell, type Resource, resourceFor } from '../commit/resource'
import { changeWritten, stateWritten, type WriteOutcome, writable } from '../commit/written'
import { refuseMounted } from '../options/mount'
import { type ConflictMiddleware, conflictMiddleware } from '../request/conflict-middleware'
import { failing } from '../request/failure'
import { findTarget, type GuardedRequest } from '../request/guarded-request'
import { answerChange } from './answer-change'

/**
 * The stock last handler: commits what the request proposes and answers with the new representation (201, 200), or
 * without one (204) after a removal and for clients that prefer so (`Prefer: return=minimal`).
 *
 * With `writes: 'by-app'` give it the function that writes.
 */
export function commitChange<T>(write?: WriteChange<T>): ConflictMiddleware {
  refuseMounted('commitChange', write, 'app.put(path, chain, commitChange())')
  if (write !== undefined && typeof write !== 'function')
    throw new TypeError(
      `commitChange(): give nothing, or the function that writes with writes: 'by-app'; got ${show(write)}.`,
    )
  return stockHandler('commitChange', async (guarded) => {
    const committed = write
      ? await writeAndCommit(guarded, write as WriteChange<unknown>)
      : await commitAndTell(guarded, { from: 'proposal' })
    answerChange(guarded.headers, guarded.res, committed)
  })
}

/** Writes what was proposed with the version that it was checked against in its own `WHERE`, and says what came of it. */
export type WriteChange<T> = (resource: Resource<T>, req: Request) => WriteOutcome<T> | Promise<WriteOutcome<T>>

async function writeAndCommit<T>(guarded: GuardedRequest<T>, write: WriteChange<T>): Promise<Committed<T>> {
  const attempt = writable(guarded)
  const outcome = await write(resourceFor(guarded), guarded.req)
  if (!guarded.transaction) return changeWritten(guarded, outcome)
  stateWritten(guarded, attempt, outcome)
  return commitAndTell(guarded, { from: 'proposal' })
}

/** A handler of our own. Express 4 hangs a request whose handler rejects. */
export function stockHandler(
  name: string,
  handle: (guarded: GuardedRequest<unknown>) => Promise<void>,
): ConflictMiddleware {
  return conflictMiddleware(name, (req, _res, next) => {
    const guarded = findTarget(req)
    if (guarded) handle(guarded).catch(failing(next))
    else
      next(
        new Error(
          `${name}(): no chain ran on this request, or it let the request pass (skip, another path). Mount detectConflicts() in front of it. Above the resource, as in app.use('/articles', chain), the chain needs path: '/:id'.`,
        ),
      )
  })
}
