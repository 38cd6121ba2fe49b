import type { Response } from 'express'
import { ConflictError } from '../../conflicts/conflicts'
import { publish } from '../../conflicts/events'
import { isMistake } from '../../conflicts/store-errors'
import { claimKey, claimUnkeyed } from '../../idempotency/claim'
import { lookTogether } from '../../idempotency/look-together'
import type { KeptAnswer } from '../../idempotency/record'
import { storeWithDeadline } from '../../idempotency/store-with-deadline'
import { retryAfterS } from '../../timing/retry-after'
import type { IdempotencySettings } from '../options/idempotency-options'
import type { GuardedRequest } from '../request/guarded-request'
import { aboutResource } from '../request/route'
import { isStillAllowed } from '../state/store-call'
import { keepAnswer, shareAnswer } from './keep-answer'

type Answered = ConflictError | 'answered' | undefined

/** Claims the key and lets the request go on, gives the answer that is known, or refuses. */
export async function claimOrAnswer<T>(
  guarded: GuardedRequest<T>,
  settings: IdempotencySettings,
  key: string,
  fingerprint: string,
): Promise<Answered> {
  const store = storeWithDeadline(settings.store, guarded.settings.deadlineMs)
  const look = () => claimKey(store, key, fingerprint, settings)
  const terms = { waitMs: settings.waitMs, client: guarded.res }
  const seen = await (settings.onInProgress === 'wait'
    ? lookTogether(settings.store, `${key}\n${fingerprint}`, terms, look)
    : look()
  ).catch(unavailable)
  switch (seen.outcome) {
    case 'claimed':
      keepAnswer(guarded, settings, seen.claim)
      return undefined
    case 'answered':
    case 'carried-out':
      return replay(guarded, seen.answer)
    case 'running':
      return inProgress(settings)
    case 'reused':
      return new ConflictError('idempotency_key_reused', { headers: documentedAt(settings) })
    case 'unknown':
      return new ConflictError('outcome_unknown', {
        detail: 'The first request with this Idempotency-Key was begun, and nobody knows how it ended.',
      })
    case 'answer-lost':
      return new ConflictError('idempotency_answer_lost', { headers: documentedAt(settings) })
  }
}

/** The same for a request without a key, whose content takes the place of the key. */
export async function claimOrShare<T>(
  guarded: GuardedRequest<T>,
  settings: IdempotencySettings,
  key: string,
): Promise<Answered> {
  const store = storeWithDeadline(settings.store, guarded.settings.deadlineMs)
  const terms = { leaseMs: settings.leaseMs, keptMs: settings.waitMs }
  // Each request looks for itself first: only those that saw a claim run may share its answer.
  const first = await claimUnkeyed(store, key, terms, undefined).catch(unavailable)
  const isWaiting = first.outcome === 'running' && settings.withoutKey === 'share'
  const seen = isWaiting
    ? await lookTogether(
        settings.store,
        `${key}\n${first.token}`,
        { waitMs: settings.waitMs, client: guarded.res, seen: first },
        (latest) => claimUnkeyed(store, key, terms, 'token' in latest ? latest.token : undefined),
      ).catch(unavailable)
    : first
  if (seen.outcome === 'answered') return replay(guarded, seen.answer)
  if (seen.outcome !== 'claimed') return inProgress(settings, 'The same request is being carried out')
  shareAnswer(guarded, settings, seen.claim)
  return undefined
}

/** Without a claim no request begins, so nothing was changed. */
function unavailable(error: unknown): never {
  if (isMistake(error)) throw error
  throw new ConflictError('backend_unavailable', { cause: error, retryAfterS: retryAfterS() })
}

async function replay<T>(guarded: GuardedRequest<T>, answer: KeptAnswer): Promise<Answered> {
  const denied = await isStillAllowed(guarded)
  if (denied) return denied
  publish('replay', () => ({ ...aboutResource(guarded), status: answer.status }))
  answerAgain(guarded.res, answer)
  return 'answered'
}

/** The same status and bytes, marked as a replay, and for this caller alone. */
function answerAgain(res: Response, { status, headers, body }: KeptAnswer): void {
  for (const [name, value] of headers) {
    // A layer in front may have set its own Vary, and both count.
    if (name === 'vary') res.vary(String(value))
    else res.setHeader(name, value)
  }
  res.setHeader('Idempotency-Replayed', 'true')
  res.setHeader('Cache-Control', 'no-store')
  res.statusCode = status
  if (status !== 204) res.setHeader('Content-Length', body.length)
  res.end(body)
}

function inProgress(settings: IdempotencySettings, title?: string): ConflictError {
  return new ConflictError('idempotency_in_progress', {
    title,
    retryAfterS: retryAfterS(),
    headers: documentedAt(settings),
  })
}

/** Sections 2.6 and 2.7 of the draft: a refusal of a key links to the place where the API documents its keys. */
export function documentedAt({ docsUrl }: IdempotencySettings): Readonly<Record<string, string>> {
  return { Link: `<${docsUrl}>; rel="describedby"` }
}
