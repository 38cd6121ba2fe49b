import { demand } from '../demand'
import { demandSame, stored } from './outcome'
import type { Checks } from './trial'

export function historyChecks<T>(): Checks<T> {
  return {
    'readVersion gives the state as it was at a version': async ({ adapter, second, values: [one, two] }) => {
      const first = stored(await adapter.write('a', one, null))
      demandSame(await adapter.readVersion('a', first.version), first, 'the version that is stored is kept')
      const next = stored(await adapter.write('a', two, first.version))
      demandSame(await second.readVersion('a', next.version), next, 'the version that is stored is kept')
      const old = await adapter.readVersion('a', first.version)
      // How long a version is kept is the store's affair.
      if (old !== undefined) demandSame(old, first, 'an old version is given as it was, or not at all')
    },

    'readVersion resolves to undefined for a version that was never given': async ({ adapter, values: [one] }) => {
      const { version } = stored(await adapter.write('a', one, null))
      for (const [key, other] of [['a', `${version}0`] as const, ['a', ''] as const, ['b', version] as const]) {
        const seen = await adapter.readVersion(key, other)
        demand(seen === undefined, `nothing was stored under ${key} at ${JSON.stringify(other)}`, seen)
      }
    },
  }
}
