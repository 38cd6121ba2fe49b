import { ConflictError, type ConflictKind } from '../../conflicts/conflicts'
import { isMistake, recogniseStoreError, type StoreError, type StoreErrorKind } from '../../conflicts/store-errors'
import { isStoreFault } from '../../contracts/store-fault'
import { isMarkedAt } from '../../json/marks'
import { parsePointer } from '../../json/pointer'
import { withDeadline } from '../../timing/deadline'
import { retryAfterS } from '../../timing/retry-after'
import { conditionsOf, versionNamedBy } from '../preconditions/conditions'
import { lostRace, takenKey } from '../preconditions/refusals'
import { claimOn } from '../request/claimed-request'
import { type GuardedRequest, isDone } from '../request/guarded-request'

/** What to throw for an error of the back end: a conflict for the client, or the error itself if it is a mistake. */
export async function storeRefusal<T>(
  guarded: GuardedRequest<T>,
  error: unknown,
  during: 'read' | 'write',
): Promise<unknown> {
  return isMistake(error) ? error : ((await storeConflict(guarded, error, during)) ?? error)
}

/** The conflict that an error of the back end means. `undefined`: a mistake of the app, for its own error handler. */
export async function storeConflict<T>(
  guarded: GuardedRequest<T>,
  error: unknown,
  during: 'read' | 'write',
): Promise<ConflictError | undefined> {
  const known = recogniseStoreError(error)
  // The adapter knows more than the error of the driver.
  const applied = isStoreFault(error) ? error.applied : (known?.applied ?? 'unknown')
  const isUnknown = !(await isUndone(guarded, applied)) && during === 'write' && applied === 'unknown'
  if (isUnknown) return unknownOutcome(guarded, error)
  const kind = known?.kind
  if (kind === 'denied') return new ConflictError('denied', { cause: error })
  if (during === 'read' && known && isNotFound(guarded, known)) return new ConflictError('not_found', { cause: error })
  if (kind === 'stale') return lostRace(guarded)
  const refused = kind && REFUSED[kind]
  // A read has no value that could be refused: its statement is wrong.
  if (known && refused) return during === 'read' ? undefined : refusedValue(guarded, known, refused, error)
  const code = (kind && IN_THE_WAY[kind]) ?? 'backend_unavailable'
  return new ConflictError(code, { cause: error, retryAfterS: retryAfterS() })
}

/**
 * The error means "not found": the key does not fit its column, such as `abc` for an integer, or an expected row is
 * missing.
 */
export function findsNothing({ kind }: StoreError): boolean {
  return kind === 'malformed' || kind === 'stale'
}

/** If the chain has found the resource, the key is fine, and a value of the handler's own is malformed. */
function isNotFound<T>({ attempt }: GuardedRequest<T>, known: StoreError): boolean {
  return findsNothing(known) && attempt?.change.current === undefined
}

/** In a transaction nothing is applied as long as COMMIT was not sent. */
async function isUndone<T>({ transaction }: GuardedRequest<T>, applied: 'no' | 'unknown'): Promise<boolean> {
  if (transaction === undefined || transaction.isSent) return false
  // The statement may still be running, so do not wait for it.
  if (applied === 'unknown') transaction.abandon()
  else await transaction.rollBack()
  return true
}

/** An error that a rule or `allow` threw: nothing has been written yet. `undefined`: see `isStores`. */
export function chainsConflict<T>(
  guarded: GuardedRequest<T>,
  error: unknown,
): Promise<ConflictError | undefined> | undefined {
  return isStores(error) ? storeConflict(guarded, error, 'read') : undefined
}

/** An error that a handler threw or passed on. `undefined`: see `isStores`. */
export function handlersConflict<T>(
  guarded: GuardedRequest<T>,
  error: unknown,
): Promise<ConflictError | undefined> | undefined {
  // The commit stands, whatever fails after it. A conflict would say the opposite.
  if (isDone(guarded) || !isStores(error)) return undefined
  return storeConflict(guarded, error, guarded.isSafe ? 'read' : 'write').then((conflict) =>
    conflict && isInDoubt(guarded) ? inDoubt(conflict) : conflict,
  )
}

/** The handler may have done something before the statement that failed, unless all of it was rolled back. */
function isInDoubt<T>({ req, transaction }: GuardedRequest<T>): boolean {
  const claimed = claimOn(req)
  if (!claimed?.claim || transaction) return false
  claimed.isInDoubt = true
  return true
}

/** The key is not released, so a repetition would not run. */
function inDoubt(conflict: ConflictError): ConflictError {
  if (!conflict.retryable) return conflict
  return new ConflictError('outcome_unknown', { cause: conflict.cause, retryable: false })
}

/** Whether an error comes from a store. An error with a status of its own is answered with that status. */
function isStores(error: unknown): boolean {
  if (isMistake(error) || hasStatus(error)) return false
  return isStoreFault(error) || recogniseStoreError(error) !== undefined
}

type Codes = Readonly<Partial<Record<StoreErrorKind, ConflictKind>>>

/** The value is refused, however often it is sent. */
const REFUSED: Codes = {
  unique: 'unique_violation',
  reference: 'reference_violation',
  check: 'check_violation',
  malformed: 'check_violation',
  rule: 'rule_violation',
}

/**
 * 409: other requests were in the way, as in a deadlock. A kind that is in neither table is `backend_unavailable`
 * (503).
 */
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
  const said = isStoreFault(cause) ? cause.pointers : undefined
  const pointers = pointersOf(constraints, constraint) ?? said?.filter((pointer) => isSeen(guarded, pointer))
  const conflicts = pointers?.map((pointer) => ({ pointer, kind }))
  return new ConflictError(code, { cause, conflicts })
}

/** A pointer that the back end reports must not reveal members that the client cannot see. */
function isSeen<T>({ attempt, settings }: GuardedRequest<T>, pointer: string): boolean {
  const { members, schema } = settings
  const tokens = parsePointer(pointer)
  return !isMarkedAt(members.hidden, tokens) && !isMarkedAt(schema?.writeOnlyIn(attempt?.change.proposed), tokens)
}

/**
 * Whether another request created the key first. Otherwise the constraint is on another column. Only a read can tell.
 */
async function isKeyTaken<T>({ attempt, key, settings }: GuardedRequest<T>): Promise<boolean> {
  if (key === undefined || attempt?.stored !== undefined) return false
  const { adapter, deadlineMs } = settings
  const late = () => new Error('late')
  const reading = adapter.readCurrent ? adapter.readCurrent(key) : adapter.read(key)
  const state = await withDeadline(reading, deadlineMs, late).catch(() => undefined)
  return state !== undefined
}

function unknownOutcome<T>(guarded: GuardedRequest<T>, cause: unknown): ConflictError {
  const retryable = isCarriedOutOnce(guarded)
  return new ConflictError('outcome_unknown', { cause, retryable, retryAfterS: retryable ? retryAfterS() : undefined })
}

/** Whether sending the request again would change nothing if the first one was carried out. */
function isCarriedOutOnce<T>(guarded: GuardedRequest<T>): boolean {
  const { req, method, isNew, settings } = guarded
  if (claimOn(req)?.claim) return true
  if (settings.reportsOnly) return false
  const conditions = conditionsOf(guarded)
  if (conditions instanceof ConflictError) return false
  const { ifMatch, ifNoneMatch } = conditions
  // A condition on the replaced version would now be false.
  if (Array.isArray(ifMatch) || typeof versionNamedBy(guarded) === 'string') return true
  if (ifNoneMatch === '*' && !isNew) return true
  // RFC 9110 §9.2.2: these methods are idempotent.
  return (method === 'PUT' || method === 'DELETE') && (ifMatch !== undefined || ifNoneMatch !== undefined)
}

type Constraints = Readonly<Record<string, string | readonly string[]>>

/**
 * The members that a constraint is about, from the `constraints` option. Drivers report the name of the constraint, the
 * name after the table (MySQL), or columns (SQLite: `articles.tenant, articles.slug`). The option may omit the table.
 */
export function pointersOf(
  constraints: Constraints | undefined,
  constraint: string | undefined,
): readonly string[] | undefined {
  if (constraints === undefined || constraint === undefined) return undefined
  const bare = constraint.replace(/[^\s,.]+\./g, '')
  const name = [constraint, bare].find((each) => Object.hasOwn(constraints, each))
  return name === undefined ? undefined : [constraints[name] ?? []].flat()
}
