import type { ResourceState, TransactionalAdapter } from '../../contracts/adapter'
import { demand, rejection } from '../kit'
import { type Abilities, type AbleAdapter, able, type Checks, demandSame, present, refused, stored } from './trial'
import { spoil } from './values'

/**
 * Rules for every adapter that can read old versions, however many it keeps: an old version is returned as it was, or
 * not at all.
 */
export function historyChecks<T>({ remove, tombstones, transaction }: Abilities): Checks<T> {
  return {
    'readVersion gives the state as it was at a version': async ({ adapter, second, values: [one, two] }) => {
      const first = stored(await adapter.write('a', one, null))
      demandSame(await adapter.readVersion('a', first.version), first, 'the version that is stored is kept')
      const next = stored(await adapter.write('a', two, first.version))
      demandSame(await second.readVersion('a', next.version), next, 'the version that is stored is kept')
      await demandAsItWas(adapter, first)
      await demandAsItWas(second, first)
    },

    'readVersion resolves to undefined for a version that was never given': async ({ adapter, values }) => {
      const [one, two, three] = values
      const first = stored(await adapter.write('a', one, null))
      const { version } = stored(await adapter.write('a', two, first.version))
      await demandUnknown(adapter, 'b', [first.version, version])
      const other = stored(await adapter.write('b', three, null))
      const near = [first.version, version].flatMap((known) => [`${known}0`, `0${known}`, `${known} `])
      // Where versions count from 1, every key has had version 1.
      const theirs = [other.version].filter((each) => each !== first.version)
      await demandUnknown(adapter, 'a', [...near, '', '0', 'never given', ...theirs])
      await demandUnknown(adapter, 'b', [...near, version])
      if (theirs.length > 0) await demandUnknown(adapter, 'b', [first.version])
    },

    'what readVersion gives may be changed without touching the store': async ({ adapter, values: [one, two] }) => {
      const first = stored(await adapter.write('a', one, null))
      const { version } = stored(await adapter.write('a', two, first.version))
      const seen = [await adapter.readVersion('a', first.version), await adapter.readVersion('a', version)]
      const before = JSON.stringify(seen)
      for (const state of seen) if (state) spoil(state)
      const after = [await adapter.readVersion('a', first.version), await adapter.readVersion('a', version)]
      demand(JSON.stringify(after) === before, 'a state that a method gives belongs to the caller', after)
    },

    'readSince gives every state from a version on, or nothing': async ({ given, adapter, second, values }) => {
      if (!given.readSince) return
      const [one, two, three] = values
      const written = [stored(await adapter.write('a', one, null))]
      for (const value of [two, three]) written.push(stored(await second.write('a', value, versionOf(written))))
      for (const [at, { version }] of written.entries()) {
        const seen = await adapter.readSince('a', version)
        const isLast = at === written.length - 1
        if (!isLast && seen === undefined) continue
        demand(seen?.length === written.length - at, 'no state is left out, and the last one is what is stored', seen)
        for (const [next, state] of written.slice(at).entries())
          demandSame(seen?.[next], state, 'the states are given as they were, oldest first')
      }
      for (const version of ['', '0', 'never given', `${versionOf(written)}0`])
        demand(
          (await adapter.readSince('a', version)) === undefined,
          'nothing is known of a version never given',
          version,
        )
      demand((await adapter.readSince('b', versionOf(written))) === undefined, 'nothing was ever stored under b', 'b')
    },

    'a refused change adds no old version, and removes none': async ({ adapter, values, rounds }) => {
      const [one, two, three] = values
      const first = stored(await adapter.write('a', one, null))
      const next = stored(await adapter.write('a', two, first.version))
      const kept = await adapter.readVersion('a', first.version)
      for (let round = 0; round < rounds; round++) {
        refused(await adapter.write('a', three, first.version), 'an old version is refused')
        refused(await adapter.write('a', three, null), 'null is refused where something is stored')
        if (remove) refused(await adapter.remove('a', first.version), 'an old version is refused')
      }
      demandSame(await adapter.readVersion('a', next.version), next, 'the version that is stored is kept')
      const seen = await adapter.readVersion('a', first.version)
      if (kept === undefined) demand(seen === undefined, 'a refusal makes no old version readable', seen)
      else demandSame(seen, first, 'a refusal makes no old version unreadable')
    },

    ...(remove &&
      !tombstones && {
        'a removal also removes the old versions': async ({ adapter, second, values: [one, two, three] }) => {
          const first = stored(await adapter.write('a', one, null))
          const next = stored(await second.write('a', two, first.version))
          demand((await adapter.remove('a', next.version)).ok, 'the version that is stored is good for a removal', next)
          await demandUnknown(second, 'a', [first.version, next.version])
          const back = stored(await adapter.write('a', three, null), 'what was removed can be made again')
          await demandUnknown(adapter, 'a', [first.version, next.version])
          demandSame(await second.readVersion('a', back.version), back, 'the version that is stored is kept')
        },
      }),

    ...(tombstones && {
      'a tombstone is a version among the others': async ({ adapter, values: [one, two] }) => {
        const first = stored(await adapter.write('a', one, null))
        demand((await adapter.remove('a', first.version)).ok, 'the version that is stored is good for a removal', first)
        const tombstone = present(await adapter.read('a'), 'a removal leaves a tombstone')
        demandSame(await adapter.readVersion('a', tombstone.version), tombstone, 'the version that is stored is kept')
        await demandAsItWas(adapter, first)
        const back = stored(await adapter.write('a', two, tombstone.version))
        demandSame(await adapter.readVersion('a', back.version), back, 'the version that is stored is kept')
        await demandAsItWas(adapter, tombstone)
        await demandAsItWas(adapter, first)
      },
    }),

    ...(transaction && {
      'a transaction that is rolled back adds no old version': async ({ adapter, values: [one, two, three] }) => {
        const first = stored(await adapter.write('a', one, null))
        const kept = stored(await adapter.write('a', two, first.version))
        const before = await adapter.readVersion('a', first.version)
        const made: string[] = []
        const giveUp = async (tx: TransactionalAdapter<T>) => {
          let { version } = kept
          for (const value of [three, two, three]) {
            const written = stored(await able(tx).write('a', value, version))
            demandSame(await able(tx).readVersion('a', written.version), written, 'a transaction sees its own versions')
            version = written.version
            if (value === three) made.push(version)
          }
          throw new Error('given up')
        }
        await rejection(() => adapter.transaction(giveUp), 'a transaction rejects when run does')
        await demandUnknown(adapter, 'a', made)
        demandSame(await adapter.readVersion('a', kept.version), kept, 'the version that is stored is kept')
        const seen = await adapter.readVersion('a', first.version)
        if (before === undefined) demand(seen === undefined, 'a rollback makes no old version readable', seen)
        else demandSame(seen, first, 'a rollback removes no old version')
      },
    }),
  }
}

function versionOf<T>(states: readonly ResourceState<T>[]): string {
  return states.at(-1)?.version ?? ''
}

/** The store decides how long a version is kept. But what it returns must be right. */
async function demandAsItWas<T>(adapter: AbleAdapter<T>, state: ResourceState<T>): Promise<void> {
  const seen = await adapter.readVersion('a', state.version)
  if (seen !== undefined) demandSame(seen, state, 'an old version is given as it was, or not at all')
}

export async function demandUnknown<T>(
  adapter: AbleAdapter<T>,
  key: string,
  versions: readonly string[],
): Promise<void> {
  for (const version of versions) {
    const seen = await adapter.readVersion(key, version)
    demand(seen === undefined, `nothing is kept under ${key} at ${JSON.stringify(version)}`, seen)
  }
}

/** Rules for adapters that say how many versions before the current one they keep. */
export function keptVersionChecks<T>(keepVersions: number): Checks<T> {
  return {
    'so many versions before the current one are kept as they were, and no more': async ({
      adapter,
      second,
      values,
    }) => {
      const written: ResourceState<T>[] = []
      let expected: string | null = null
      // Each value comes back after three writes. Where the version depends on the value, it comes back too, and is one
      // version.
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
