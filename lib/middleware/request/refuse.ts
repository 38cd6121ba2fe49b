import { randomUUID } from 'node:crypto'
import type { Request } from 'express'
import { answerOf, type ConflictError } from '../../conflicts/conflicts'
import { callListener, publish } from '../../conflicts/events'
import { changedPointers } from '../../json/equal'
import type { ConflictEvent } from '../options/options'
import { logFor } from './conflict-log'
import type { GuardedRequest } from './guarded-request'
import { aboutResource } from './route'

/**
 * The conflict as the client gets it, with the state that `expose` shows. `onConflict` and subscribers are notified.
 */
export function refusal<T>(
  guarded: GuardedRequest<T>,
  conflict: ConflictError,
): ConflictError | Promise<ConflictError> {
  const { expose } = guarded.settings.options
  const current = guarded.attempt?.change.current
  // Shows nothing to a caller that `allow` refused, even if the app shows the state to others.
  if (expose === undefined || current === undefined || conflict.code === 'denied' || conflict.code === 'not_found')
    return announced(guarded, conflict)
  return exposed(guarded, conflict, () => expose(current, guarded.req))
}

/** Notifies listeners of a conflict once, although both the chain and the responder see it. */
export function announced<T>(guarded: GuardedRequest<T>, conflict: ConflictError): ConflictError {
  const { req } = guarded
  if (latestOn(req)?.conflict === conflict) return conflict
  const { instance } = occurrenceOf(req, conflict)
  notifyListeners(guarded, { conflict, instance, enforced: true })
  return conflict
}

/**
 * In report mode: reports the conflict that would have ended the request, which goes on. Only the first one is
 * reported, because it would have been the only one.
 */
export function report<T>(guarded: GuardedRequest<T>, conflict: ConflictError): void {
  if (guarded.isReported) return
  guarded.isReported = true
  const { req } = guarded
  const instance = newInstance()
  notifyListeners(guarded, { conflict, instance, enforced: false })
  callListener(() => logFor(req)?.({ req, guarded, conflict, instance, enforced: false }))
}

function notifyListeners<T>(
  guarded: GuardedRequest<T>,
  occurrence: Pick<ConflictEvent, 'conflict' | 'instance' | 'enforced'>,
): void {
  const { method, settings, key, attempt } = guarded
  const { onConflict } = settings.options
  if (onConflict) callListener(() => onConflict({ name: settings.name, key, method, ...occurrence }))
  publish('conflict', () => {
    const { current, proposed } = attempt?.change ?? {}
    const changed = () => (proposed === undefined ? [] : changedPointers(current?.value, proposed, MOST_POINTERS))
    return { ...aboutResource(guarded), ...occurrence, changed }
  })
}

/** The `instance` of a conflict, which is the same in events, log and problem. */
export function instanceOf(req: Request, conflict: ConflictError): string {
  return occurrenceOf(req, conflict).instance
}

/** Publishes what a body parser refused in front of every chain, because no chain has done so. */
export function publishUnguarded(req: Request, conflict: ConflictError): void {
  if (latestOn(req)?.conflict === conflict) return
  const { instance } = occurrenceOf(req, conflict)
  const { method } = req
  publish('conflict', () => ({
    ...{ name: undefined, key: undefined, method, route: undefined, request: req },
    ...{ conflict, instance, enforced: true, changed: () => [] },
  }))
}

/** The latest conflict of the request. The status of the answer shows whether the client got it. */
export function conflictOn(req: Request): ConflictError | undefined {
  return latestOn(req)?.conflict
}

const MOST_POINTERS = 20

interface Occurrence {
  readonly conflict: ConflictError
  readonly instance: string
}

const REFUSED = Symbol.for('express-conflict.refused')

interface Carrier {
  [REFUSED]?: Occurrence
}

/**
 * By request, because an app may throw the same error object for many requests. Hung on it, because a WeakMap of
 * requests makes the garbage collector work more: 4 % of a 412.
 */
function latestOn(req: Request): Occurrence | undefined {
  return (req.rawHeaders as Carrier)[REFUSED]
}

function occurrenceOf(req: Request, conflict: ConflictError): Occurrence {
  const known = latestOn(req)
  if (known?.conflict === conflict) return known
  const occurrence = { conflict, instance: newInstance() }
  const carrier = req.rawHeaders as Carrier
  carrier[REFUSED] = occurrence
  return occurrence
}

function newInstance(): string {
  return `urn:uuid:${randomUUID()}`
}

async function exposed<T>(
  guarded: GuardedRequest<T>,
  conflict: ConflictError,
  expose: () => unknown,
): Promise<ConflictError> {
  const state = await expose()
  return announced(guarded, state === undefined ? conflict : answerOf(conflict.code, { ...conflict.facts, state }))
}
