import { answerOf, type ConflictError } from '../../conflicts/conflicts'
import type { ConflictOptions } from '../options/options'
import type { GuardedRequest } from '../request/guarded-request'
import { readState } from './store-call'

export type Allow<T> = NonNullable<ConflictOptions<T>['allow']>

/** What the answer of `allow` comes to. */
export function denial(answer: Awaited<ReturnType<Allow<unknown>>>): ConflictError | undefined {
  if (answer === undefined || answer === null || answer === true) return undefined
  const {
    detail,
    type,
    as = 'denied',
  } = typeof answer === 'object' ? answer : { detail: answer === false ? undefined : String(answer) }
  return answerOf(as === 'not_found' ? 'not_found' : 'denied', { detail, type })
}

/** Where the request skips the state checks: may the caller see the resource? */
export async function isStillAllowed<T>(guarded: GuardedRequest<T>): Promise<ConflictError | undefined> {
  const { allow } = guarded.settings.options
  if (allow === undefined) return undefined
  const stored = await readState(guarded)
  // Without a resource there is nothing to ask about, unless `allow` is asked for what is to be created.
  if (stored === undefined && !mayCreate(guarded)) return undefined
  return denial(await allow(guarded.req, stored))
}

export function mayCreate<T>({ method, settings, isNew, isAbove }: GuardedRequest<T>): boolean {
  return !isAbove && settings.create.has(method as 'PUT' | 'POST') && (method === 'PUT' || isNew)
}
