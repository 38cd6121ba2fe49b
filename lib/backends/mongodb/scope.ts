import type { Document, MongoSession } from './driver'

/** What a call runs in, and how it looks at a document. */
export interface Scope {
  readonly session?: MongoSession
  /** Gives the document of an id; inside a transaction it locks it, too. */
  find(id: unknown): Promise<Document | undefined>
  /** What was written has lost its lock's mark, or is gone. */
  written?(id: unknown): void
}

/** From the primary: what a secondary gives may be older than what the client has seen already. */
export function optionsOf({ session }: Pick<Scope, 'session'>): object {
  return session ? { session } : { readPreference: 'primary' }
}
