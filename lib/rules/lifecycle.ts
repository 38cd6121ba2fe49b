import { answerOf, type ConflictError } from '../conflicts/conflicts'
import { formatPointer, parsePointer, valueAt } from '../json/pointer'
import { aPointer, aText, checkOptions, type Expectation, listOf, recordOf, show } from '../options'

/** The states that a resource goes through. A state is a string, in one member of the value. */
export interface LifecycleOptions {
  /** JSON Pointer to the member that holds the state, such as `/status`. */
  readonly field: string
  /** States in which nothing can be changed: 409 `frozen`. */
  readonly frozen?: readonly string[]
  /** States that mean "removed": 410 `gone`. */
  readonly gone?: readonly string[]
  /** The states that a new resource may have. Default: any. */
  readonly initial?: readonly string[]
  /** For each state, the states that may follow. A final state has an empty list. Default: any state may follow any. */
  readonly transitions?: Readonly<Record<string, readonly string[]>>
}

const someStates = listOf(aText('a non-empty string'))

export const LIFECYCLE: Readonly<Record<keyof LifecycleOptions, Expectation>> = {
  field: aPointer,
  frozen: someStates,
  gone: someStates,
  initial: someStates,
  transitions: recordOf(someStates),
}

export function readLifecycle(caller: string, options: LifecycleOptions): Lifecycle {
  check(caller, options)
  const { field, frozen, gone, initial, transitions } = options
  return {
    field: parsePointer(field),
    frozen: new Set(frozen),
    gone: new Set(gone),
    initial: initial && new Set(initial),
    transitions: transitions && new Map(Object.entries(transitions).map(([from, to]) => [from, new Set(to)])),
  }
}

/** Refuses a state that transitions lead to but nothing else mentions: it is most likely a typo. */
function check(caller: string, lifecycle: LifecycleOptions): void {
  checkOptions(caller, lifecycle, LIFECYCLE, ['field'])
  const { transitions, initial = [], frozen = [], gone = [] } = lifecycle
  if (transitions === undefined) return
  const known = new Set([...Object.keys(transitions), ...frozen, ...gone])
  const unknown = [...initial, ...Object.values(transitions).flat()].find((state) => !known.has(state))
  if (unknown !== undefined)
    throw new TypeError(
      `${caller} leads to ${show(unknown)}, of which nothing is said. Add ${show(unknown)}: [] to transitions if it is a final state.`,
    )
}

/** The prepared options. */
export interface Lifecycle {
  /** Tokens of the JSON Pointer to the member that holds the state. */
  readonly field: readonly string[]
  readonly frozen: ReadonlySet<string>
  readonly gone: ReadonlySet<string>
  /** `undefined`: any. */
  readonly initial: ReadonlySet<string> | undefined
  /** `undefined`: any state may follow any. */
  readonly transitions: ReadonlyMap<string, ReadonlySet<string>> | undefined
}

/** The state; `undefined` if the member is missing or not a string. */
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

/** The states that may follow; `undefined` means any. A value without a state is treated like a new one. */
function statesAfter({ initial, transitions }: Lifecycle, from: string | undefined): ReadonlySet<string> | undefined {
  return from === undefined ? initial : transitions && (transitions.get(from) ?? NONE)
}

const NONE: ReadonlySet<string> = new Set()
