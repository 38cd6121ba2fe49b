import type { ResourceAdapter } from '../../contracts/adapter'
import { isStoreFault } from '../../contracts/store-fault'
import { demand, rejection } from '../demand'
import type { Abilities } from './abilities'
import { type AbleAdapter, able, type Checks } from './trial'

/** `makeFailing` gives an adapter whose back end is down. */
export function faultChecks<T>(
  makeFailing: () => Promise<ResourceAdapter<T>> | ResourceAdapter<T>,
  abilities: Abilities,
): Checks<T> {
  const failing =
    (call: (adapter: AbleAdapter<T>, value: T) => Promise<unknown>) =>
    async ({ values: [one] }: { values: readonly [T, T, T] }) => {
      const adapter = able(await makeFailing())
      const error = await rejection(() => call(adapter, one), 'a back end that is down makes every method reject')
      demand(typeof error === 'object' && error !== null, 'what a method rejects with is an error', error)
      if (!isStoreFault(error)) return
      demand(['no', 'unknown'].includes(error.applied), "a store fault says applied: 'no' or 'unknown'", error.applied)
    }

  return {
    'read rejects when the back end is down': failing((adapter) => adapter.read('a')),
    'write with null rejects when the back end is down': failing((adapter, value) => adapter.write('a', value, null)),
    'write with a version rejects when the back end is down': failing((adapter, value) =>
      adapter.write('a', value, '1'),
    ),
    ...(abilities.remove && {
      'remove rejects when the back end is down': failing((adapter) => adapter.remove('a', '1')),
    }),
    ...(abilities.create && {
      'create rejects when the back end is down': failing((adapter, value) => adapter.create(value)),
    }),
    ...(abilities.transaction && {
      'a transaction rejects when the back end is down': failing((adapter) =>
        adapter.transaction(async (tx) => tx.read('a')),
      ),
    }),
    ...(abilities.readVersion && {
      'readVersion rejects when the back end is down': failing((adapter) => adapter.readVersion('a', '1')),
    }),
  }
}
