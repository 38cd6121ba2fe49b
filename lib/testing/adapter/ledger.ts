import type { ResourceState, Version } from '../../contracts/adapter'
import { demand } from '../demand'
import { sameJson } from '../same-json'

export interface Ledger<T> {
  /** The value that follows this one. */
  next(value: T): T
  /** Books a write that succeeded: what it had read, and what it made of it. */
  book(read: ResourceState<T>, made: ResourceState<T>): void
  /** All that was booked is one chain from the first state to the last, with nothing lost in between. */
  balance(last: ResourceState<T> | undefined): void
}

/**
 * Counts without knowing what a value is: every write turns one of three values into the next one.
 *
 * An update that is lost shows as a version that two writes replaced, as a value that does not follow the one before
 * it, or as an end that is not the last state.
 */
export function ledger<T>(values: readonly [T, T, T], first: ResourceState<T>): Ledger<T> {
  const writes = new Map<Version, { readonly place: number; readonly made: Version }>()
  const placeOf = (value: T) => values.findIndex((other) => sameJson(other, value))
  const valueAt = (count: number) => values[count % 3] as T

  return {
    next: (value) => valueAt(placeOf(value) + 1),

    book(read, made) {
      demand(!writes.has(read.version), 'of all writes with one version at most one succeeds', read.version)
      writes.set(read.version, { place: placeOf(read.value), made: made.version })
    },

    balance(last) {
      let { version } = first
      let count = 0
      for (let write = writes.get(version); write && count < writes.size; write = writes.get(version)) {
        const rule = 'read gives value and version of the same moment, and each write builds on the one before'
        demand(write.place === count % 3, rule, { version, place: write.place, count })
        version = write.made
        count += 1
      }
      demand(count === writes.size, `${writes.size} writes that succeeded count ${writes.size}`, count)
      demand(last?.version === version, `the last version that a write gave, ${version}, is stored in the end`, last)
      demand(sameJson(last.value, valueAt(count)), 'the value of the last write is stored in the end', last)
    },
  }
}
