import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { ConflictError } from '../../conflicts/conflicts'
import { publish } from '../../conflicts/events'
import { type Claimed, claimKey } from '../../idempotency/claim'
import { claimTurn } from '../../idempotency/duplicates'
import type { KeptAnswer } from '../../idempotency/record'
import { timely } from '../../idempotency/timely-store'
import type { IdempotencySettings } from '../options/idempotency-settings'
import type { GuardedRequest } from '../request/guarded-request'
import { aboutResource } from '../request/route'
import { isStillAllowed } from '../stages/fetch-state'
import { isMistake } from '../state/store-conflict'
import { carryOut, takeTurn } from './carry-out'
import { replayAnswer } from './replay-answer'

type Answered = ConflictError | 'answered' | undefined

/** Claims the key and lets the request go on; or gives the answer that is known, or why there is none. */
export async function answerByKey<T>(
  guarded: GuardedRequest<T>,
  settings: IdempotencySettings,
  key: string,
  fingerprint: string,
): Promise<Answered> {
  const store = timely(settings.store, guarded.settings.deadlineMs)
  const mayWait = settings.onInProgress === 'wait'
  const seen = await whileRunning<Claimed>(guarded, mayWait ? settings.waitMs : 0, () =>
    claimKey(store, key, fingerprint, settings),
  )
  switch (seen.outcome) {
    case 'claimed':
      carryOut(guarded, settings, seen.claim)
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

/** The same for a request without a key, which is known by what it says. */
export async function answerByTurn<T>(
  guarded: GuardedRequest<T>,
  settings: IdempotencySettings,
  key: string,
): Promise<Answered> {
  const store = timely(settings.store, guarded.settings.deadlineMs)
  const terms = { leaseMs: settings.leaseMs, keptMs: settings.waitMs }
  let awaited: string | undefined
  const seen = await whileRunning(guarded, settings.withoutKey === 'share' ? settings.waitMs : 0, async () => {
    const claimed = await claimTurn(store, key, terms, awaited)
    if (claimed.outcome === 'running') awaited = claimed.token
    return claimed
  })
  if (seen.outcome === 'running') return inProgress(settings, 'The same request is being carried out')
  if (seen.outcome === 'answered') return replay(guarded, seen.answer)
  takeTurn(guarded, settings, seen.turn)
  return undefined
}

const FIRST_PAUSE_MS = 10
const LONGEST_PAUSE_MS = 250

/** Looks again while somebody else is at work, at most for so long, and only as long as somebody waits for the answer. */
async function whileRunning<S extends { readonly outcome: string }>(
  { res }: { readonly res: ServerResponse },
  waitMs: number,
  look: () => Promise<S>,
): Promise<S> {
  const until = performance.now() + waitMs
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    const seen = await look().catch(unavailable)
    const left = until - performance.now()
    if (seen.outcome !== 'running' || left <= 0 || res.destroyed) return seen
    await sleep(Math.min(left, pauseMs * (0.5 + Math.random() / 2)))
  }
}

/** Nothing was done: without a claim nobody begins. */
function unavailable(error: unknown): never {
  if (isMistake(error)) throw error
  throw new ConflictError('backend_unavailable', { cause: error, retryAfterS: soonS() })
}

async function replay<T>(guarded: GuardedRequest<T>, answer: KeptAnswer): Promise<Answered> {
  const denied = await isStillAllowed(guarded)
  if (denied) return denied
  publish('replay', () => ({ ...aboutResource(guarded), status: answer.status }))
  replayAnswer(guarded.res, answer)
  return 'answered'
}

function inProgress(settings: IdempotencySettings, title?: string): ConflictError {
  return new ConflictError('idempotency_in_progress', {
    title,
    retryAfterS: soonS(),
    headers: documentedAt(settings),
  })
}

/** Sections 2.6 and 2.7 of the draft: a refusal of a key links to where the API documents its keys. */
export function documentedAt({ docsUrl }: IdempotencySettings): Readonly<Record<string, string>> {
  return { Link: `<${docsUrl}>; rel="describedby"` }
}

/** Not all at the same second. */
function soonS(): number {
  return 1 + Math.floor(Math.random() * 2)
}
