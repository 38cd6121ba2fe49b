import { answerOf, type ConflictError } from '../../conflicts/conflicts'
import { checkOptions } from '../../options'
import { type ConflictOptions, DENIAL } from '../options/options'
import type { GuardedRequest } from '../request/guarded-request'
import { readState } from './store-call'

export type Allow<T> = NonNullable<ConflictOptions<T>['allow']>

/** The conflict that a result of `allow` stands for, if any. */
export function denial(name: string, answer: Awaited<ReturnType<Allow<unknown>>>): ConflictError | undefined {
  if (answer === undefined || answer === null || answer === true) return undefined
  if (typeof answer === 'object') checkOptions(`allow of the ${name}`, answer, DENIAL)
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
  return denial(guarded.settings.name, await allow(guarded.req, stored))
}

export function mayCreate<T>({ method, settings, isNew, isAbove }: GuardedRequest<T>): boolean {
  return !isAbove && settings.create.has(method as 'PUT' | 'POST') && (method === 'PUT' || isNew)
}
