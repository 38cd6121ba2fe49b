import type { Request, Response } from 'express'
import { type ConflictError, conflictOf } from '../../conflicts/conflicts'
import { unchanged } from '../commit/after-change'
import type { Definition } from '../options/definition'
import { firstConflict, newAttempt } from '../request/attempt'
import { type ConflictMiddleware, conflictMiddleware, failing } from '../request/conflict-middleware'
import type { GuardedRequest, Stage } from '../request/guarded-request'
import { refusal } from '../request/refuse'
import { readState } from '../state/store-call'
import { chainsConflict } from '../state/store-conflict'
import { begin, goOn, type Placement } from './begin'

/** Overrides of the definition for a chain that is mounted in a known place. */
export type Place<T> = Partial<Pick<Placement<T>, 'mount' | 'key' | 'guardsBelow'>>

/**
 * One middleware for all the stages: in Express each layer of its own costs several microseconds.
 */
export function chainOf<T>(
  name: string,
  definition: Definition<T>,
  stages: readonly Stage[],
  place: Place<T> = {},
): ConflictMiddleware<T> {
  const { mount, key, guardsBelow } = { guardsBelow: false, ...definition, ...place }
  const reads = stages.some(({ role }) => role === 'reads')
  const middleware: ConflictMiddleware<T> = conflictMiddleware(
    name,
    (req, res, next) => {
      run(req, res, chain, next).then((outcome) => {
        if (outcome === 'goes-on') next()
        else if (outcome !== 'answered') next(outcome)
      }, failing(next))
    },
    { stages: stages.map((stage) => stage.name), resource: definition },
  )
  const chain: Chain<T> = { definition, mount, key, guardsBelow, middleware, stages, reads }
  return middleware
}

interface Chain<T> extends Placement<T> {
  readonly stages: readonly Stage[]
  /** One of the stages needs the state. */
  readonly reads: boolean
}

/**
 * Express 4 hangs a request whose middleware rejects: nothing here throws past `chainOf`. A refusal is returned, for
 * each throw in an async function costs as much as a check.
 */
async function run<T>(
  req: Request,
  res: Response,
  chain: Chain<T>,
  next: (error?: unknown) => void,
): Promise<'goes-on' | 'answered' | ConflictError> {
  const { stages, reads } = chain
  const [first] = stages
  const guarded = first?.role === 'judges' ? goOn(req, chain, first.name) : begin(req, res, chain)
  if (guarded === undefined) return 'goes-on'
  // All in one function, because each nested await costs another turn of the microtask queue.
  try {
    for (const stage of stages) {
      const conflict = stage.prepare?.(guarded)
      if (conflict) return refusal(guarded, conflict)
    }
    for (const stage of stages) {
      const entered = stage.enter && (await stage.enter(guarded, next))
      if (entered === 'answered') return entered
      if (entered) return refusal(guarded, entered)
    }
    guarded.stages.push(...stages)
    if (reads)
      guarded.attempt = newAttempt(guarded, await readState(guarded, guarded.isSafe ? 'maybe-old' : 'current'), false)
    let { attempt } = guarded
    if (attempt === undefined) return 'goes-on'
    const checked = firstConflict(guarded, attempt, stages)
    let conflict: ConflictError | undefined = checked instanceof Promise ? await checked : checked
    if (conflict && guarded.isSafe && guarded.settings.adapter.readCurrent) {
      // The conflict may be about an outdated state.
      attempt = newAttempt(guarded, await readState(guarded), false)
      guarded.attempt = attempt
      conflict = await firstConflict(guarded, attempt, guarded.stages)
    }
    if (conflict) return refusal(guarded, conflict)
    return attempt.verdict && isAnswered(guarded, attempt.verdict.outcome) ? 'answered' : 'goes-on'
  } catch (error) {
    const conflict = conflictOf(error) ?? (await chainsConflict(guarded, error))
    if (conflict) return refusal(guarded, conflict)
    throw error
  }
}

/**
 * Answers with 304, or with 204 for a change that the app would write a second time. Returns whether it has answered.
 */
function isAnswered<T>(guarded: GuardedRequest<T>, outcome: string): boolean {
  const { res, settings, attempt } = guarded
  if (outcome === 'not-modified') {
    if (settings.notModifiedLate) {
      guarded.notModifiedLate = true
      return false
    }
    res.statusCode = 304
    res.end()
    return true
  }
  // If `commit` writes, the handler runs and `commit` finds nothing to do. An app that writes by itself would write
  // twice.
  if (outcome !== 'already-applied' || !settings.byApp || attempt === undefined) return false
  unchanged(guarded, attempt)
  res.statusCode = 204
  res.end()
  return true
}
