import type { Intent } from '../change/intended-change'
import { firstConflict, newAttempt } from '../request/attempt'
import type { Attempt, GuardedRequest } from '../request/guarded-request'

/** How many keys are made for one new resource. */
const MOST_KEYS = 5

/**
 * Makes another key for a new resource whose first one was taken: the client chose none, so it cannot choose better.
 * `undefined` when that leads nowhere: a value of the handler's own may hold the old key, and a key that is made from the
 * value is the same every time. Rejects with what the checks say about the value with its new key.
 */
export async function withAnotherKey<T>(
  guarded: GuardedRequest<T>,
  intent: Intent<T>,
  tries: number,
): Promise<Attempt<T> | undefined> {
  const { key: taken, settings, headers, stages } = guarded
  if (intent.from === 'value' || tries >= MOST_KEYS || settings.adapter.create) return undefined
  // A client that says "only if it is not there" has one resource in mind.
  if (headers['if-none-match'] !== undefined && !settings.reportsOnly) return undefined
  for (let made = tries; made < MOST_KEYS; made++) {
    guarded.key = undefined
    const attempt = newAttempt(guarded, undefined, false)
    guarded.attempt = attempt
    const conflict = await firstConflict(guarded, attempt, stages)
    if (conflict) throw conflict
    // The same again is known to be taken.
    if (guarded.key !== taken) return attempt
  }
  guarded.key = taken
  return undefined
}
