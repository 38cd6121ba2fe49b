import { parsePointer } from '../../json/pointer'
import { aPointer, aText, checkOptions, type Expectation, listOf, recordOf, show } from '../../options'
import type { Lifecycle } from '../../rules/lifecycle'

/** The states that a resource goes through. A state is a string, in one member of the value. */
export interface LifecycleOptions {
  /** JSON Pointer to the member that holds the state, such as `/status`. */
  readonly field: string
  /** States in which nothing can be changed: 409 `frozen`. */
  readonly frozen?: readonly string[]
  /** States that stand for "removed": 410 `gone`. */
  readonly gone?: readonly string[]
  /** Where a new resource may begin. Default: anywhere. */
  readonly initial?: readonly string[]
  /** From each state to the ones it may go to. A final state has an empty list. Default: from any to any. */
  readonly transitions?: Readonly<Record<string, readonly string[]>>
}

const someStates = listOf(aText('a non-empty string'))

const LIFECYCLE: Readonly<Record<keyof LifecycleOptions, Expectation>> = {
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

/** A state that is mentioned nowhere else is most likely a typo. */
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
