import express, { type Request, type RequestHandler, type Response, type Router } from 'express'
import { ConflictError, conflictOf } from './conflicts/conflicts'
import { chainOf } from './middleware/chain/chain'
import type { LockView } from './middleware/edit-locks/edit-lock-record'
import { lookAtLock, release, takeOrRenew } from './middleware/handlers/edit-lock-answers'
import { definitionOf, type ResourceOrOptions, readDefinition } from './middleware/options/definition'
import type { EditLocks } from './middleware/options/edit-locks'
import type { ConflictOptions } from './middleware/options/options'
import { truncatedHeaders } from './middleware/preconditions/conditions'
import { failing } from './middleware/request/conflict-middleware'
import { find, type GuardedRequest, type Stage } from './middleware/request/guarded-request'
import { refusal } from './middleware/request/refuse'
import { showValidators, tagsFor } from './middleware/request/validators'
import { stateStage } from './middleware/stages/fetch-state'

/**
 * GET, PUT and DELETE on `/:id/lock`: shows who is editing, takes or renews the lock, and releases or breaks it. Use it
 * with a chain of your own, and give both the same options. `resourceRouter` includes it.
 */
export function editLockRouter<T>(resource: ResourceOrOptions<T>): Router {
  const { options, editLocks: locks } = definitionOf('editLockRouter', resource)
  if (locks === undefined) throw new TypeError('editLockRouter(): give editLocks: editLocks({ store, owner }).')
  const definition = readDefinition('editLockRouter', optionsOfLocks(options))
  const withState = chainOf('editLock', definition, [stateStage])
  const withoutState = chainOf('editLock', definition, [begin])

  function answer(
    work: (guarded: GuardedRequest<T>, locks: EditLocks, res: Response) => Promise<void>,
  ): RequestHandler {
    return (req, res, next) => {
      const guarded = find(req, definition)
      if (guarded === undefined || 'passed' in guarded) return next()
      work(guarded, locks as EditLocks, res)
        .catch(async (error: unknown) => {
          const conflict = conflictOf(error)
          throw conflict ? await refusal(guarded, conflict) : error
        })
        .catch(failing(next))
    }
  }

  const router = express.Router({ mergeParams: true })
  router
    .route('/:id/lock')
    .get(withState, answer(showLock))
    .put(withState, answer(holdLock))
    // A lock can be released even if the resource is gone.
    .delete(withoutState, answer(endLock))
    .options((_req, res) => {
      res.setHeader('Allow', METHODS)
      res.statusCode = 204
      res.end()
    })
    .all((req: Request, _res: Response, next) => {
      next(truncatedHeaders(req) ?? new ConflictError('method_not_allowed', { headers: { Allow: METHODS } }))
    })
  return router
}

const METHODS = 'GET, HEAD, PUT, DELETE, OPTIONS'

const begin: Stage = { name: 'editLock', role: 'enters', prepare: ({ req }) => truncatedHeaders(req) }

/**
 * Leaves out options that are not about the lock: conditions and bodies are about the resource, and a lock creates
 * nothing.
 */
function optionsOfLocks<T>(options: ConflictOptions<T>): ConflictOptions<T> {
  const { editLocks, lock, isolation, skip, path, schema, ajv, ...others } = options
  return { ...others, create: [] }
}

async function showLock<T>(guarded: GuardedRequest<T>, locks: EditLocks, res: Response): Promise<void> {
  send(res, await lookAtLock(guarded, locks))
}

async function holdLock<T>(guarded: GuardedRequest<T>, locks: EditLocks, res: Response): Promise<void> {
  const { outcome, token, view, state } = await takeOrRenew(guarded, locks)
  showValidators(guarded, state, tagsFor(guarded, state)[0])
  res.setHeader('Lock-Token', `<${token}>`)
  if (outcome === 'taken') res.statusCode = 201
  send(res, view)
}

async function endLock<T>(guarded: GuardedRequest<T>, locks: EditLocks, res: Response): Promise<void> {
  await release(guarded, locks)
  res.statusCode = 204
  res.end()
}

/** Not by `res.json`, which would make an entity tag of its own. */
function send(res: Response, view: LockView): void {
  res.setHeader('Cache-Control', 'no-store')
  res.setHeader('Content-Type', 'application/json')
  res.end(JSON.stringify(view))
}
