import { type ConflictMiddleware, chainOf } from './middleware/chain'
import { preconditionStage } from './middleware/check-preconditions'
import { stateStageOf } from './middleware/fetch-state'
import { lockStage } from './middleware/hold-lock'
import { idempotencyStage } from './middleware/honor-idempotency-key'
import type { ConflictOptions } from './middleware/options'
import { readSettings, type Settings } from './middleware/settings'
import { changeStage } from './middleware/validate-change'

/**
 * The chain as one middleware: honours Idempotency-Keys and holds the lock where these are asked for, reads the state, makes the proposed value and
 * checks it, and evaluates the conditions of the request. Refusals go to `next` as a ConflictError.
 *
 * Mount it on a route, by `app.use('/articles/:id', chain)`, or by `app.use('/articles', chain)` with `path: '/:id'`,
 * behind a body parser, authentication and authorization, and in front of a handler that commits.
 */
export function detectConflicts<T>(options: ConflictOptions<T>): ConflictMiddleware {
  return chainWith(readSettings('detectConflicts', options))
}

/** The chain for options that were read already. */
export function chainWith<T>(settings: Settings<T>): ConflictMiddleware {
  const stages = [stateStageOf(settings), changeStage, preconditionStage]
  const { idempotency, lock } = settings
  return chainOf('detectConflicts', settings, [
    ...(idempotency ? [idempotencyStage] : []),
    ...(lock ? [lockStage] : []),
    ...stages,
  ])
}
