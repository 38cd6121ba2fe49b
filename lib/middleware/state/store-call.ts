import { answerOf, type ConflictError } from '../../conflicts/conflicts'
import { isHeard, publish } from '../../conflicts/events'
import { recogniseStoreError } from '../../conflicts/store-errors'
import type { ResourceAdapter, ResourceState } from '../../contracts/adapter'
import { noAnswerWithin } from '../../contracts/store-fault'
import { sameJson } from '../../json/equal'
import { checkOptions, show } from '../../options'
import { withDeadline } from '../../timing/deadline'
import { type ConflictOptions, DENIAL } from '../options/options'
import { mayCreate } from '../request/attempt'
import type { GuardedRequest } from '../request/guarded-request'
import { findsNothing, storeRefusal } from './store-conflict'

/** The adapter of the request, or that of its transaction while one is open. */
export function storeOf<T>({ transaction, settings }: GuardedRequest<T>): Omit<ResourceAdapter<T>, 'transaction'> {
  return transaction?.isOpen ? transaction.adapter : settings.adapter
}

/**
 * One atomic read; a POST that names no resource has nothing to read. `'maybe-old'`: what the adapter has at hand will
 * do.
 */
export async function readState<T>(
  guarded: GuardedRequest<T>,
  which: 'current' | 'maybe-old' = 'current',
): Promise<ResourceState<T> | undefined> {
  const { key, settings } = guarded
  if (key === undefined) return undefined
  const { readAhead } = guarded
  if (readAhead) {
    guarded.readAhead = undefined
    return readAhead.state
  }
  const { deadlineMs, name } = settings
  const since = isHeard('read') ? performance.now() : undefined
  let failed = true
  try {
    const store = storeOf(guarded)
    const reading = store.readCurrent && which === 'current' ? store.readCurrent(key) : store.read(key)
    const state = await withDeadline(reading, deadlineMs, () => noAnswerWithin(deadlineMs))
    failed = false
    return checkedState(state, name)
  } catch (error) {
    const known = recogniseStoreError(error)
    if (known && findsNothing(known)) {
      failed = false
      return undefined
    }
    throw await storeRefusal(guarded, error, 'read')
  } finally {
    if (since !== undefined) publish('read', () => ({ name, tookMs: performance.now() - since, failed }))
  }
}

/** Keeps a state that was already read, for the next `readState`. */
export function readAhead<T>(guarded: GuardedRequest<T>, state: ResourceState<T> | undefined): void {
  guarded.readAhead = { state }
}

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

/** Makes a call that changes something. If it may have succeeded, it is not reported as failed. */
export async function writeState<T, R>(guarded: GuardedRequest<T>, ms: number, call: () => Promise<R>): Promise<R> {
  try {
    return await withDeadline(call(), ms, () => noAnswerWithin(ms))
  } catch (error) {
    throw await storeRefusal(guarded, error, 'write')
  }
}

/** Checks a state that an adapter returned: without a version, conditions would pass or fail by accident. */
export function checkedState<T>(state: ResourceState<T> | undefined, name: string): ResourceState<T> | undefined {
  if (state === undefined) return state
  const wrong = whatIsWrongWith(state)
  if (wrong === undefined) return state
  throw new TypeError(`The adapter of the ${name} gave ${wrong}`)
}

/** What `String()` makes of a missing member, most often because of a missing `await`. */
const NO_VERSIONS = new Set(['', 'undefined', 'null', 'NaN', '[object Object]', '[object Promise]'])

function whatIsWrongWith(state: unknown): string | undefined {
  if (state === null) return 'null; give undefined when nothing is stored.'
  if (Array.isArray(state)) return 'an array; give { value, version } of one row, or undefined when there is none.'
  if (typeof state !== 'object') return `${show(state)}; give { value, version }, or undefined when nothing is stored.`
  const { value, version, lastModified, gone } = state as Partial<ResourceState<unknown>>
  if (value === undefined && !gone) return noValueIn(state)
  if (typeof version !== 'string') return `the version ${show(version)}; give String(version).`
  if (NO_VERSIONS.has(version))
    return `the version ${show(version)}, which comes of a row that was not there: is an await missing in front of the query?`
  if (value instanceof Promise) return 'a promise as the value; await it first.'
  if (lastModified !== undefined && !(lastModified instanceof Date && !Number.isNaN(lastModified.getTime())))
    return `the lastModified ${show(lastModified)}; give a Date, or leave it out.`
  return undefined
}

/**
 * Checks the result of a write: if it did not say whether it stored something, it would be mistaken for a lost race,
 * over and over.
 */
export function checkedResult<R extends { readonly ok: boolean }>(result: R, call: string, name: string): R {
  if (typeof result === 'object' && result !== null && typeof result.ok === 'boolean') return result
  const right = call === 'remove' ? '{ ok: true }' : '{ ok: true, state: { value, version } }'
  throw new TypeError(
    `The adapter of the ${name} gave ${show(result)} from ${call}(); give ${right}, or { ok: false, current } when another version is stored (docs/adapters.md).`,
  )
}

/** A row, or what the driver wraps it in. The names of its members show which; their values may be secret. */
function noValueIn(state: object): string {
  const names = Object.keys(state)
  const shown = names.length > 5 ? `${names.slice(0, 5).join(', ')}, …` : names.join(', ')
  const right = '{ value: { … }, version: String(row.version) }'
  return `an object with ${shown}, and no value; give ${right}${'rows' in state ? ' of rows[0]' : ''}, or undefined when there is none.`
}

/** Checks that a write returned a state: without one its version would not be known. */
export function mustHaveState<T>(state: ResourceState<T> | undefined, name: string): ResourceState<T> {
  const checked = checkedState(state, name)
  if (checked) return checked
  throw new TypeError(`The adapter of the ${name} gave no state after a write.`)
}

/**
 * Whether a write stored another value without changing the version: a client that saves from the old state would then
 * overwrite the new one unseen.
 */
export function keepsVersion<T>(before: ResourceState<T> | undefined, written: ResourceState<T>): boolean {
  return before?.version === written.version && !sameJson(before.value, written.value)
}
