import type { ResourceState, TransactionalAdapter, WriteResult } from '../../contracts/adapter'
import { demand, rejection } from '../kit'
import { countOnce, demandChain, type Entry } from './races'
import { type Abilities, type AbleAdapter, able, type Checks, demandSame, present, refused, stored } from './trial'

/** What nobody outside a transaction may see or do before it ends. */
export function isolationChecks<T>({ remove, create, tombstones }: Abilities): Checks<T> {
  return {
    'what a transaction did is seen inside, and by nobody else before it is committed': async (trial) => {
      const { adapter, second, values } = trial
      const kept = stored(await adapter.write('a', values[0], null))
      const early: [key: string, state: ResourceState<T> | undefined][] = []
      let isOver = false
      const look = (key: string) =>
        second.read(key).then((state) => {
          if (!isOver) early.push([key, state])
        })
      const looks = await adapter.transaction(async (tx) => {
        const next = stored(await able(tx).write('a', values[1], kept.version))
        const made = stored(await able(tx).write('b', values[2], null))
        demandSame(await tx.read('a'), next, 'a transaction sees its own writes')
        demandSame(await tx.read('b'), made, 'a transaction sees what it created')
        const begun = [look('a'), look('b')]
        await linger(tx)
        isOver = true
        // A read that waited for the commit and then sees the result is isolated too.
        return { begun }
      })
      await Promise.allSettled(looks.begun)
      for (const [key, state] of early) {
        const rule = `what a transaction has not committed is seen by nobody else, here "${key}"`
        if (key === 'a') demandSame(state, kept, rule)
        else demand(state === undefined, rule, state)
      }
    },

    'nobody writes between a read and a write of a transaction': async ({ adapter, second, values, rounds }) => {
      const [one, two, three] = values
      for (let round = 0; round < rounds; round++) {
        const first = stored(await adapter.write(`${round}`, one, null))
        const { made, outside } = await adapter.transaction(async (tx) => {
          const read = present(await tx.read(`${round}`))
          const writing: Promise<WriteResult<T> | undefined> = second
            .write(`${round}`, two, read.version)
            // A writer that is told to try again has written nothing.
            .catch(() => undefined)
          await linger(tx)
          const rule = 'a transaction can write what it has read: nobody else writes it before the transaction ends'
          return { made: stored(await able(tx).write(`${round}`, three, first.version), rule), outside: { writing } }
        })
        const late = await outside.writing
        if (late)
          demandSame(
            refused(late, 'a writer that waited for a transaction is refused because of what it wrote'),
            made,
            'the refusal names what the transaction wrote',
          )
        demandSame(await adapter.read(`${round}`), made, 'what the transaction wrote is stored')
      }
    },

    'of several transactions that create one key exactly one succeeds': async (trial) => {
      const { adapter, second, values, rounds, writers } = trial
      for (let round = 0; round < rounds; round++) {
        const create = async (tx: TransactionalAdapter<T>, value: T) => {
          const seen = await tx.read(`${round}`)
          return seen === undefined ? able(tx).write(`${round}`, value, null) : { ok: false as const, current: seen }
        }
        const calls = Array.from({ length: writers }, (_, index) =>
          (index % 2 === 0 ? adapter : second).transaction((tx) => create(tx, values[index % 3] as T)),
        )
        const settled = await Promise.allSettled(calls)
        const winners = settled.filter((result) => result.status === 'fulfilled' && result.value.ok)
        demand(winners.length === 1, 'exactly one of several transactions creates', settled)
        present(await adapter.read(`${round}`), 'what it created is stored')
      }
    },

    'a transaction that is over carries nothing out': async ({ adapter, values: [one, two] }) => {
      const ended: TransactionalAdapter<T>[] = []
      const first = await adapter.transaction(async (tx) => {
        ended.push(tx)
        return stored(await able(tx).write('a', one, null))
      })
      const late = async () => {
        for (const tx of ended) await able(tx).write('a', two, first.version)
      }
      await rejection(late, 'a write by a transaction that is over rejects')
      demandSame(await adapter.read('a'), first, 'and it changes nothing')
    },

    'a transaction that was given up is rolled back, and others go on': async ({ adapter, values: [one, two] }) => {
      const kept = stored(await adapter.write('a', one, null))
      const answers: unknown[] = []
      const giveUp = async (tx: TransactionalAdapter<T>) => {
        stored(await able(tx).write('a', two, kept.version))
        tx.abandon?.()
        // Without `abandon`, `run` can only reject.
        if (!tx.abandon) throw new Error('given up')
        const read = tx.read('a')
        await read.then(
          (state) => answers.push(state),
          () => {},
        )
      }
      await rejection(() => adapter.transaction(giveUp), 'a transaction that was given up rejects')
      demand(answers.length === 0, 'nothing is carried out by a transaction that was given up', answers)
      demandSame(await adapter.read('a'), kept, 'a transaction that was given up changed nothing')
      const next = await adapter.transaction(async (tx) => stored(await able(tx).write('a', two, kept.version)))
      demandSame(await adapter.read('a'), next, 'another transaction goes on')
    },

    ...(remove && {
      'a removal in a transaction is seen inside, and undone with it': async ({ adapter, values: [one] }) => {
        const kept = stored(await adapter.write('a', one, null))
        const reason = new Error('given up')
        const removeIt = async (tx: TransactionalAdapter<T>) => {
          await able(tx).remove('a', kept.version)
          const seen = await tx.read('a')
          demand(tombstones ? seen?.gone === true : seen === undefined, 'a transaction sees its own removal', seen)
          throw reason
        }
        const error = await rejection(() => adapter.transaction(removeIt), 'a transaction rejects when run does')
        demand(error === reason, 'a transaction rejects with what run rejected with', error)
        demandSame(await adapter.read('a'), kept, 'a removal is rolled back with its transaction')
      },
    }),

    ...(create && {
      'what a transaction created is gone when it is rolled back': async ({ adapter, second, values: [one, two] }) => {
        const made: string[] = []
        const createIt = async (tx: TransactionalAdapter<T>) => {
          const { key, state } = await able(tx).create(one)
          made.push(key)
          demandSame(await tx.read(key), state, 'a transaction sees what it created')
          throw new Error('given up')
        }
        await rejection(() => adapter.transaction(createIt), 'a transaction rejects when run does')
        for (const key of made) {
          const seen = await second.read(key)
          demand(seen === undefined, 'what was created is rolled back with its transaction', seen)
        }
        const kept = await adapter.transaction(async (tx) => able(tx).create(two))
        demandSame(await second.read(kept.key), kept.state, 'what was created is stored with its transaction')
      },
    }),
  }
}

/** Gives work outside the transaction time to finish, or to begin waiting. */
async function linger<T>(tx: TransactionalAdapter<T>): Promise<void> {
  for (let step = 0; step < 5; step++) await tx.read('another')
}

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
        // A serialization failure or a deadlock may reject some of them, but never all.
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
    demand(entry !== undefined, 'a transaction can write what it has read', entry)
    return entry
  })
}
