import { answerOf, type ConflictError } from '../conflicts/conflicts'
import { formatPointer, valueAt } from '../json/pointer'

/** The states that a resource goes through, as told by one of its members. */
export interface Lifecycle {
  /** Tokens of the JSON Pointer to the member that holds the state. */
  readonly field: readonly string[]
  /** In these nothing can be changed. */
  readonly frozen: ReadonlySet<string>
  /** These stand for "removed": 410. */
  readonly gone: ReadonlySet<string>
  /** Where a new resource may begin; `undefined`: anywhere. */
  readonly initial: ReadonlySet<string> | undefined
  /** From which state to which; `undefined`: from any to any. */
  readonly transitions: ReadonlyMap<string, ReadonlySet<string>> | undefined
}

/** The state as a string, `undefined` where the member is missing or no string. */
export function stateOf(lifecycle: Lifecycle, value: unknown): string | undefined {
  const state = valueAt(value, lifecycle.field)
  return typeof state === 'string' ? state : undefined
}

export function isGone(lifecycle: Lifecycle, value: unknown): boolean {
  const state = stateOf(lifecycle, value)
  return state !== undefined && lifecycle.gone.has(state)
}

export function frozenConflict(lifecycle: Lifecycle, value: unknown): ConflictError | undefined {
  const state = stateOf(lifecycle, value)
  if (state === undefined || !lifecycle.frozen.has(state)) return undefined
  return answerOf('frozen', { detail: `It is "${state}".`, from: state })
}

/** `before` is `undefined` for a resource that is being created. */
export function transitionConflict(lifecycle: Lifecycle, before: unknown, after: unknown): ConflictError | undefined {
  const from = stateOf(lifecycle, before)
  const to = stateOf(lifecycle, after)
  const isKept = before !== undefined && from === to
  const allowed = statesAfter(lifecycle, from)
  if (isKept || allowed === undefined || (to !== undefined && allowed.has(to))) return undefined
  const step = from === undefined ? 'begin as' : `go from "${from}" to`
  const detail = `It cannot ${step} ${to === undefined ? 'no state at all' : `"${to}"`}.`
  const conflicts = [{ pointer: formatPointer(lifecycle.field), kind: 'transition' }]
  return answerOf('transition_not_allowed', { detail, from, to, allowed: [...allowed], conflicts })
}

/** A value without a state begins: it is new, or it was stored without one. `undefined`: any state may follow. */
function statesAfter({ initial, transitions }: Lifecycle, from: string | undefined): ReadonlySet<string> | undefined {
  return from === undefined ? initial : transitions && (transitions.get(from) ?? NONE)
}

const NONE: ReadonlySet<string> = new Set()
