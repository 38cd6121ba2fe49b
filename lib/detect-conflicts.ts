import { chainOf, type Place } from './middleware/chain/chain'
import { beginUnlessRefused } from './middleware/commit/transaction'
import { type Definition, definitionOf, type ResourceOrOptions } from './middleware/options/definition'
import type { ConflictMiddleware } from './middleware/request/conflict-middleware'
import { preconditionStage } from './middleware/stages/check-preconditions'
import { stateStageOf } from './middleware/stages/fetch-state'
import { lockStage } from './middleware/stages/hold-lock'
import { idempotencyStage } from './middleware/stages/honor-idempotency-key'
import { changeStage } from './middleware/stages/validate-change'
import type { ValueOf } from './schema/schema'

/**
 * The chain as one middleware. It honours Idempotency-Keys and holds the lock if you ask for them, reads the state,
 * makes and checks the proposed value, and evaluates the conditions of the request. It passes refusals to `next` as a
 * ConflictError.
 *
 * Mount it on a route, by `app.use('/articles/:id', chain)`, or by `app.use('/articles', chain)` with `path: '/:id'`:
 * after the body parser, authentication and authorization, and before a handler that commits.
 */
export function detectConflicts<T, Handle = unknown, Schema extends object = object>(
  resource: ResourceOrOptions<T, Handle, Schema>,
): ConflictMiddleware<ValueOf<T, Schema>, Handle> {
  return chainAt(definitionOf('detectConflicts', resource), {}) as ConflictMiddleware<ValueOf<T, Schema>, Handle>
}

/** The chain, where a router has a mount of its own. */
export function chainAt<T>(definition: Definition<T>, place: Place<T>): ConflictMiddleware<T> {
  const stages = [stateStageOf(definition, beginUnlessRefused), changeStage, preconditionStage]
  const { idempotency, lock } = definition
  const all = [...(idempotency ? [idempotencyStage] : []), ...(lock ? [lockStage] : []), ...stages]
  return chainOf('detectConflicts', definition, all, place)
}
