import { demand } from '../demand'
import type { Check, Checks } from './trial'
import { stored } from './trial'

/** What an adapter can do, said by its author: what is false here is not checked, so a false word fails a case too. */
export interface Abilities {
  readonly remove: boolean
  readonly create: boolean
  /** `remove` leaves a state with `gone: true`. */
  readonly tombstones: boolean
  readonly lastModified: boolean
  readonly transaction: boolean
  readonly readVersion: boolean
  /**
   * The version is made of what is stored, such as a hash of it: a state that comes back has the version that it had, and
   * a write of what is stored already changes nothing. Left out: every write gives a version that never was before.
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
  // Not instanceof: a driver may make its dates in another realm than the test runner's.
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
