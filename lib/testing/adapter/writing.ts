import type { ResourceState } from '../../contracts/adapter'
import { demand, rejection, sameJson } from '../kit'
import { type AbleAdapter, type Checks, demandSame, present, refused, stored } from './trial'
import { demandRefused } from './versions'

export function writingChecks<T>(): Checks<T> {
  return {
    'readCurrent, where it is there, gives what is stored now, whoever stored it': async ({
      given,
      adapter,
      second,
      values,
    }) => {
      if (given.readCurrent === undefined) return
      const [one, two] = values
      const none = await given.readCurrent('a')
      demand(none === undefined, 'readCurrent gives undefined when nothing is stored', none)
      const first = stored(await second.write('a', one, null))
      demandSame(await given.readCurrent('a'), first, 'readCurrent gives what is stored now')
      // From here on, a cache has a copy.
      await adapter.read('a')
      const next = stored(await second.write('a', two, first.version))
      demandSame(await given.readCurrent('a'), next, 'readCurrent gives what is stored now, also where read has a copy')
    },

    'write with null stores when nothing is stored': async ({ adapter, values: [one] }) => {
      const written = stored(await adapter.write('a', one, null), 'null stores when nothing is stored')
      demand(sameJson(written.value, one), 'the state of a write holds what was written', written)
    },

    'write with null is refused when something is stored, and names it': async ({ adapter, values: [one, two] }) => {
      const written = stored(await adapter.write('a', one, null))
      const current = refused(await adapter.write('a', two, null), 'null is refused when something is stored')
      demandSame(current, written, 'a refusal names what is stored')
      demandSame(await adapter.read('a'), written, 'a refused write changes nothing')
    },

    'write with the version that is stored replaces the value': async ({ adapter, values: [one, two] }) => {
      const first = stored(await adapter.write('a', one, null))
      const next = stored(await adapter.write('a', two, first.version), 'the version that is stored is good')
      demand(sameJson(next.value, two), 'the state of a write holds what was written', next)
      demand(next.version !== first.version, 'a write gives a new version', [first.version, next.version])
      demandSame(await adapter.read('a'), next, 'read gives what was written last')
    },

    'write with an old version is refused, and gives the current state': async ({ adapter, values }) => {
      const [one, two, three] = values
      const first = stored(await adapter.write('a', one, null))
      const next = stored(await adapter.write('a', two, first.version))
      const current = refused(await adapter.write('a', three, first.version), 'an old version is refused')
      demandSame(current, next, 'a refusal names what is stored now')
      demandSame(await adapter.read('a'), next, 'a refused write changes nothing')
    },

    'write with a version is refused when nothing is stored': async ({ adapter, values: [one, two] }) => {
      const { version } = stored(await adapter.write('a', one, null))
      const current = refused(await adapter.write('b', two, version), 'a version is refused when nothing is stored')
      demand(current === undefined, 'current is undefined when nothing is stored', current)
      const seen = await adapter.read('b')
      demand(seen === undefined, 'a refused write creates nothing', seen)
    },

    'write of undefined rejects and stores nothing': async ({ adapter }) => {
      // As JavaScript without types may pass it.
      const nothing = undefined as T
      await rejection(() => adapter.write('a', nothing, null), 'undefined is no JSON value: write rejects')
      const seen = await adapter.read('a')
      demand(seen === undefined, 'a write that rejects stores nothing', seen)
    },
  }
}

export function readingChecks<T>(): Checks<T> {
  return {
    'read resolves to undefined when nothing is stored': async ({ adapter }) => {
      const seen = await adapter.read('a')
      demand(seen === undefined, 'read resolves to undefined when nothing is stored', seen)
    },

    'read gives the state that the write gave': async ({ adapter, second, values: [one] }) => {
      const written = stored(await adapter.write('a', one, null))
      demandSame(await adapter.read('a'), written, 'read gives the state that the write gave')
      demandSame(await second.read('a'), written, 'every instance over the store reads the same')
    },

    'read does not change the version': async ({ adapter, values: [one] }) => {
      const written = stored(await adapter.write('a', one, null))
      for (let i = 0; i < 3; i++) demandSame(await adapter.read('a'), written, 'read changes nothing')
      stored(await adapter.write('a', one, written.version), 'a version is still good after reads')
    },
  }
}

export function creationChecks<T>(): Checks<T> {
  return {
    'create stores the value under the key that it gives': async ({ adapter, second, values: [one, two] }) => {
      const { key, state } = await adapter.create(one)
      demand(typeof key === 'string' && key !== '', 'a key is a string that is not empty', key)
      demand(sameJson(state.value, one), 'the state of a creation holds what was written', state)
      demandSame(await second.read(key), state, 'read gives what was created')
      demandSame(refused(await adapter.write(key, two, null), 'the key is taken'), state, 'a refusal names it')
    },

    'create gives each resource a key of its own': async ({ adapter, second, values, rounds, writers }) => {
      for (let round = 0; round < rounds; round++) {
        const calls = Array.from({ length: writers }, (_, index) =>
          (index % 2 === 0 ? adapter : second).create(values[index % 3] as T),
        )
        const created = await Promise.all(calls)
        const keys = created.map(({ key }) => key)
        demand(new Set(keys).size === writers, 'creations at once get different keys', keys)
        for (const { key, state } of created) demandSame(await adapter.read(key), state, 'read gives what was created')
      }
    },
  }
}

/** Rules for adapters with tombstones and for those without. */
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

/** The version that a write of the key must expect: `null`, or that of a tombstone. */
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
      demand(!back.gone && sameJson(back.value, two), 'a resource that was brought back is not gone', back)
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

/** Stores a value and removes it. Returns the state before, and the tombstone. */
async function bury<T>(adapter: AbleAdapter<T>, value: T) {
  const before: ResourceState<T> = stored(await adapter.write('a', value, null))
  const removed = await adapter.remove('a', before.version)
  demand(removed.ok === true, 'the version that is stored is good for a removal', removed)
  const tombstone = present(await adapter.read('a'), 'a removal leaves a tombstone')
  demand(tombstone.gone === true, 'a tombstone is gone', tombstone)
  return { before, tombstone }
}
