import type { ExpiringStore } from '../../contracts/store'
import { demand, rejection } from '../kit'
import { type Checks, created, demandNothing, demandRead, LONG_MS } from './trial'

/** Begins a transaction of the store's database, and commits it when `run` resolves. */
export type Transact = (run: (transaction: unknown) => Promise<void>) => Promise<void>

export function transactionChecks(transact: Transact): Checks {
  const inTransaction = (store: ExpiringStore, work: (within: ExpiringStore) => Promise<void>) =>
    transact((transaction) => {
      demand(store.within !== undefined, 'a store with transactions has within()', store.within)
      return work(store.within(transaction))
    })

  return {
    'what a transaction did is stored when it is committed': async ({ store, second }) => {
      await created(store, 'replaced', 'one')
      await created(store, 'removed', 'one')
      await inTransaction(store, async (within) => {
        await created(within, 'created', 'one')
        await demandRead(within, 'created', 'one', 'a transaction sees what it did')
        demand(await within.replace('replaced', 'one', 'two', LONG_MS), 'a transaction can replace', false)
        demand(await within.remove('removed', 'one'), 'a transaction can remove', false)
      })
      await demandRead(second, 'created', 'one', 'what a transaction created is there')
      await demandRead(second, 'replaced', 'two', 'what a transaction replaced is there')
      await demandNothing(second, 'removed', 'what a transaction removed is gone')
    },

    'a rollback undoes what the transaction did': async ({ store, second }) => {
      await created(store, 'replaced', 'one')
      await created(store, 'removed', 'one')
      const reason = new Error('given up')
      const work = inTransaction(store, async (within) => {
        await created(within, 'created', 'one')
        await within.replace('replaced', 'one', 'two', LONG_MS)
        await within.remove('removed', 'one')
        throw reason
      })
      const error = await rejection(() => work, 'a transaction rejects when its work does')
      demand(error === reason, 'a transaction rejects with what its work rejected with', error)
      await demandNothing(second, 'created', 'what a transaction created is gone when it was rolled back')
      await demandRead(second, 'replaced', 'one', 'what a transaction replaced is back')
      await demandRead(second, 'removed', 'one', 'what a transaction removed is back')
    },

    'a transaction is refused what anybody else would be, and goes on': async ({ store, second }) => {
      await created(store, 'a', 'one')
      await inTransaction(store, async (within) => {
        const again = await within.create('a', 'two', LONG_MS)
        demand(again === false, 'create gives false where a record is', again)
        const other = await within.replace('a', 'two', 'three', LONG_MS)
        demand(other === false, 'replace gives false where the record is another one', other)
        await created(within, 'b', 'one')
      })
      await demandRead(second, 'a', 'one', 'a refusal changes nothing')
      await demandRead(second, 'b', 'one', 'a transaction goes on after a refusal')
    },
  }
}
