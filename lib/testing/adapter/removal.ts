import type { ResourceState } from '../../contracts/adapter'
import { demand, sameJson } from '../demand'
import { type AbleAdapter, type Checks, demandSame, present, refused, stored } from './trial'
import { demandRefused } from './versions'

/** For adapters with and without tombstones. */
export function removalChecks<T>(): Checks<T> {
  return {
    'remove with the version that is stored removes': async ({ adapter, second, values: [one] }) => {
      const { version } = stored(await adapter.write('a', one, null))
      const removed = await adapter.remove('a', version)
      demand(removed.ok === true, 'the version that is stored is good for a removal', removed)
      for (const seen of [await adapter.read('a'), await second.read('a')]) {
        demand(seen === undefined || seen.gone === true, 'what was removed is not there, or gone', seen)
      }
    },

    'remove with an old version is refused, and gives the current state': async ({ adapter, values: [one, two] }) => {
      const first = stored(await adapter.write('a', one, null))
      const next = stored(await adapter.write('a', two, first.version))
      const current = refused(await adapter.remove('a', first.version), 'a removal with an old version is refused')
      demandSame(current, next, 'a refusal names what is stored now')
      demandSame(await adapter.read('a'), next, 'a refused removal changes nothing')
    },

    'remove is refused when nothing is stored': async ({ adapter, values: [one] }) => {
      const other = stored(await adapter.write('b', one, null))
      const current = refused(await adapter.remove('a', other.version), 'a removal of nothing is refused')
      demand(current === undefined, 'current is undefined when nothing is stored', current)
      demandSame(await adapter.read('b'), other, 'a removal leaves every other key as it is')
    },
  }
}

export function freshRemovalChecks<T>(): Checks<T> {
  return {
    'no version comes back after removal': async ({ adapter, second, values, rounds }) => {
      const [one, two] = values
      const seen = new Set<string>()
      let last = ''
      for (let i = 0; i < rounds; i++) {
        const first = stored(
          await adapter.write('a', one, await expectedOf(adapter)),
          'what was removed can be made again',
        )
        const next = stored(await second.write('a', two, first.version))
        for (const { version } of [first, next]) {
          demand(!seen.has(version), 'a version is never used twice for a key, not even after removal', version)
          seen.add(version)
        }
        await demandRefused(adapter, next, one, [...seen].slice(-6, -1))
        refused(await adapter.remove('a', first.version), 'a removal with an old version is refused')
        demand((await adapter.remove('a', next.version)).ok, 'the version that is stored is good for a removal', next)
        last = next.version
      }
      refused(await adapter.write('a', one, last), 'the version that was removed is old')
    },
  }
}

/** What a write on the key has to expect: `null`, or the version of a tombstone. */
async function expectedOf<T>(adapter: AbleAdapter<T>): Promise<string | null> {
  return (await adapter.read('a'))?.version ?? null
}

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
