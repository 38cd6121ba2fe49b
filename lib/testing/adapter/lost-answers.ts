import type { ResourceAdapter } from '../../contracts/adapter'
import { isStoreFault } from '../../contracts/store-fault'
import { demand, rejection } from '../demand'
import { sameJson } from '../same-json'
import { demandSame, present, stored } from './outcome'
import { able, type Checks } from './trial'

/** When the store fails: before a change gets there, or when it was carried out and its answer gets lost. */
export type FaultMoment = 'before' | 'after'

/** `makeFaulty` gives an adapter over the same store whose next change fails at that moment. */
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
