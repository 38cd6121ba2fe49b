import type { Request } from 'express'
import { ConflictError } from '../../conflicts/conflicts'
import { noteConflict } from './claimed-request'
import type { GuardedRequest } from './guarded-request'

/** The conflict as the client gets it: with what `expose` shows, and told to `onConflict`. */
export async function refusal<T>(guarded: GuardedRequest<T>, conflict: ConflictError): Promise<ConflictError> {
  return told(guarded, await withExposedState(guarded, conflict))
}

/** Once, though it is thrown by who was told of it: a chain, or a handler with what `lostRace` gave it. */
export function told<T>({ req, method, settings, key }: GuardedRequest<T>, conflict: ConflictError): ConflictError {
  noteConflict(req, conflict)
  if (latest.get(req) !== conflict)
    tell(() => settings.options.onConflict?.({ name: settings.name, key, method, conflict }))
  latest.set(req, conflict)
  return conflict
}

/** By request: an app may keep one error and throw it for many of them. */
const latest = new WeakMap<Request, ConflictError>()

/** A listener's own mistake is no reason to answer a client differently, nor to end the process when it comes late. */
export function tell(listener: () => unknown): void {
  try {
    const told = listener()
    if (told !== undefined) Promise.resolve(told).catch(warn)
  } catch (error) {
    warn(error)
  }
}

export function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : new Error(String(error)))
}

async function withExposedState<T>(
  { req, settings, attempt }: GuardedRequest<T>,
  conflict: ConflictError,
): Promise<ConflictError> {
  const { expose } = settings.options
  const current = attempt?.change.current
  // To a caller that was refused as such nothing is shown, not even by an app that shows all to the others.
  if (expose === undefined || current === undefined || conflict.code === 'denied' || conflict.code === 'not_found')
    return conflict
  const state = await expose(current, req)
  return state === undefined ? conflict : new ConflictError(conflict.code, { ...conflict.facts, state })
}
