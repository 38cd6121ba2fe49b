import { demand } from '../demand'
import { stored } from './outcome'
import type { Check, Checks } from './trial'

/** What an adapter can do, said by its author: what is false here is not checked, so a false word fails a case too. */
export interface Abilities {
  readonly remove: boolean
  readonly create: boolean
  /** `remove` leaves a state with `gone: true`. */
  readonly tombstones: boolean
  readonly lastModified: boolean
  readonly transaction: boolean
  readonly readVersion: boolean
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
