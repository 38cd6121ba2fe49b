import type { ResourceAdapter } from '../../contracts/adapter'
import { isStoreFault } from '../../contracts/store-fault'
import { demand, rejection, sameJson } from '../kit'
import { type Abilities, type AbleAdapter, able, type Checks, demandSame, present, stored } from './trial'

/** `makeFailing` makes an adapter whose back end is down. */
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

/** When the store fails: before a change reaches it, or after the change was carried out and its answer gets lost. */
export type FaultMoment = 'before' | 'after'

/** `makeFaulty` makes an adapter over the same store whose next change fails at the given moment. */
export function lostAnswerChecks<T>(
  makeFaulty: (adapter: ResourceAdapter<T>, when: FaultMoment) => Promise<ResourceAdapter<T>> | ResourceAdapter<T>,
  dispose: (adapter: ResourceAdapter<T>) => Promise<void> | void,
  { remove }: { remove: boolean },
): Checks<T> {
  async function fails<R>(adapter: ResourceAdapter<T>, when: FaultMoment, call: (faulty: ResourceAdapter<T>) => R) {
    const faulty = await makeFaulty(adapter, when)
    try {
      const error = await rejection(async () => call(faulty), 'a change without an answer rejects')
      return isStoreFault(error) ? error.applied : 'unknown'
    } finally {
      await dispose(faulty)
    }
  }

  return {
    'a write that fails on its way changes nothing': async ({ given, adapter, values: [one, two] }) => {
      const before = stored(await adapter.write('a', one, null))
      await fails(given, 'before', (faulty) => able(faulty).write('a', two, before.version))
      demandSame(await adapter.read('a'), before, 'what never reached the store changed nothing')
    },

    'a write whose answer is lost is unknown, never refused': async ({ given, adapter, values: [one, two] }) => {
      const before = stored(await adapter.write('a', one, null))
      const applied = await fails(given, 'after', (faulty) => able(faulty).write('a', two, before.version))
      const seen = present(await adapter.read('a'))
      const isApplied = seen.version !== before.version && sameJson(seen.value, two)
      demand(isApplied, 'makeFaulty loses the answer of a write that was carried out', seen)
      demand(applied === 'unknown', "what was carried out is not said to be applied: 'no'", applied)
    },

    'a creation whose answer is lost is unknown, never refused': async ({ given, adapter, values: [one] }) => {
      const applied = await fails(given, 'after', (faulty) => able(faulty).write('a', one, null))
      const seen = present(await adapter.read('a'), 'makeFaulty loses the answer of a write that was carried out')
      demand(sameJson(seen.value, one), 'what was carried out is stored', seen)
      demand(applied === 'unknown', "what was carried out is not said to be applied: 'no'", applied)
    },

    ...(remove && {
      'a removal that fails on its way changes nothing': async ({ given, adapter, values: [one] }) => {
        const before = stored(await adapter.write('a', one, null))
        await fails(given, 'before', (faulty) => able(faulty).remove('a', before.version))
        demandSame(await adapter.read('a'), before, 'what never reached the store changed nothing')
      },

      'a removal whose answer is lost is unknown, never refused': async ({ given, adapter, values: [one] }) => {
        const before = stored(await adapter.write('a', one, null))
        const applied = await fails(given, 'after', (faulty) => able(faulty).remove('a', before.version))
        const seen = await adapter.read('a')
        const isApplied = seen === undefined || seen.gone === true
        demand(isApplied, 'makeFaulty loses the answer of a removal that was carried out', seen)
        demand(applied === 'unknown', "what was carried out is not said to be applied: 'no'", applied)
      },
    }),
  }
}
