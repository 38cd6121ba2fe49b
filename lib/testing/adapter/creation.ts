import { demand } from '../demand'
import { sameJson } from '../same-json'
import { demandSame, refused } from './outcome'
import type { Checks } from './trial'

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
