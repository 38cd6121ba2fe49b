import type { CompiledQuery, DatabaseConnection } from 'kysely'
import { recogniseStoreError } from '../../conflicts/store-errors'
import type { SqlDialect } from './client'

/** A connection inside a transaction, which notices when the transaction has failed. */
export interface Watched {
  readonly connection: DatabaseConnection
  /** The error after which the transaction can no longer be committed. */
  failure(): unknown
  /** Makes every statement reject, running ones too. */
  cut(): void
  isCut(): boolean
}

/**
 * Notices when a statement has ended the transaction. Anything that the app runs after that does harm: MySQL and SQLite
 * would run it outside the transaction, and PostgreSQL accepts COMMIT without an error but rolls back.
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
        // A driver may never settle a query whose connection was destroyed.
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

/** A rollback, also one to a savepoint. In PostgreSQL it makes a failed transaction usable again. */
const GOES_BACK = /^\s*rollback\b/i

/** In PostgreSQL every error ends the transaction. Elsewhere an error about a value keeps what was done before. */
function endsTransaction(error: unknown, dialect: SqlDialect): boolean {
  if (dialect === 'postgres') return true
  const kind = recogniseStoreError(error)?.kind
  return kind !== 'unique' && kind !== 'reference' && kind !== 'check' && kind !== 'lock-timeout'
}
