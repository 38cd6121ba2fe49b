import { recogniseStoreError } from '../../conflicts/store-errors'
import { isStoreFault, storeFault } from '../../contracts/store-fault'
import type { Execute } from './client'
import { attempted, faultOf } from './faults'
import { type Source, type SqlTransaction, type Stage, staged } from './staged'

export type { SqlTransaction } from './staged'

export type Transact = <R>(run: (transaction: SqlTransaction) => Promise<R>) => Promise<R>

/** What `run` rejects with comes through as it is; an error of ours is a store fault that says what may have been written. */
export function transactionsOn(source: Source): Transact {
  const { who } = source
  return async (run) => {
    let stage = 'unsent' as Stage
    try {
      // Nothing has been read yet: where another process is at work it can simply be tried again.
      return await staged(source, run, {
        begin: (step) => attempted(step, who),
        at: (now) => {
          stage = now
        },
      })
    } catch (error) {
      if (stage === 'run') throw error
      if (isStoreFault(error)) throw error
      const known = recogniseStoreError(error)
      if (stage === 'unsent') throw faultOf(error, known, who, 'no')
      throw known ? faultOf(error, known, who) : storeFault(error, { applied: 'unknown' })
    }
  }
}

export type Atomically = <R>(run: (execute: Execute) => Promise<R>) => Promise<R>

/**
 * A change of ours that takes several statements. Errors come as they are, so that all of it can be tried again where it
 * was only in another's way; but a connection that was lost before COMMIT was sent has written nothing.
 */
export function changesOn(source: Source): Atomically {
  return async (run) => {
    let stage = 'unsent' as Stage
    try {
      return await staged(source, ({ execute }) => run(execute), {
        begin: (step) => step(),
        at: (now) => {
          stage = now
        },
      })
    } catch (error) {
      const known = stage === 'sent' || isStoreFault(error) ? undefined : recogniseStoreError(error)
      throw known?.applied === 'unknown' ? faultOf(error, known, source.who, 'no') : error
    }
  }
}
