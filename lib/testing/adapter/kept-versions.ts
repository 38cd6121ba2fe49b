import type { ResourceState } from '../../contracts/adapter'
import { demandUnknown } from './history'
import { demandSame, stored } from './outcome'
import type { Checks } from './trial'

/** For adapters that say how many versions before the current one they keep. */
export function keptVersionChecks<T>(keepVersions: number): Checks<T> {
  return {
    'so many versions before the current one are kept as they were, and no more': async ({
      adapter,
      second,
      values,
    }) => {
      const written: ResourceState<T>[] = []
      let expected: string | null = null
      // Values of their own come back after three: versions that come back with them are one version.
      for (let count = 0; count < keepVersions + 4; count++) {
        const writer = count % 2 === 0 ? adapter : second
        written.push(stored(await writer.write('a', values[count % 3] as T, expected)))
        expected = written.at(-1)?.version ?? null
      }
      const kept = written.slice(-keepVersions - 1)
      for (const state of kept)
        demandSame(await adapter.readVersion('a', state.version), state, 'what is kept is as it was')
      const others = written.filter(({ version }) => kept.every((state) => state.version !== version))
      await demandUnknown(
        adapter,
        'a',
        others.map(({ version }) => version),
      )
    },

    'a version is found while it is being replaced': async ({ adapter, second, values, rounds }) => {
      let state = stored(await adapter.write('a', values[0], null))
      for (let round = 0; round < rounds; round++) {
        const [seen, result] = await Promise.all([
          second.readVersion('a', state.version),
          adapter.write('a', values[(round + 1) % 3] as T, state.version),
        ])
        demandSame(seen, state, 'a version that has just been replaced is kept')
        state = stored(result)
      }
    },
  }
}
