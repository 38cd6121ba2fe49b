import type { ResourceState, Version } from '../../contracts/adapter'
import { isObject } from '../../json/pointer'
import { show } from '../../options'
import { mustLeadBack } from '../change/propose'
import { endLockOfRemoved } from '../edit-locks/edit-lock-conflict'
import { lostRace, takenKey } from '../preconditions/refusals'
import type { Attempt, GuardedRequest } from '../request/guarded-request'
import { announced } from '../request/refuse'
import { keepsVersion, mustHaveState } from '../state/store-call'
import { type Committed, committed, noteChange } from './after-change'

/** What a handler that writes by itself has stored. */
export interface Written<T> {
  /** The key that the database generated for a new resource. */
  readonly key?: string
  /** What is stored now. Default: the proposed value. */
  readonly value?: T
  readonly version: Version
  readonly lastModified?: Date | undefined
}

/** The result of a statement: what it stored, or how many rows it removed. Nothing, `false` and 0 mean a lost race. */
export type WriteOutcome<T> = Written<T> | boolean | number | bigint | null | undefined

/** Records what the handler has written, and puts the validators of the new state on the answer. */
export function changeWritten<T>(guarded: GuardedRequest<T>, outcome: WriteOutcome<T>, tries = 1): Committed<T> {
  const attempt = writable(guarded)
  const { change } = attempt
  if (guarded.transaction)
    throw mistake(guarded, 'this request has a transaction; call commit() without a value, which commits it.')
  const state = stateWritten(guarded, attempt, outcome)
  noteChange(guarded, change, state)
  // The answer does not wait for this.
  if (state === undefined) void endLockOfRemoved(guarded, attempt)
  return committed(guarded, change, state, tries)
}

/** The state that was stored; `undefined` after a removal. Throws the conflict if the race was lost. */
export function stateWritten<T>(
  guarded: GuardedRequest<T>,
  { change, stored }: Attempt<T>,
  outcome: WriteOutcome<T>,
): ResourceState<T> | undefined {
  if (isLost(outcome)) throw announced(guarded, change.current === undefined ? takenKey(guarded) : lostRace(guarded))
  const isState = typeof outcome === 'object' && 'version' in outcome
  if (change.action === 'remove') {
    if (isState || outcome === true || Number(outcome) > 0) return undefined
    throw mistake(guarded, `${seen(outcome)}. Give the number of rows${countIn(outcome)}.`)
  }
  const { name } = guarded.settings
  if (!isState)
    throw mistake(
      guarded,
      `${seen(outcome)}. Give { value, version } of what is stored now, or nothing for a lost race.`,
    )
  if (guarded.isNew) guarded.key = keyGiven(guarded, outcome.key)
  const { version, value = change.proposed as T, lastModified } = outcome
  const state = mustHaveState(lastModified ? { value, version, lastModified } : { value, version }, name)
  if (!keepsVersion(stored, state)) return state
  throw mistake(
    guarded,
    `another value is stored, still with the version ${show(version)} that was read. Raise it in the same statement, as in SET …, version = version + 1: with the old version a stale save would pass unseen.`,
  )
}

/** Whether the statement matched nothing: another version is stored. */
export function isLost(outcome: WriteOutcome<unknown>): outcome is undefined | null | false | 0 | 0n {
  return outcome === undefined || outcome === null || outcome === false || outcome === 0 || outcome === 0n
}

/** Shows only the names of an object's members, because a driver's result may contain rows. */
function seen(outcome: unknown): string {
  if (outcome instanceof Promise) return 'got a promise: an await is missing'
  if (!isObject(outcome)) return `got ${show(outcome)}`
  return `got an object with ${Object.keys(outcome).slice(0, 5).join(', ')}`
}

/** Names the member in which the usual drivers return the number of rows. */
function countIn(outcome: unknown): string {
  const name = ['rowCount', 'affectedRows', 'changes', 'count', 'affected', 'deletedCount'].find(
    (each) => isObject(outcome) && each in outcome,
  )
  return name === undefined ? ' that it removed' : `: result.${name}`
}

/** The attempt to write for. Throws if the write cannot succeed, before the handler writes anything. */
export function writable<T>(guarded: GuardedRequest<T>): Attempt<T> {
  const { attempt, isSafe, settings, progress, res } = guarded
  if (attempt === undefined) throw mistake(guarded, 'the chain has not run on this request.')
  if (isSafe) throw mistake(guarded, 'a safe method changes nothing (RFC 9110 §9.2.1).')
  if (!settings.byApp)
    throw mistake(
      guarded,
      "the adapter writes; call commit(), or say writes: 'by-app' if the handler writes by itself.",
    )
  if (res.headersSent)
    throw mistake(
      guarded,
      'the answer has begun already. Call written() first, and then answer: it puts the new ETag on the answer.',
    )
  if (progress.at === 'committed') throw mistake(guarded, 'it was called before; one request writes once.')
  if (guarded.isNew) mustLeadBack(guarded)
  return attempt
}

function keyGiven<T>(guarded: GuardedRequest<T>, key: unknown): string {
  if (typeof key === 'string' && key !== '') return key
  throw mistake(
    guarded,
    `the key of the new resource is ${show(key)}. Give key: String(row.id), so that Location can name it.`,
  )
}

function mistake<T>({ method, settings }: GuardedRequest<T>, text: string): TypeError {
  return new TypeError(`What was written on ${method} ${settings.name}: ${text}`)
}
