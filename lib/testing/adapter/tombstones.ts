import type { ResourceState } from '../../contracts/adapter'
import { demand } from '../demand'
import { sameJson } from '../same-json'
import { demandSame, present, refused, stored } from './outcome'
import type { AbleAdapter, Checks } from './trial'
import { demandRefused } from './versions'

export function tombstoneChecks<T>(): Checks<T> {
  return {
    'a tombstone has the last value and a version of its own': async ({ adapter, values: [one, two] }) => {
      const { before, tombstone } = await bury(adapter, one)
      demand(sameJson(tombstone.value, one), 'a tombstone keeps the last value', tombstone)
      demand(tombstone.version !== before.version, 'a removal changes the version', tombstone)
      await demandRefused(adapter, tombstone, two, [before.version])
    },

    'a tombstone counts as stored: null does not match it': async ({ adapter, values: [one, two] }) => {
      const { tombstone } = await bury(adapter, one)
      const current = refused(await adapter.write('a', two, null), 'null does not match a tombstone')
      demandSame(current, tombstone, 'a refusal names the tombstone')
      demandSame(await adapter.read('a'), tombstone, 'a refused write changes nothing')
    },

    'write with the version of a tombstone brings the resource back': async ({ adapter, values: [one, two] }) => {
      const { tombstone } = await bury(adapter, one)
      const back = stored(await adapter.write('a', two, tombstone.version), 'the version of a tombstone is good')
      demand(!back.gone && sameJson(back.value, two), 'what came back is not gone', back)
      demandSame(await adapter.read('a'), back, 'read gives what came back')
      await demandRefused(adapter, back, one, [tombstone.version])
    },

    'remove with the version before removal is refused, and gives the tombstone': async ({ adapter, values }) => {
      const { before, tombstone } = await bury(adapter, values[0])
      const current = refused(await adapter.remove('a', before.version), 'the version before the removal is old')
      demandSame(current, tombstone, 'a refusal names the tombstone')
    },

    'remove with the version of a tombstone leaves a tombstone': async ({ adapter, values: [one] }) => {
      const { tombstone } = await bury(adapter, one)
      const removed = await adapter.remove('a', tombstone.version)
      demand(removed.ok === true, 'the version of a tombstone is good for a removal', removed)
      const seen = await adapter.read('a')
      demand(seen?.gone === true, 'what is gone stays gone', seen)
    },
  }
}

/** Stores a value and removes it: the state before, and what is left. */
async function bury<T>(adapter: AbleAdapter<T>, value: T) {
  const before: ResourceState<T> = stored(await adapter.write('a', value, null))
  const removed = await adapter.remove('a', before.version)
  demand(removed.ok === true, 'the version that is stored is good for a removal', removed)
  const tombstone = present(await adapter.read('a'), 'a removal leaves a tombstone')
  demand(tombstone.gone === true, 'a tombstone is gone', tombstone)
  return { before, tombstone }
}
