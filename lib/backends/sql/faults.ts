import { mendOf } from '../../conflicts/store-error-shape'
import { recogniseStoreError, type StoreError } from '../../conflicts/store-errors'
import { isStoreFault, storeFault } from '../../contracts/store-fault'
import { formatPointer } from '../../json/pointer'
import { pause } from '../../timing/pause'

/** How often a statement is tried that others were in the way of. */
export const MOST_TRIES = 8

const PAUSES = { firstMs: 2, longestMs: 256 }

/**
 * Runs one statement, again where the database says that it only was in another's way: nothing was written then, and the
 * contract knows no race that rejects.
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

/** Runs one statement, once: in a transaction that an error has ended, a second time would never succeed. */
export async function answered<R>(run: () => Promise<R>, who: string): Promise<R> {
  return run().catch((error: unknown) => {
    throw isStoreFault(error) ? error : faultOf(error, recogniseStoreError(error), who)
  })
}

function isInTheWay({ kind }: StoreError, error: unknown): boolean {
  if (kind === 'serialization' || kind === 'deadlock') return true
  return kind === 'busy' && codeOf(error).startsWith('SQLITE_')
}

/** Without the driver's text, which quotes values and SQL. It is the cause, for those who look. */
export function faultOf(
  error: unknown,
  known: StoreError | undefined,
  who: string,
  applied: 'no' | 'unknown' = known?.applied ?? 'unknown',
): unknown {
  // Not of a database: a mistake in the call, which must not look like a fault of the back end.
  if (!known) return error
  const said = known.kind === 'mistake' ? mendOf(error) : `${known.kind} (${codeOf(error)})`
  return storeFault(new Error(`${who}: ${said}`, { cause: error }), { applied })
}

/** As `faultOf`, of a value that was refused for what these members hold. */
export function refusalOf(error: unknown, pointers: readonly string[], who: string): unknown {
  if (pointers.length === 0) return error
  return storeFault(faultOf(error, recogniseStoreError(error), who), { applied: 'no', pointers })
}

function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : 'no code'
}

/**
 * The request is at fault, not the database: a key or a value that the table cannot hold. It has the shape of what
 * PostgreSQL says then, and is recognised like it.
 */
export function unstorable(what: string, who: string, member?: string): Error {
  const pointers = member === undefined ? [] : [formatPointer([member])]
  return asPostgresSaysIt('22000', what, who, pointers)
}

/** A unique index of the database takes for the same what is not. */
export function takenByAnother(what: string, who: string): Error {
  return asPostgresSaysIt('23505', what, who)
}

/** A row policy or a trigger lets the change pass by without a word: it is refused as a policy refuses that speaks. */
export function forbidden(what: string, who: string): Error {
  return asPostgresSaysIt('42501', `${what}: a row policy or a trigger keeps it from that.`, who)
}

function asPostgresSaysIt(code: string, what: string, who: string, pointers: readonly string[] = []): Error {
  const cause = Object.assign(new Error(`${who}: ${what}`), { code, severity: 'ERROR' })
  return storeFault(cause, { applied: 'no', pointers })
}
