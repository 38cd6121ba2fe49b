import { demand, rejection, sameJson } from '../demand'
import { type Checks, demandSame, refused, stored } from './trial'

export function writingChecks<T>(): Checks<T> {
  return {
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
      // What JavaScript without types can pass.
      const nothing = undefined as T
      await rejection(() => adapter.write('a', nothing, null), 'undefined is no JSON value: write rejects')
      const seen = await adapter.read('a')
      demand(seen === undefined, 'a write that rejects at once stores nothing', seen)
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
