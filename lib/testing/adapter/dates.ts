import type { ResourceState } from '../../contracts/adapter'
import { demand } from '../demand'
import { present, stored } from './outcome'
import type { Checks } from './trial'

/** `advance` moves the adapter's clock, where a clock can be given to it. */
export function dateChecks<T>(advance: (ms: number) => void = () => {}): Checks<T> {
  return {
    'lastModified never goes backwards': async ({ adapter, values: [one, two], rounds }) => {
      let before = stored(await adapter.write('a', one, null))
      for (let i = 0; i < rounds; i++) {
        advance(i % 2 === 0 ? -60_000 : 1000)
        const after = stored(await adapter.write('a', i % 2 === 0 ? two : one, before.version))
        demand(timeOf(after) >= timeOf(before), `lastModified is not before ${before.lastModified?.toJSON()}`, after)
        before = after
      }
    },

    'a refused write leaves lastModified as it is': async ({ adapter, values: [one, two] }) => {
      const written = stored(await adapter.write('a', one, null))
      advance(60_000)
      await adapter.write('a', two, null)
      const seen = present(await adapter.read('a'))
      demand(timeOf(seen) === timeOf(written), 'lastModified is when the value was last written', seen)
    },
  }
}

function timeOf({ lastModified }: ResourceState<unknown>): number {
  const ms = lastModified?.getTime() ?? Number.NaN
  demand(!Number.isNaN(ms), 'lastModified is a date, as it was declared', lastModified)
  return ms
}
