import { mendOf } from '../../conflicts/store-error-shape'
import { recogniseStoreError, type StoreError } from '../../conflicts/store-errors'
import { isStoreFault, storeFault } from '../../contracts/store-fault'
import { formatPointer } from '../../json/pointer'
import { pause } from '../../timing/pause'

/** How often a statement is tried in all, when other statements get in its way. */
export const MOST_TRIES = 8

const PAUSES = { firstMs: 2, longestMs: 256 }

/**
 * Runs one statement, and tries it again when the database says that another one was in its way. Nothing was written
 * then, and the contract does not let a lost race reject.
 */
export async function retried<R>(run: () => Promise<R>, who: string): Promise<R> {
  for (let tries = 1; ; tries++) {
    try {
      return await run()
    } catch (error) {
      if (isStoreFault(error)) throw error
      const known = recogniseStoreError(error)
      if (!known || !isInTheWay(known, error) || tries >= MOST_TRIES) throw faultOf(error, known, who)
      await pause(tries, PAUSES)
    }
  }
}

/** Runs one statement, once. In a transaction that an error has ended, a second try could never succeed. */
export async function answered<R>(run: () => Promise<R>, who: string): Promise<R> {
  return run().catch((error: unknown) => {
    throw isStoreFault(error) ? error : faultOf(error, recogniseStoreError(error), who)
  })
}

function isInTheWay({ kind }: StoreError, error: unknown): boolean {
  if (kind === 'serialization' || kind === 'deadlock') return true
  // node:sqlite has one code for all errors.
  return kind === 'busy' && /^(?:ERR_)?SQLITE_/.test(codeOf(error))
}

/** A fault without the driver's message, which quotes values and SQL. The original error is its `cause`. */
export function faultOf(
  error: unknown,
  known: StoreError | undefined,
  who: string,
  applied: 'no' | 'unknown' = known?.applied ?? 'unknown',
  pointers?: readonly string[],
): unknown {
  // Not an error of the database but a mistake in the call, which must not look like a fault of the back end.
  if (!known) return error
  const said = known.kind === 'mistake' ? mendOf(error) : `${known.kind} (${codeOf(error)})`
  return storeFault(new Error(`${who}: ${said}`, { cause: error }), { applied, pointers })
}

/** Like `faultOf`, for a value that was refused because of these members. */
export function refusalOf(error: unknown, pointers: readonly string[], who: string): unknown {
  return pointers.length === 0 ? error : faultOf(error, recogniseStoreError(error), who, 'no', pointers)
}

function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : 'no code'
}

/**
 * The request is at fault, not the database: the table cannot hold this key or value. The error has the form that
 * PostgreSQL gives such an error, so it is recognised like one.
 */
export function unstorable(what: string, who: string, member?: string): Error {
  const pointers = member === undefined ? [] : [formatPointer([member])]
  return asPostgresSaysIt('22000', what, who, pointers)
}

/** A unique index of the database treats two different keys as the same one. */
export function takenByAnother(what: string, who: string): Error {
  return asPostgresSaysIt('23505', what, who)
}

/** A row policy or a trigger silently keeps a row from changing. It is refused like a policy that raises an error. */
export function forbidden(what: string, who: string): Error {
  return asPostgresSaysIt('42501', `${what}: a row policy or a trigger keeps it from that.`, who)
}

function asPostgresSaysIt(code: string, what: string, who: string, pointers: readonly string[] = []): Error {
  const cause = Object.assign(new Error(`${who}: ${what}`), { code, severity: 'ERROR' })
  return storeFault(cause, { applied: 'no', pointers })
}
