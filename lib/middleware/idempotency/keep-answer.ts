import type { Request } from 'express'
import type { ConflictKind } from '../../conflicts/conflicts'
import type { Claim } from '../../idempotency/claim'
import type { KeptAnswer } from '../../idempotency/record'
import { retryLater } from '../../idempotency/store-with-deadline'
import type { IdempotencySettings } from '../options/idempotency-options'
import { type ClaimedRequest, rememberClaim } from '../request/claimed-request'
import { type GuardedRequest, guardedOn } from '../request/guarded-request'
import { conflictOn } from '../request/refuse'
import { captureAnswer } from './capture-answer'

/** Lets a request with a key run. Its outcome is stored before any part of its answer is sent. */
export function keepAnswer<T>(guarded: GuardedRequest<T>, settings: IdempotencySettings, claim: Claim): void {
  const claimed = rememberClaim(guarded.req, settings.store, claim)
  storeBeforeAnswer(guarded, settings, claim, (answer, isWhole) => settleKey(guarded, claimed, claim, answer, isWhole))
}

/** Lets a request without a key run. With `withoutKey: 'share'`, identical requests that wait get its answer too. */
export function shareAnswer<T>(guarded: GuardedRequest<T>, settings: IdempotencySettings, claim: Claim): void {
  rememberClaim(guarded.req, settings.store, undefined)
  const isShared = settings.withoutKey === 'share'
  storeBeforeAnswer(guarded, settings, claim, (answer, isWhole) =>
    isShared && isWhole ? claim.answer(answer) : claim.release(),
  )
}

function storeBeforeAnswer<T>(
  { req, res }: GuardedRequest<T>,
  settings: IdempotencySettings,
  claim: Claim,
  settle: (answer: KeptAnswer, isWhole: boolean) => Promise<unknown>,
): void {
  const stop = keepAlive(settings, () => claim.renew())
  captureAnswer(res, {
    fields: settings.replayHeaders,
    mostBytes: settings.maxAnswerBytes,
    onAnswer(answer, isWhole) {
      stop()
      // The store may need a connection from the pool that the open transaction uses.
      const open = isWhole ? openTransactionsOn(req) : []
      return persist(async () => {
        for (const transaction of open) await transaction?.rollBack()
        return settle(answer, isWhole)
      })
    },
  })
}

/** Once an answer is complete, a transaction that is still open is never committed. */
function openTransactionsOn(req: Request) {
  return guardedOn(req)
    .map(({ transaction }) => transaction)
    .filter((transaction) => transaction?.isOpen)
}

async function settleKey<T>(
  { req }: GuardedRequest<T>,
  { isInDoubt, committed }: ClaimedRequest,
  claim: Claim,
  answer: KeptAnswer,
  isWhole: boolean,
): Promise<unknown> {
  const { status } = answer
  const conflict = conflictOn(req)
  const key = keyAfterAnswer({
    method: req.method,
    status,
    conflict: conflict?.status === status ? conflict.code : undefined,
    isCommitted: guardedOn(req).some(({ progress }) => progress.at === 'committed'),
    isInDoubt,
  })
  switch (key) {
    case 'kept':
      return isWhole ? claim.answer(answer) : claim.loseAnswer()
    case 'released':
      return claim.release()
    case 'unknown':
      // If the change was committed, that is known, whatever failed later. Otherwise the lease expires, and `onUnknown`
      // decides.
      return committed && claim.carryOut(committed())
  }
}

function keepAlive({ leaseMs, maxRunMs }: IdempotencySettings, renew: () => Promise<void>): () => void {
  const until = performance.now() + maxRunMs
  const timer = setInterval(() => {
    if (performance.now() >= until) clearInterval(timer)
    else renew().catch(() => undefined)
  }, leaseMs / 3)
  timer.unref()
  return () => clearInterval(timer)
}

/**
 * Tries once before the answer is sent. A store that fails costs no client its answer: later tries follow the answer.
 */
async function persist(step: () => Promise<unknown>): Promise<void> {
  await step().catch(() => void retryLater(step).catch(warn))
}

function warn(error: unknown): void {
  process.emitWarning(
    `What came of a request with an Idempotency-Key could not be stored; repetitions of it are refused. ${error}`,
    { type: 'ConflictWarning', code: 'EXPRESS_CONFLICT_ANSWER_NOT_STORED' },
  )
}

/**
 * What happens to a key once its request is answered. `kept`: a repetition gets the same answer. `released`: a
 * repetition is carried out. `unknown`: the request may have changed something.
 */
export type KeyAfterAnswer = 'kept' | 'released' | 'unknown'

export interface AnswerFacts {
  readonly method: string
  readonly status: number
  /** Set when the answer is a conflict of ours. */
  readonly conflict: ConflictKind | undefined
  /** Whether the change was committed, whatever the answer says. */
  readonly isCommitted: boolean
  /** Whether a handler failed on a statement of its own, whatever the answer says about it. */
  readonly isInDoubt: boolean
}

/** These refuse the request itself, so the answer would be the same at any time. */
const ABOUT_REQUEST: ReadonlySet<number> = new Set([400, 405, 413, 415, 422])
const CONFLICTS_ABOUT_REQUEST: ReadonlySet<ConflictKind> = new Set<ConflictKind>([
  'malformed_body',
  'schema_invalid',
  'method_not_allowed',
  'content_too_large',
  'unsupported_media_type',
])
/** After these faults it is certain that nothing has changed. */
const NOTHING_DONE: ReadonlySet<ConflictKind> = new Set<ConflictKind>(['backend_unavailable', 'queue_full'])

export function keyAfterAnswer({ method, status, conflict, isCommitted, isInDoubt }: AnswerFacts): KeyAfterAnswer {
  if (isCommitted) return status >= 500 ? 'unknown' : 'kept'
  if (status < 400) return 'kept'
  if (isInDoubt) return 'unknown'
  if (status >= 500) return conflict && NOTHING_DONE.has(conflict) ? 'released' : 'unknown'
  if (conflict && !CONFLICTS_ABOUT_REQUEST.has(conflict)) return 'released'
  // Whether a patch makes something valid depends on what is stored.
  if (status === 422 && method === 'PATCH') return 'released'
  return ABOUT_REQUEST.has(status) ? 'kept' : 'released'
}
