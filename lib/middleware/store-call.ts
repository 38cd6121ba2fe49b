import type { ResourceState } from '../adapter'
import { ConflictError } from '../conflicts'
import { withDeadline } from '../deadline'
import { isStoreFault, storeFault } from '../store-fault'
import type { GuardedRequest } from './guarded-request'

/** One atomic read; a POST that names no resource has nothing to read. */
export async function readState<T>({ key, settings }: GuardedRequest<T>): Promise<ResourceState<T> | undefined> {
  if (key === undefined) return undefined
  const { adapter, deadlineMs } = settings
  try {
    return checkedState(await withDeadline(adapter.read(key), deadlineMs, () => late(deadlineMs)), settings.name)
  } catch (error) {
    throw isMistake(error) ? error : unavailable(error)
  }
}

/** A call that changes something. What nobody can know is never called a failure: it may have been carried out. */
export async function writeState<T, R>(guarded: GuardedRequest<T>, ms: number, call: () => Promise<R>): Promise<R> {
  try {
    return await withDeadline(call(), ms, () => late(ms))
  } catch (error) {
    if (isMistake(error)) throw error
    throw isStoreFault(error) && error.applied === 'no' ? unavailable(error) : unknownOutcome(guarded, error)
  }
}

function late(ms: number): Error {
  return storeFault(new Error(`no answer within ${ms} ms`), { applied: 'unknown' })
}

function unavailable(cause: unknown): ConflictError {
  return new ConflictError('backend_unavailable', { cause, retryAfterS: 1 + Math.floor(Math.random() * 4) })
}

/** The same request may be sent again where its own condition, or its Idempotency-Key, keeps it from being carried out twice. */
function unknownOutcome<T>({ req }: GuardedRequest<T>, cause: unknown): ConflictError {
  const { headers } = req
  const retryable =
    headers['if-match'] !== undefined ||
    headers['if-none-match'] !== undefined ||
    headers['idempotency-key'] !== undefined
  return new ConflictError('outcome_unknown', { cause, retryable, retryAfterS: retryable ? 1 : undefined })
}

/** A mistake in the adapter's code is no fault of a back end, and 503 would hide it. */
function isMistake(error: unknown): boolean {
  return (
    error instanceof TypeError ||
    error instanceof ReferenceError ||
    error instanceof RangeError ||
    error instanceof SyntaxError
  )
}

/** A state without a version would make every condition on it pass or fail by accident. */
export function checkedState<T>(state: ResourceState<T> | undefined, name: string): ResourceState<T> | undefined {
  if (state === undefined || (typeof state === 'object' && state !== null && typeof state.version === 'string'))
    return state
  const seen =
    state === null
      ? 'null; give undefined when nothing is stored'
      : `the version ${JSON.stringify(state?.version)}; give String(version)`
  throw new TypeError(`The adapter of the ${name} gave ${seen}.`)
}

/** What was written has a state; without it nobody could name its version. */
export function mustHaveState<T>(state: ResourceState<T> | undefined, name: string): ResourceState<T> {
  const checked = checkedState(state, name)
  if (checked) return checked
  throw new TypeError(`The adapter of the ${name} gave no state after a write.`)
}
