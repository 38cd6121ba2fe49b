import type { TransactionalAdapter } from '../../contracts/adapter'
import { demand, rejection } from '../demand'
import { countOnce, demandChain, type Entry } from './races'
import { type AbleAdapter, able, type Checks, demandSame, refused, stored } from './trial'

export function transactionChecks<T>({ remove }: { remove: boolean }): Checks<T> {
  return {
    'a transaction that resolves is committed, and gives what run gives': async ({ adapter, second, values }) => {
      const made = await adapter.transaction(async (tx) => {
        demand(tx.transactionHandle !== undefined, 'a transaction has a transactionHandle', tx.transactionHandle)
        const written = stored(await able(tx).write('a', values[0], null))
        demandSame(await tx.read('a'), written, 'a transaction sees its own writes')
        return written
      })
      demandSame(await second.read('a'), made, 'what a transaction wrote is stored when it resolved')
    },

    'a transaction that rejects is rolled back, and rejects with the same error': async ({ adapter, values }) => {
      const [one, two, three] = values
      const kept = stored(await adapter.write('a', one, null))
      const reason = new Error('given up')
      const giveUp = async (tx: TransactionalAdapter<T>) => {
        const written = stored(await able(tx).write('a', two, kept.version))
        stored(await able(tx).write('b', three, null))
        if (remove) await able(tx).remove('a', written.version)
        throw reason
      }
      const error = await rejection(() => adapter.transaction(giveUp), 'a transaction rejects when run does')
      demand(error === reason, 'a transaction rejects with what run rejected with', error)
      demandSame(await adapter.read('a'), kept, 'a transaction that rejected changed nothing')
      const seen = await adapter.read('b')
      demand(seen === undefined, 'a transaction that rejected created nothing', seen)
    },

    'a transaction refuses an old version, and goes on': async ({ adapter, values: [one, two, three] }) => {
      const first = stored(await adapter.write('a', one, null))
      const next = stored(await adapter.write('a', two, first.version))
      const last = await adapter.transaction(async (tx) => {
        const current = refused(await able(tx).write('a', three, first.version), 'an old version is refused')
        demandSame(current, next, 'a refusal names what is stored now')
        return stored(await able(tx).write('a', three, next.version))
      })
      demandSame(await adapter.read('a'), last, 'a transaction goes on after a refusal')
    },
  }
}

export function freshTransactionChecks<T>(): Checks<T> {
  return {
    'several transactions that count at once lose no count': async ({ adapter, second, values, rounds, writers }) => {
      const first = stored(await adapter.write('a', values[0], null))
      const entries: Entry[] = []
      for (let round = 0; round < rounds; round++) {
        const settled = await Promise.allSettled(
          Array.from({ length: writers }, (_, index) => countInTransaction(index % 2 === 0 ? adapter : second, values)),
        )
        // A serialization failure or a deadlock may reject some of them, never all.
        const committed = settled.filter((result) => result.status === 'fulfilled')
        demand(committed.length > 0, 'of several transactions at once some are committed', settled)
        entries.push(...committed.map(({ value }) => value))
      }
      demandChain(values, first.version, entries, await adapter.read('a'))
    },
  }
}

export function countInTransaction<T>(adapter: AbleAdapter<T>, values: readonly [T, T, T]): Promise<Entry> {
  return adapter.transaction(async (tx) => {
    const entry = await countOnce(able(tx), values)
    demand(entry !== undefined, 'what a transaction has read it can write', entry)
    return entry
  })
}
