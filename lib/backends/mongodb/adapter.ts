import type { ResourceAdapter, TransactionalAdapter } from '../../contracts/adapter'
import { type Document, type MongoSession, optionsOf, type Scope } from './driver'
import { attempted } from './faults'
import { operationsOf } from './operations'
import { type MongoAdapterOptions, mongoPlan } from './options'
import { transactionsOn } from './transactions'

/** What `mongoAdapter` makes: it writes and removes. */
export interface MongoAdapter<T> extends ResourceAdapter<T, MongoSession> {
  readonly write: NonNullable<ResourceAdapter<T>['write']>
  readonly remove: NonNullable<ResourceAdapter<T>['remove']>
}

const WHO = 'mongoAdapter()'

/**
 * Keeps each resource in a document of MongoDB, whose `_id` is the key. A write is one `replaceOne` whose filter names
 * the version, and what it matched decides races; a creation that came second is what the server calls 11000.
 */
export function mongoAdapter<T>(options: MongoAdapterOptions<T>): MongoAdapter<T> {
  const plan = mongoPlan(options)
  const { collection, client, history } = plan
  const operations = operationsOf(plan)
  const transact = client && transactionsOn(client, collection, WHO)

  const alone: Scope = {
    find: async (id) => ((await collection.findOne({ _id: id }, optionsOf({}))) as Document | null) ?? undefined,
  }
  const asked = <R>(run: (scope: Scope) => Promise<R>) => attempted(() => run(alone), WHO)
  /** What is kept and what replaces it are one change. */
  const changed = <R>(run: (scope: Scope) => Promise<R>): Promise<R> =>
    history && transact ? attempted(() => transact(({ scope, call }) => call(() => run(scope))), WHO) : asked(run)

  return {
    read: (key) => asked((scope) => operations.read(scope, key)),
    write: (key, value, expected) => changed((scope) => operations.write(scope, key, value, expected)),
    remove: (key, expected) => changed((scope) => operations.remove(scope, key, expected)),
    ...(history && {
      readVersion: (key: string, version: string) => asked((scope) => operations.readVersion(scope, key, version)),
    }),
    ...(transact && {
      transaction: <R>(run: (tx: TransactionalAdapter<T, MongoSession>) => Promise<R>) =>
        transact(({ scope, handle, call, abandon }) =>
          run({
            get transactionHandle() {
              return handle()
            },
            abandon,
            read: (key) => call(() => operations.read(scope, key)),
            write: (key, value, expected) => call(() => operations.write(scope, key, value, expected)),
            remove: (key, expected) => call(() => operations.remove(scope, key, expected)),
            ...(history && {
              readVersion: (key: string, version: string) => call(() => operations.readVersion(scope, key, version)),
            }),
          }),
        ),
    }),
  }
}
