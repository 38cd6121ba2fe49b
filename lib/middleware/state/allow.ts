import { answerOf, type ConflictError } from '../../conflicts/conflicts'
import type { ConflictOptions } from '../options/options'
import type { GuardedRequest } from '../request/guarded-request'
import { readState } from './store-call'

export type Allow<T> = NonNullable<ConflictOptions<T>['allow']>

/** The conflict that a result of `allow` stands for, if any. */
export function denial(answer: Awaited<ReturnType<Allow<unknown>>>): ConflictError | undefined {
  if (answer === undefined || answer === null || answer === true) return undefined
  const {
    detail,
    type,
    as = 'denied',
  } = typeof answer === 'object' ? answer : { detail: answer === false ? undefined : String(answer) }
  return answerOf(as === 'not_found' ? 'not_found' : 'denied', { detail, type })
}

/** Asks `allow` whether the caller may see the resource, for requests that skip the state checks. */
export async function isStillAllowed<T>(guarded: GuardedRequest<T>): Promise<ConflictError | undefined> {
  const { allow } = guarded.settings.options
  if (allow === undefined) return undefined
  const stored = await readState(guarded)
  // Without a resource there is nothing to ask about, unless the request may create one.
  if (stored === undefined && !mayCreate(guarded)) return undefined
  return denial(await allow(guarded.req, stored))
}

export function mayCreate<T>({ method, settings, isNew, isAbove }: GuardedRequest<T>): boolean {
  return !isAbove && settings.create.has(method as 'PUT' | 'POST') && (method === 'PUT' || isNew)
}
