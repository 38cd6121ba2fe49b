import { answerOf, type ConflictError } from '../../conflicts/conflicts'
import { strongMatch } from '../../http/entity-tag'
import { type IfCondition, type IfList, isSamePath, parseIf } from '../../http/if-header'
import { retryAfterEndS } from '../../timing/retry-after'
import type { EditLock, EditLocks } from '../options/edit-locks'
import type { Attempt, GuardedRequest } from '../request/guarded-request'
import { tagsOf } from '../request/validators'
import { endLock, findLock, isHeldBy } from './edit-lock-record'

/** 423 for a change by anybody but the holder, who names the lock's token in `If` (RFC 4918 §6.4, §10.4). */
export async function editLockConflict<T>(
  guarded: GuardedRequest<T>,
  attempt: Attempt<T>,
  locks: EditLocks,
): Promise<ConflictError | undefined> {
  if (guarded.key === undefined) return undefined
  const lock = await findLock(guarded, locks)
  attempt.editLock = lock
  if (lock === undefined) return undefined
  const { req } = guarded
  const lists = listsOf(guarded)
  // Not 423: that would say that the token is wrong, but nobody could read it.
  if (lists === undefined && req.headers.if !== undefined) return malformedIf()
  return isHeldBy(lock, tokensIn(lists ?? []), locks.owner(req)) ? undefined : lockedBy(guarded, locks, lock)
}

function malformedIf(): ConflictError {
  return answerOf('malformed_condition', { field: 'If', detail: 'If holds no lists of RFC 4918 §10.4.2.' })
}

/** The conflict for others: until when the resource is locked, and what the app says about the holder. */
export async function lockedBy<T>(
  { req }: GuardedRequest<T>,
  locks: EditLocks,
  { owner, since, until }: EditLock,
): Promise<ConflictError> {
  const isOwn = locks.owner(req) === owner
  const holder = await locks.describeHolder?.({ owner, since, until }, req)
  // The clock of the store decides when the lock ends. This clock may differ, so the time is bounded.
  const leftMs = Math.min(Math.max(until.getTime() - Date.now(), 0), locks.leaseMs)
  return answerOf('locked', {
    detail: isOwn ? 'You hold this lock yourself: name its token in If, as (<urn:uuid:…>).' : undefined,
    holder,
    lockedUntil: until.toISOString(),
    retryAfterS: retryAfterEndS(leftMs),
  })
}

/** Evaluates the rest of `If` in a change: 400 if it cannot be read, 412 if it is false. */
export function ifConflict<T>(guarded: GuardedRequest<T>, attempt: Attempt<T>): ConflictError | undefined {
  const { req, isSafe } = guarded
  if (isSafe || req.headers.if === undefined) return undefined
  const lists = listsOf(guarded)
  if (lists === undefined) return malformedIf()
  if (
    lists.some(
      (list) => isAboutRequest(guarded, list) && list.conditions.every((each) => holds(guarded, attempt, each)),
    )
  )
    return undefined
  const detail = 'The lock that If names has ended, or the resource is not in the state that it names.'
  return answerOf('precondition_failed', { field: 'If', detail })
}

/** Ends the lock of a resource that was removed. If that fails, the lock runs out by itself. */
export async function endLockOfRemoved<T>(guarded: GuardedRequest<T>, { editLock }: Attempt<T>): Promise<void> {
  const { editLocks } = guarded.settings
  if (editLocks && editLock) await endLock(guarded, editLocks, editLock).catch(() => false)
}

function holds<T>(guarded: GuardedRequest<T>, attempt: Attempt<T>, { not, token, tag }: IfCondition): boolean {
  const { editLock, change } = attempt
  const same = guarded.settings.tag.sameOpaque
  const isSo = tag
    ? change.current !== undefined && tagsOf(guarded, attempt).some((current) => strongMatch(current, tag, same))
    : token !== undefined && editLock !== undefined && isHeldBy(editLock, [token], editLock.owner)
  return isSo !== not
}

/** A list about another resource cannot be checked, because its state was not read. */
function isAboutRequest<T>({ req }: GuardedRequest<T>, { resource }: IfList): boolean {
  return resource === undefined || isSamePath(resource, req.originalUrl)
}

/** RFC 4918 §10.4.1: a token counts as submitted wherever it appears in the field. */
function tokensIn(lists: readonly IfList[]): string[] {
  return lists.flatMap(({ conditions }) => conditions.flatMap(({ token }) => token ?? []))
}

function listsOf<T>({ req }: GuardedRequest<T>): IfList[] | undefined {
  const field = req.headers.if
  return field === undefined ? undefined : parseIf(String(field))
}
