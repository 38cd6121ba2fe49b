import { LOCK } from './documents'
import type { Document, Scope } from './driver'
import type { MongoPlan } from './options'

/**
 * The documents that were replaced, each as it was, with the `_id` that it had as `of`. Positions of one `of` count up by
 * one: who keeps a document holds the lock on it.
 */
export function historyOf({ collection, keepVersions }: NonNullable<MongoPlan<unknown>['history']>) {
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
