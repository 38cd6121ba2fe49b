import { demand, rejection } from '../demand'
import { sameJson } from '../same-json'
import { demandSame, refused, stored } from './outcome'
import type { Checks } from './trial'

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
