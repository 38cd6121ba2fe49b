import type { ResourceState } from '../../contracts/adapter'
import { copyOf, isComposite } from '../same-json'
import { demandSame, present, refused, stored } from './outcome'
import type { Checks } from './trial'

export function ownershipChecks<T>(): Checks<T> {
  return {
    'what read gives may be changed without touching the store': async ({ adapter, values: [one] }) => {
      const written = frozenIn(stored(await adapter.write('a', one, null)))
      spoil(present(await adapter.read('a')))
      demandSame(await adapter.read('a'), written, 'a change of what read gave stays with the caller')
    },

    'what a write gives may be changed without touching the store': async ({ adapter, values: [one, two] }) => {
      const result = stored(await adapter.write('a', one, null))
      const written = frozenIn(result)
      spoil(result)
      demandSame(await adapter.read('a'), written, 'a change of what a write gave stays with the caller')
      spoil(present(refused(await adapter.write('a', two, null), 'null is refused when something is stored')))
      demandSame(await adapter.read('a'), written, 'a change of what a refusal gave stays with the caller')
    },

    'what was passed to write may be changed afterwards': async ({ adapter, values: [one] }) => {
      const passed = copyOf(one)
      const written = frozenIn(stored(await adapter.write('a', passed, null)))
      spoilValue(passed)
      demandSame(await adapter.read('a'), { ...written, value: one }, 'a write takes the value as it was')
    },

    'write leaves what was passed as it is': async ({ adapter, values: [one] }) => {
      const passed = freeze(copyOf(one))
      // A change of what is frozen throws, and so the write rejects.
      const written = stored(await adapter.write('a', passed, null))
      demandSame(written, { ...written, value: one }, 'a write does not change what it is given')
    },
  }
}

function frozenIn<T>(state: ResourceState<T>): ResourceState<T> {
  return { ...state, value: copyOf(state.value), lastModified: state.lastModified && new Date(state.lastModified) }
}

export function spoil(state: ResourceState<unknown>): void {
  state.lastModified?.setTime(0)
  spoilValue(state.value)
}

/** Changes every object and array in the value, innermost first. */
function spoilValue(value: unknown): void {
  if (!isComposite(value)) return
  for (const name of Object.keys(value)) {
    spoilValue(value[name])
    delete value[name]
  }
  value.spoilt = true
}

function freeze<T>(value: T): T {
  if (!isComposite(value)) return value
  Object.values(value).forEach(freeze)
  return Object.freeze(value)
}
