import { ConflictError, type ConflictKind } from '../../conflicts/conflicts'
import { recogniseStoreError, type StoreError, type StoreErrorKind } from '../../conflicts/store-errors'
import { isStoreFault } from '../../contracts/store-fault'
import { withDeadline } from '../../timing/deadline'
import { conditionsOf } from '../preconditions/conditions'
import { lostRace } from '../preconditions/lost-race'
import { versionNamedBy } from '../preconditions/named-version'
import { takenKey } from '../preconditions/taken-key'
import { claimOn } from '../request/claimed-request'
import { type GuardedRequest, isDone } from '../request/guarded-request'
import { pointersOf } from './constraint-pointers'

/** What a fault of the back end comes to for the client. What nobody can know is never called a failure. */
export async function storeConflict<T>(
  guarded: GuardedRequest<T>,
  error: unknown,
  during: 'read' | 'write',
): Promise<ConflictError> {
  const known = recogniseStoreError(error)
  // The adapter knows more than the driver's error says.
  const applied = isStoreFault(error) ? error.applied : (known?.applied ?? 'unknown')
  if (!(await isUndone(guarded, applied)) && during === 'write' && applied === 'unknown')
    return unknownOutcome(guarded, error)
  const kind = known?.kind
  if (kind === 'stale') return lostRace(guarded)
  // A read has no value that could be refused: what does not fit is its key, or the statement.
  const refused = known && during !== 'read' ? REFUSED[known.kind] : undefined
  if (known && refused) return refusedValue(guarded, known, refused, error)
  const code = (kind && IN_THE_WAY[kind]) ?? 'backend_unavailable'
  return new ConflictError(code, { cause: error, retryAfterS: 1 + Math.floor(Math.random() * 4) })
}

/** What failed in a transaction has failed with all of it, as long as COMMIT was not sent. */
async function isUndone<T>({ transaction }: GuardedRequest<T>, applied: 'no' | 'unknown'): Promise<boolean> {
  if (transaction === undefined || transaction.isSent) return false
  // It may still be at work: that is not waited for.
  if (applied === 'unknown') transaction.abandon()
  else await transaction.rollBack()
  return true
}

/** An error that a rule or `allow` threw: nothing has been written yet. `undefined`: see `isStores`. */
export function chainsConflict<T>(guarded: GuardedRequest<T>, error: unknown): Promise<ConflictError> | undefined {
  return isStores(error) ? storeConflict(guarded, error, 'read') : undefined
}

/** An error that a handler threw or passed on. `undefined`: see `isStores`. */
export function handlersConflict<T>(guarded: GuardedRequest<T>, error: unknown): Promise<ConflictError> | undefined {
  // What was committed stays so, whatever fails behind it: no answer of ours could say that.
  if (isDone(guarded) || !isStores(error)) return undefined
  return storeConflict(guarded, error, guarded.isSafe ? 'read' : 'write').then((conflict) =>
    isInDoubt(guarded) ? inDoubt(conflict) : conflict,
  )
}

/** One statement that failed says nothing of what the handler did before it, unless all of it was rolled back. */
function isInDoubt<T>({ req, transaction }: GuardedRequest<T>): boolean {
  const claimed = claimOn(req)
  if (!claimed?.claim || transaction) return false
  claimed.isInDoubt = true
  return true
}

/** Its key is not given free, so a repetition would not be carried out. */
function inDoubt(conflict: ConflictError): ConflictError {
  if (!conflict.retryable) return conflict
  return new ConflictError('outcome_unknown', { cause: conflict.cause, retryable: false })
}

/** Not what is no database's, nor what the app has put a status on: that is answered as it says. */
function isStores(error: unknown): boolean {
  if (isMistake(error) || hasStatus(error)) return false
  if (isStoreFault(error)) return true
  const kind = recogniseStoreError(error)?.kind
  // A statement that no database would carry out is a mistake in the handler; 503 would hide it.
  return kind !== undefined && kind !== 'refused'
}

/** A mistake in the adapter's code is no fault of a back end, and 503 would hide it. */
export function isMistake(error: unknown): boolean {
  return (
    error instanceof TypeError ||
    error instanceof ReferenceError ||
    error instanceof RangeError ||
    error instanceof SyntaxError
  )
}

type Codes = Readonly<Partial<Record<StoreErrorKind, ConflictKind>>>

/** The value is refused, whenever it comes. */
const REFUSED: Codes = { unique: 'unique_violation', reference: 'reference_violation', check: 'check_violation' }

/** Others were in the way. What is in neither table is `backend_unavailable`. */
const IN_THE_WAY: Codes = {
  serialization: 'concurrent_update',
  deadlock: 'concurrent_update',
  'lock-timeout': 'resource_busy',
}

function hasStatus(error: unknown): boolean {
  const { status, statusCode } = Object(error) as { status?: unknown; statusCode?: unknown }
  return typeof status === 'number' || typeof statusCode === 'number'
}

async function refusedValue<T>(
  guarded: GuardedRequest<T>,
  { kind, constraint }: StoreError,
  code: ConflictKind,
  cause: unknown,
): Promise<ConflictError> {
  if (kind === 'unique' && (await isKeyTaken(guarded))) return takenKey(guarded)
  const { constraints } = guarded.settings.options
  const conflicts = pointersOf(constraints, constraint)?.map((pointer) => ({ pointer, kind }))
  return new ConflictError(code, { cause, conflicts })
}

/** Another one was faster, or it is another column's constraint: only a look can tell, names of keys are the app's. */
async function isKeyTaken<T>({ attempt, key, settings }: GuardedRequest<T>): Promise<boolean> {
  if (key === undefined || attempt?.stored !== undefined) return false
  const { adapter, deadlineMs } = settings
  const late = () => new Error('late')
  const state = await withDeadline(adapter.read(key), deadlineMs, late).catch(() => undefined)
  return state !== undefined
}

function unknownOutcome<T>(guarded: GuardedRequest<T>, cause: unknown): ConflictError {
  const retryable = isCarriedOutOnce(guarded)
  return new ConflictError('outcome_unknown', { cause, retryable, retryAfterS: retryable ? 1 : undefined })
}

/** Would the same request, sent again, change nothing where the first one was carried out? */
function isCarriedOutOnce<T>(guarded: GuardedRequest<T>): boolean {
  const { req, method, isNew } = guarded
  if (claimOn(req)?.claim) return true
  const conditions = conditionsOf(guarded)
  if (conditions instanceof ConflictError) return false
  const { ifMatch, ifNoneMatch } = conditions
  // What names the version that was replaced does not hold any more.
  if (Array.isArray(ifMatch) || typeof versionNamedBy(guarded) === 'string') return true
  if (ifNoneMatch === '*' && !isNew) return true
  // RFC 9110 §9.2.2: to carry these out twice is to carry them out once.
  return (method === 'PUT' || method === 'DELETE') && (ifMatch !== undefined || ifNoneMatch !== undefined)
}
