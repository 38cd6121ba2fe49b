import type { ResourceAdapter, ResourceState, TransactionalAdapter, WriteResult } from '../../contracts/adapter'
import type * as kit from '../kit'
import { demand, sameJson } from '../kit'

/** An adapter with all methods. A method that the original lacks rejects with an error that says so. */
export type AbleAdapter<T> = Required<Omit<ResourceAdapter<T>, 'readCurrent'>>

/** The argument of a check: an adapter over an empty store, and bounds. */
export interface Trial<T> {
  /** The adapter as it was made, to see which methods it has. */
  readonly given: ResourceAdapter<T>
  readonly adapter: AbleAdapter<T>
  /** Another instance over the same store if there is one, else the same adapter. */
  readonly second: AbleAdapter<T>
  /** Three different values, copied for this trial. */
  readonly values: readonly [T, T, T]
  readonly rounds: number
  readonly writers: number
}

export type Check<T> = kit.Check<Trial<T>>
export type Checks<T> = kit.Checks<Trial<T>>

export function able<T>(adapter: ResourceAdapter<T> | TransactionalAdapter<T>): AbleAdapter<T> {
  return {
    read: (key) => adapter.read(key),
    write: (key, value, expected) => adapter.write?.(key, value, expected) ?? missing('write'),
    remove: (key, expected) => adapter.remove?.(key, expected) ?? missing('remove'),
    create: (value) => adapter.create?.(value) ?? missing('create'),
    transaction: (run) => ('transaction' in adapter && adapter.transaction?.(run)) || missing('transaction'),
    readVersion: (key, version) => adapter.readVersion?.(key, version) ?? missing('readVersion'),
    readSince: (key, version) => adapter.readSince?.(key, version) ?? missing('readSince'),
  }
}

async function missing(name: string): Promise<never> {
  throw new Error(`The kit was told that the adapter can do this, but it has no ${name}().`)
}

/** The state that a write has made. The write must have succeeded. */
export function stored<T>(result: WriteResult<T>, rule = 'this write succeeds'): ResourceState<T> {
  demand(result.ok === true, rule, result)
  demandVersion(result.state)
  return result.state
}

/** The state that prevented a write or a removal, which must have been refused. */
export function refused<T>(
  result: { readonly ok: true } | { readonly ok: false; readonly current: ResourceState<T> | undefined },
  rule: string,
): ResourceState<T> | undefined {
  demand(result.ok === false, rule, result)
  return result.current
}

/** Checks that a state is there, and returns it. */
export function present<T>(state: ResourceState<T> | undefined, rule = 'what is stored is read'): ResourceState<T> {
  demand(state !== undefined && state !== null, rule, state)
  demandVersion(state)
  return state
}

/** Checks that both states are the same: value, version, entity tag, date, and whether it is gone. */
export function demandSame<T>(seen: ResourceState<T> | undefined, expected: ResourceState<T>, rule: string): void {
  const wanted = `${rule}, here version ${expected.version} of ${JSON.stringify(expected.value)}`
  const state = present(seen, wanted)
  demand(state.version === expected.version && sameJson(state.value, expected.value), wanted, seen)
  demand((state.gone ?? false) === (expected.gone ?? false), `${wanted}; gone: ${expected.gone ?? false}`, seen)
  demand(state.etag === expected.etag, `${wanted}; etag: ${expected.etag}`, seen)
  const date = expected.lastModified?.getTime()
  demand(state.lastModified?.getTime() === date, `${wanted}; lastModified: ${expected.lastModified?.toJSON()}`, seen)
}

function demandVersion(state: ResourceState<unknown>): void {
  const { version } = state
  demand(typeof version === 'string' && version !== '', 'a version is a string that is not empty', state)
}

/**
 * What an adapter can do, declared by its author. A declaration is checked in both directions, so a wrong one fails a
 * case.
 */
export interface Abilities {
  readonly remove: boolean
  readonly create: boolean
  /** `remove` leaves a state with `gone: true`. */
  readonly tombstones: boolean
  readonly lastModified: boolean
  readonly transaction: boolean
  readonly readVersion: boolean
  /**
   * The version depends on what is stored, such as a hash of it. A state that comes back has its old version, and
   * writing the stored value again changes nothing. Left out: every write makes a new version.
   */
  readonly contentVersions?: boolean
}

export function abilityChecks<T>(abilities: Abilities): Checks<T> {
  return {
    'write is there': isThere('write', true),
    'remove is there exactly when it is declared': isThere('remove', abilities.remove),
    'create is there exactly when it is declared': isThere('create', abilities.create),
    'transaction is there exactly when it is declared': isThere('transaction', abilities.transaction),
    'readVersion is there exactly when it is declared': isThere('readVersion', abilities.readVersion),

    'lastModified is given exactly when it is declared': async ({ adapter, values: [one] }) => {
      const written = stored(await adapter.write('a', one, null))
      for (const state of [written, await adapter.read('a')]) {
        const date = state?.lastModified
        const rule = abilities.lastModified ? 'lastModified is a date' : 'lastModified is undefined'
        demand(abilities.lastModified ? isDate(date) : date === undefined, `${rule}, as it was declared`, state)
      }
    },

    'a state that comes back has the version that it had exactly when that is declared': async ({
      adapter,
      values,
    }) => {
      const [one, two] = values
      const first = stored(await adapter.write('a', one, null))
      const next = stored(await adapter.write('a', two, first.version))
      const back = stored(await adapter.write('a', one, next.version))
      const seen = [first, next, back].map(({ version }) => version)
      const isDeclared = abilities.contentVersions ?? false
      const rule = isDeclared ? 'A, B, A give two versions' : 'A, B, A give three versions'
      demand(new Set(seen).size === (isDeclared ? 2 : 3), `${rule}, as it was declared`, seen)
    },

    'tombstones are left exactly when they are declared': async ({ adapter, values: [one] }) => {
      demand(abilities.remove || !abilities.tombstones, 'tombstones are declared together with remove', abilities)
      if (!abilities.remove) return
      const { version } = stored(await adapter.write('a', one, null))
      await adapter.remove('a', version)
      const seen = await adapter.read('a')
      const rule = abilities.tombstones ? 'a removal leaves a tombstone' : 'a removal leaves nothing'
      demand(abilities.tombstones ? seen?.gone === true : seen === undefined, `${rule}, as it was declared`, seen)
    },
  }
}

function isDate(value: unknown): boolean {
  // Not `instanceof`, because a driver may make its dates in another realm than the test runner's.
  return Object.prototype.toString.call(value) === '[object Date]' && !Number.isNaN(Number(value))
}

type Method = 'write' | 'remove' | 'create' | 'transaction' | 'readVersion'

function isThere<T>(name: Method, declared: boolean): Check<T> {
  return async ({ given }) => {
    const found = typeof given[name]
    const rule = declared ? `${name}() is there` : `${name}() is not there`
    demand(found === (declared ? 'function' : 'undefined'), `${rule}, as it was declared`, found)
  }
}
