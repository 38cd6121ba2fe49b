import type { ResourceAdapter, TransactionalAdapter } from '../../contracts/adapter'

/** An adapter of which every method may be called: one that is missing rejects and says so. */
export type AbleAdapter<T> = Required<ResourceAdapter<T>>

/** What a check gets: an adapter over an empty store, and bounds. */
export interface Trial<T> {
  /** The adapter as it was made, for what is declared by being there. */
  readonly given: ResourceAdapter<T>
  readonly adapter: AbleAdapter<T>
  /** Another instance over the same store, where there can be one; else the same adapter. */
  readonly second: AbleAdapter<T>
  /** Three different values, copied for this trial. */
  readonly values: readonly [T, T, T]
  readonly rounds: number
  readonly writers: number
}

export type Check<T> = (trial: Trial<T>) => Promise<void>

/** Checks by the rule that each one holds. */
export type Checks<T> = Readonly<Record<string, Check<T>>>

export function able<T>(adapter: ResourceAdapter<T> | TransactionalAdapter<T>): AbleAdapter<T> {
  return {
    read: (key) => adapter.read(key),
    write: (key, value, expected) => adapter.write?.(key, value, expected) ?? missing('write'),
    remove: (key, expected) => adapter.remove?.(key, expected) ?? missing('remove'),
    create: (value) => adapter.create?.(value) ?? missing('create'),
    transaction: (run) => ('transaction' in adapter && adapter.transaction?.(run)) || missing('transaction'),
    readVersion: (key, version) => adapter.readVersion?.(key, version) ?? missing('readVersion'),
  }
}

async function missing(name: string): Promise<never> {
  throw new Error(`The kit was told that the adapter can do this, but it has no ${name}().`)
}
