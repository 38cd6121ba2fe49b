import { again } from '../../idempotency/again'
import type { Claim } from '../../idempotency/claim'
import type { Turn } from '../../idempotency/duplicates'
import { fateOf } from '../../idempotency/fate'
import type { IdempotencySettings } from '../options/idempotency-settings'
import { type ClaimedRequest, rememberClaim } from '../request/claimed-request'
import { type GuardedRequest, guardedOn } from '../request/guarded-request'
import { type Captured, captureAnswer } from './capture-answer'

/** From now on the request is answered through here: what came of it is stored before anything is sent. */
export function carryOut<T>(guarded: GuardedRequest<T>, settings: IdempotencySettings, claim: Claim): void {
  const claimed = rememberClaim(guarded.req, settings.store, claim)
  const stop = keepAlive(settings, () => claim.renew())
  captureAnswer(guarded.req, guarded.res, {
    fields: settings.replayHeaders,
    mostBytes: settings.maxAnswerBytes,
    onAnswer(captured) {
      stop()
      return persist(() => settle(guarded, claimed, claim, captured))
    },
  })
}

export function takeTurn<T>({ req, res }: GuardedRequest<T>, settings: IdempotencySettings, turn: Turn): void {
  rememberClaim(req, settings.store, undefined)
  const stop = keepAlive(settings, () => turn.renew())
  captureAnswer(req, res, {
    fields: settings.replayHeaders,
    mostBytes: settings.maxAnswerBytes,
    onAnswer({ answer, isWhole }) {
      stop()
      return persist(() => (settings.withoutKey === 'share' && isWhole ? turn.share(answer) : turn.end()))
    },
  })
}

async function settle<T>(
  { req }: GuardedRequest<T>,
  { conflict, isInDoubt, committed }: ClaimedRequest,
  claim: Claim,
  { answer, isWhole }: Captured,
): Promise<unknown> {
  const { status } = answer
  const fate = fateOf({
    method: req.method,
    status,
    conflict: conflict?.status === status ? conflict.code : undefined,
    isCommitted: guardedOn(req).some(({ progress }) => progress.at === 'committed'),
    isInDoubt,
  })
  switch (fate) {
    case 'kept':
      return isWhole ? claim.answer(answer) : claim.loseAnswer()
    case 'released':
      return claim.release()
    case 'unknown':
      // What was committed is known, whatever failed behind it. Else the lease runs out, and then `onUnknown` says.
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

/** Tried once before the answer is sent. A store that fails costs no client its answer: it is tried again behind it. */
async function persist(step: () => Promise<unknown>): Promise<void> {
  await step().catch(() => void again(step).catch(warn))
}

function warn(error: unknown): void {
  process.emitWarning(
    `What came of a request with an Idempotency-Key could not be stored; repetitions of it are refused. ${error}`,
    { type: 'ConflictWarning', code: 'EXPRESS_CONFLICT_ANSWER_NOT_STORED' },
  )
}
