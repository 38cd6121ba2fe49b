import { recogniseStoreError } from '../../conflicts/store-errors'
import type {
  RemoveResult,
  ResourceAdapter,
  ResourceState,
  TransactionalAdapter,
  WriteResult,
} from '../../contracts/adapter'
import { laterDate } from '../../timing/later-date'
import { documentsOf, isDate, LOCK, nextVersions } from './documents'
import {
  type Document,
  MOST_TRIES,
  type MongoSession,
  mongoFault,
  optionsOf,
  retried,
  type Scope,
  unfit,
} from './driver'
import { type MongoAdapterOptions, type MongoPlan, mongoPlan } from './options'
import { transactionsOn } from './transactions'

/** A `ResourceAdapter` that always has `write` and `remove`. */
export interface MongoAdapter<T> extends ResourceAdapter<T, MongoSession> {
  readonly write: NonNullable<ResourceAdapter<T>['write']>
  readonly remove: NonNullable<ResourceAdapter<T>['remove']>
}

const WHO = 'mongoAdapter()'

/**
 * Keeps each resource in a document of MongoDB, whose `_id` is the key. A write is one `replaceOne` whose filter names
 * the version, so the server decides races. For a creation that came second, the server reports error 11000.
 */
export function mongoAdapter<T>(options: MongoAdapterOptions<T>): MongoAdapter<T> {
  const plan = mongoPlan(options)
  const { collection, client, history } = plan
  const operations = operationsOf(plan)
  const transact = client && transactionsOn(client, collection, WHO)

  const alone: Scope = {
    find: async (id) => ((await collection.findOne({ _id: id }, optionsOf({}))) as Document | null) ?? undefined,
  }
  const asked = <R>(run: (scope: Scope) => Promise<R>) => retried(() => run(alone), WHO)
  /** The old state is kept and replaced in one transaction. */
  const changed = <R>(run: (scope: Scope) => Promise<R>): Promise<R> =>
    history && transact ? retried(() => transact(({ scope, call }) => call(() => run(scope))), WHO) : asked(run)

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

type Change = (where: Document, at: Date) => Promise<{ matchedCount?: number }>

/** The methods of an adapter in a given scope. Errors are passed on as the driver throws them, or as a store fault. */
export function operationsOf<T>(plan: MongoPlan<T>) {
  const { collection, version, lastModified, softDelete, now } = plan
  const { idOf, versionFilter, stateOf, membersOf, refusedMembers } = documentsOf(plan)
  const history = plan.history && historyOf(plan.history)
  const following = nextVersions(version.type)

  async function read(scope: Scope, key: string): Promise<ResourceState<T> | undefined> {
    const id = idOf(key)
    const document = id === undefined ? undefined : await scope.find(id)
    return document && stateOf(document)
  }

  const dated = (at: Date) => (lastModified === undefined ? {} : { [lastModified]: at })
  const refused = async (scope: Scope, key: string) => ({ ok: false as const, current: await read(scope, key) })

  /** If the server refuses the value, the error names the members that caused it. */
  function told<R>(writing: Promise<R>, value: T): Promise<R> {
    return writing.catch((error: unknown): never => {
      const pointers = refusedMembers(error, value)
      throw pointers.length === 0 ? error : mongoFault(error, WHO, undefined, pointers)
    })
  }

  /** Changes the document if it still has this version. The new date depends on the old one. */
  async function changed(scope: Scope, where: Document, change: Change): Promise<Date | undefined> {
    const at = new Date(now())
    if (lastModified === undefined) return (await change(where, at)).matchedCount ? at : undefined
    const found = (await collection.findOne(where, optionsOf(scope))) as Document | null
    if (!found) return undefined
    const before = found[lastModified]
    const later = new Date(laterDate(isDate(before) ? before.getTime() : undefined, at.getTime()))
    return (await change(where, later)).matchedCount ? later : undefined
  }

  /** Keeps the stored document in the history. `false`: it has another version by now. */
  async function keep(scope: Scope, id: unknown, expected: string): Promise<boolean> {
    if (!history) return true
    const document = await scope.find(id)
    if (!document || stateOf(document).version !== expected) return false
    await history.keep(scope, document)
    return true
  }

  async function replace(scope: Scope, key: string, value: T, expected: string): Promise<WriteResult<T>> {
    const members = membersOf(value)
    const [id, filter] = [idOf(key), versionFilter(expected)]
    if (id === undefined || filter === undefined) return refused(scope, key)
    if (!(await keep(scope, id, expected))) return refused(scope, key)
    const next = following(expected)
    const made = (at: Date) => ({ ...members, [version.field]: next, ...dated(at) })
    const replacing: Change = (where, at) => told(collection.replaceOne(where, made(at), optionsOf(scope)), value)
    const at = await changed(scope, { _id: id, ...filter }, replacing)
    if (!at) return refused(scope, key)
    scope.written?.(id)
    return { ok: true, state: stateOf({ _id: id, ...made(at) }) }
  }

  async function insert(scope: Scope, key: string, value: T): Promise<WriteResult<T>> {
    const members = membersOf(value)
    const id = idOf(key)
    if (id === undefined) throw unfit(`${JSON.stringify(key)} is no ObjectId.`)
    // Read first, because inside a transaction a duplicate key would end the transaction.
    const seen = scope.session && (await read(scope, key))
    if (seen) return { ok: false, current: seen }
    for (let tries = 1; ; tries++) {
      const document = { _id: id, ...members, [version.field]: following(null), ...dated(new Date(now())) }
      try {
        await told(collection.insertOne(document, optionsOf(scope)), value)
        return { ok: true, state: stateOf(document) }
      } catch (error) {
        if (scope.session || recogniseStoreError(error)?.kind !== 'unique') throw error
        const current = await read(scope, key)
        if (current) return { ok: false, current }
        // Another client created the key and removed it again, or another unique index is in the way.
        if (tries === MOST_TRIES) throw error
      }
    }
  }

  async function remove(scope: Scope, key: string, expected: string): Promise<RemoveResult<T>> {
    const [id, filter] = [idOf(key), versionFilter(expected)]
    if (id === undefined || filter === undefined) return refused(scope, key)
    const where = { _id: id, ...filter }
    if (softDelete !== undefined) {
      const mark = { [softDelete]: new Date(now()), [version.field]: following(expected) }
      const burying: Change = (found, at) =>
        collection.updateOne(found, { $set: { ...mark, ...dated(at) } }, optionsOf(scope))
      const isBuried = (await keep(scope, id, expected)) && (await changed(scope, where, burying))
      return isBuried ? { ok: true } : refused(scope, key)
    }
    const { deletedCount } = await collection.deleteOne(where, optionsOf(scope))
    if (!deletedCount) return refused(scope, key)
    scope.written?.(id)
    await history?.forget(scope, id)
    return { ok: true }
  }

  async function readVersion(scope: Scope, key: string, wanted: string): Promise<ResourceState<T> | undefined> {
    const id = idOf(key)
    const document = id === undefined ? undefined : await scope.find(id)
    if (!document) return undefined
    const current = stateOf(document)
    if (current.version === wanted) return current
    const filter = versionFilter(wanted)
    const kept = filter && (await history?.find(scope, id, filter))
    return kept && stateOf(kept)
  }

  return {
    read,
    write: (scope: Scope, key: string, value: T, expected: string | null) =>
      expected === null ? insert(scope, key, value) : replace(scope, key, value, expected),
    remove,
    readVersion,
  }
}

/**
 * Keeps replaced documents unchanged, with their old `_id` as `of`. The positions of one `of` count up by one, because
 * the caller has locked the document.
 */
function historyOf({ collection, keepVersions }: NonNullable<MongoPlan<unknown>['history']>) {
  return {
    async keep({ session }: Scope, { [LOCK]: _, ...document }: Document): Promise<void> {
      const of = document._id
      const newest = { session, sort: { position: -1 }, projection: { position: 1 } }
      const last = (await collection.findOne({ of }, newest)) as { position?: number } | null
      const position = (last?.position ?? 0) + 1
      await collection.insertOne({ of, position, document }, { session })
      await collection.deleteMany({ of, position: { $lte: position - keepVersions } }, { session })
    },

    async find({ session }: Scope, of: unknown, version: Document): Promise<Document | undefined> {
      const there = Object.entries(version).map(([field, wanted]) => [`document.${field}`, wanted])
      const found = await collection.findOne({ of, ...Object.fromEntries(there) }, { session })
      return (found as { document: Document } | null)?.document
    },

    async forget({ session }: Scope, of: unknown): Promise<void> {
      await collection.deleteMany({ of }, { session })
    },
  }
}
