import type { CompiledQuery, DatabaseConnection } from 'kysely'
import { recogniseStoreError } from '../../conflicts/store-errors'
import type { SqlDialect } from './client'

/** A connection inside a transaction, and what has become of it. */
export interface Watched {
  readonly connection: DatabaseConnection
  /** Why the transaction cannot be committed any more, if it cannot. */
  failure(): unknown
  /** Every statement, under way or to come, rejects. */
  cut(): void
  isCut(): boolean
}

/**
 * Notices when a statement has ended the transaction, because what the app runs after it does harm: MySQL and SQLite
 * would carry it out on its own, and PostgreSQL accepts COMMIT without an error and rolls back.
 */
export function watched(inner: DatabaseConnection, dialect: SqlDialect): Watched {
  let failure: { readonly error: unknown } | undefined
  let rejectAll: (error: Error) => void = () => {}
  const cut = new Promise<never>((_, reject) => {
    rejectAll = reject
  })
  cut.catch(() => {})
  let isCut = false

  const connection: DatabaseConnection = {
    async executeQuery<R>(query: CompiledQuery) {
      const goesBack = GOES_BACK.test(query.sql)
      if (failure && !(goesBack && !isCut)) throw failure.error
      try {
        // A driver whose connection is destroyed may forget to tell who waits for an answer.
        const result = await Promise.race([inner.executeQuery<R>(query), cut])
        if (goesBack) failure = undefined
        return result
      } catch (error) {
        if (endsTransaction(error, dialect)) failure ??= { error }
        throw error
      }
    },
    async *streamQuery<R>(query: CompiledQuery, chunkSize?: number) {
      if (failure) throw failure.error
      yield* inner.streamQuery<R>(query, chunkSize)
    },
  }

  return {
    connection,
    failure: () => failure?.error,
    cut() {
      const error = new Error('The transaction was given up: the request took too long.')
      isCut = true
      failure = { error }
      rejectAll(error)
    },
    isCut: () => isCut,
  }
}

/** In PostgreSQL it makes the transaction good again. */
const GOES_BACK = /^\s*rollback\b/i

/** In PostgreSQL every error does; elsewhere one about a value leaves what was done before as it is. */
function endsTransaction(error: unknown, dialect: SqlDialect): boolean {
  if (dialect === 'postgres') return true
  const kind = recogniseStoreError(error)?.kind
  return kind !== 'unique' && kind !== 'reference' && kind !== 'check' && kind !== 'lock-timeout'
}
