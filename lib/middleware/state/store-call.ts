import { isHeard, publish } from '../../conflicts/events'
import type { ResourceAdapter, ResourceState } from '../../contracts/adapter'
import { storeFault } from '../../contracts/store-fault'
import { withDeadline } from '../../timing/deadline'
import type { GuardedRequest } from '../request/guarded-request'
import { isMistake, storeConflict } from './store-conflict'

/** Where the request reads and writes: in its transaction, while that is open. */
export function storeOf<T>({ transaction, settings }: GuardedRequest<T>): Omit<ResourceAdapter<T>, 'transaction'> {
  return transaction?.isOpen ? transaction.adapter : settings.adapter
}

/** One atomic read; a POST that names no resource has nothing to read. */
export async function readState<T>(guarded: GuardedRequest<T>): Promise<ResourceState<T> | undefined> {
  const { key, settings } = guarded
  if (key === undefined) return undefined
  const { deadlineMs, name } = settings
  const since = isHeard('read') ? performance.now() : undefined
  let failed = true
  try {
    const state = await withDeadline(storeOf(guarded).read(key), deadlineMs, () => late(deadlineMs))
    failed = false
    return checkedState(state, name)
  } catch (error) {
    throw isMistake(error) ? error : await storeConflict(guarded, error, 'read')
  } finally {
    if (since !== undefined) publish('read', () => ({ name, tookMs: performance.now() - since, failed }))
  }
}

/** A call that changes something. What nobody can know is never called a failure: it may have been carried out. */
export async function writeState<T, R>(guarded: GuardedRequest<T>, ms: number, call: () => Promise<R>): Promise<R> {
  try {
    return await withDeadline(call(), ms, () => late(ms))
  } catch (error) {
    throw isMistake(error) ? error : await storeConflict(guarded, error, 'write')
  }
}

function late(ms: number): Error {
  return storeFault(new Error(`no answer within ${ms} ms`), { applied: 'unknown' })
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
