import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { storeFault } from '../../contracts/store-fault'
import { LOCK } from './documents'
import {
  type Document,
  hasLabel,
  type MongoClient,
  type MongoCollection,
  type MongoSession,
  mongoFault,
  type Scope,
} from './driver'

/** An open transaction. */
export interface MongoTransaction {
  readonly scope: Required<Scope>
  /** The session, which the app passes to its own calls as `{ session }`. */
  handle(): MongoSession
  /** Runs a call of the adapter. It rejects at once when the transaction is abandoned. */
  call<R>(run: () => Promise<R>): Promise<R>
  abandon(): void
}

/** How long a transaction waits for another one that has locked the first document that it reads. */
const LONGEST_WAIT_MS = 5000
const COMMIT_TRIES = 3

const TERMS = { readConcern: { level: 'snapshot' }, writeConcern: { w: 'majority' }, readPreference: 'primary' }

/**
 * Inside a transaction, MongoDB does not wait: an operation on a document that another transaction has changed fails.
 * So `find` locks what it reads by changing it. If that fails on the very first call, the transaction begins again.
 */
export function transactionsOn(client: MongoClient, collection: MongoCollection, who: string) {
  return async function transact<R>(run: (transaction: MongoTransaction) => Promise<R>): Promise<R> {
    const session = client.startSession()
    const gate = gateOf(who)
    const locks = locksOn(collection, session, gate)
    let isCommitting = false
    session.startTransaction(TERMS)
    try {
      const result = await run({
        scope: { session, find: locks.find, written: locks.written },
        handle: () => {
          locks.begun()
          return session
        },
        call: (call) => gate.pass(call).catch((error: unknown) => Promise.reject(mongoFault(error, who, 'no'))),
        abandon: () => {
          gate.close()
          session.abortTransaction().catch(ignore)
        },
      })
      await gate.pass(() => locks.release()).catch((error: unknown) => Promise.reject(mongoFault(error, who, 'no')))
      gate.close()
      isCommitting = true
      await commit(session, who)
      return result
    } catch (error) {
      const wasOpen = gate.close()
      if (wasOpen && !isCommitting) await session.abortTransaction().catch(ignore)
      throw error
    } finally {
      // This ends whatever is still open. It is not awaited, because the server may not answer any more.
      session.endSession().catch(ignore)
    }
  }
}

async function commit(session: MongoSession, who: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await session.commitTransaction()
      return
    } catch (error) {
      const isUnknown = hasLabel(error, 'UnknownTransactionCommitResult')
      if (isUnknown && tries < COMMIT_TRIES) continue
      const applied = hasLabel(error, 'TransientTransactionError') && !isUnknown ? 'no' : 'unknown'
      const fault = mongoFault(error, who, applied)
      throw fault === error ? storeFault(error, { applied }) : fault
    }
  }
}

type Gate = ReturnType<typeof gateOf>

/** Once closed, it lets no call through, and running calls reject. */
function gateOf(who: string) {
  let isOpen = true
  let reject: (error: unknown) => void = ignore
  const closed = new Promise<never>((_, rejectIt) => {
    reject = rejectIt
  })
  closed.catch(ignore)
  const over = () => storeFault(new Error(`${who}: the transaction is over.`), { applied: 'no' })
  return {
    isOpen: () => isOpen,
    pass: <R>(call: () => Promise<R>): Promise<R> => (isOpen ? Promise.race([call(), closed]) : Promise.reject(over())),
    close(): boolean {
      const wasOpen = isOpen
      isOpen = false
      reject(over())
      return wasOpen
    },
  }
}

function locksOn(collection: MongoCollection, session: MongoSession, gate: Gate) {
  let isFresh = true
  /** Documents that are locked and not written since, by their `_id` as text. */
  const held = new Map<string, unknown>()

  /** The mark is new each time, because a change that changes nothing locks nothing. */
  async function lock(id: unknown): Promise<Document | undefined> {
    const mark = { $set: { [LOCK]: randomUUID() } }
    const found = await collection.findOneAndUpdate({ _id: id }, mark, { session, returnDocument: 'before' })
    isFresh = false
    if (found) held.set(String(id), id)
    return (found as Document | null) ?? undefined
  }

  return {
    begun(): void {
      isFresh = false
    },

    async find(id: unknown): Promise<Document | undefined> {
      const until = performance.now() + LONGEST_WAIT_MS
      for (let longest = 4; ; longest = Math.min(longest * 2, 64)) {
        try {
          return await lock(id)
        } catch (error) {
          const isAgain = isFresh && hasLabel(error, 'TransientTransactionError') && performance.now() < until
          if (!isAgain) throw error
          await session.abortTransaction().catch(ignore)
          await wait(Math.random() * longest)
          if (!gate.isOpen()) throw error
          session.startTransaction(TERMS)
        }
      }
    },

    written(id: unknown): void {
      held.delete(String(id))
    },

    /** Removes the marks, so that documents that were only read stay as they were. */
    async release(): Promise<void> {
      if (held.size === 0) return
      await collection.updateMany({ _id: { $in: [...held.values()] } }, { $unset: { [LOCK]: '' } }, { session })
    },
  }
}

function ignore(): void {}
