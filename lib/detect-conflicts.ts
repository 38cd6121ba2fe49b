import { type ConflictMiddleware, chainOf } from './middleware/chain/chain'
import { beginUnlessRefused } from './middleware/commit/begin-transaction'
import type { ConflictOptions } from './middleware/options/options'
import { readSettings, type Settings } from './middleware/options/settings'
import { preconditionStage } from './middleware/stages/check-preconditions'
import { stateStageOf } from './middleware/stages/fetch-state'
import { lockStage } from './middleware/stages/hold-lock'
import { idempotencyStage } from './middleware/stages/honor-idempotency-key'
import { changeStage } from './middleware/stages/validate-change'

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
  const stages = [stateStageOf(settings, beginUnlessRefused), changeStage, preconditionStage]
  const { idempotency, lock } = settings
  return chainOf('detectConflicts', settings, [
    ...(idempotency ? [idempotencyStage] : []),
    ...(lock ? [lockStage] : []),
    ...stages,
  ])
}
