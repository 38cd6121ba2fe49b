import { demand } from '../demand'
import { demandSame, stored } from './outcome'
import type { Checks } from './trial'

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
