import { sameJson } from '../json/equal'
import { mergeThreeWay, type ThreeWayOptions } from '../json/three-way'
import type { Seen } from './memory'
import type { Answer, ResolvingOptions } from './options'
import { ProblemError } from './problem-error'
import type { Read, Refused, Requests } from './requests'

/** Given a newer state, returns the value to store on top of it, or `undefined` to give up. */
export type Again<T> = (theirs: Read, refusal: ProblemError, afterUnknown: boolean) => Promise<T | undefined>

/**
 * Stores a value. If somebody else was faster, reads what they stored, asks what to store on top of it, and tries again.
 * Sends nothing if that is what is stored already.
 */
export async function putResolving<T>(
  requests: Requests,
  url: string,
  first: T,
  seen: Seen | undefined,
  options: ResolvingOptions<T>,
  again: Again<T> | undefined,
  tries: number,
): Promise<Answer<unknown>> {
  let [mine, from] = [first, seen]
  let afterUnknown = false
  for (let attempt = 1; ; attempt++) {
    const changed = await requests.change('PUT', url, mine, from, options)
    if (changed.refusal === undefined) return changed.answer
    afterUnknown ||= changed.afterUnknown
    if (attempt >= tries || !isStale(changed.refusal) || !(again || afterUnknown)) throw refusalOf(changed)
    const theirs = await requests.read(url, options)
    // The answer was lost, and here it is: what was sent is what is stored.
    if (afterUnknown && sameJson(theirs.answer.value, mine)) return theirs.answer
    const next = await again?.(theirs, changed.refusal, afterUnknown)
    if (next === undefined) throw refusalOf(changed)
    if (sameJson(theirs.answer.value, next)) return theirs.answer
    mine = next
    from = theirs.seen
  }
}

/** Lets a resolver decide, with both changes and the members that both made. */
export function askResolver<T>(
  url: string,
  seen: Seen,
  first: T,
  { resolve, signal }: ResolvingOptions<T>,
  merging: ThreeWayOptions,
): Again<T> | undefined {
  if (!resolve) return undefined
  let [baseText, mine] = [seen.text, first]
  return async (read, { problem }) => {
    const [base, theirs] = [JSON.parse(baseText) as T, JSON.parse(read.seen.text) as T]
    if (sameJson(theirs, mine)) return mine
    const merged = mergeThreeWay(base, theirs, mine, merging)
    const conflicts = merged.ok ? [] : merged.conflicts
    const resolved = await resolve({ url, base, theirs, mine, conflicts, problem, signal })
    if (resolved !== undefined) [baseText, mine] = [read.seen.text, resolved]
    return resolved
  }
}

/** Was it refused for another state? A tag that a proxy weakened is not: the next try would end in the same way. */
function isStale({ status, problem: { code } }: ProblemError): boolean {
  return code === undefined ? status === 412 : code === 'precondition_failed' || code === 'stale_version'
}

/** After a lost answer the refusal may be due to the change itself. */
export function refusalOf({ refusal, afterUnknown }: Refused): ProblemError {
  return afterUnknown ? unknownOutcome(refusal) : refusal
}

/** A function of the state cannot tell its own change from another client's: run twice, it might count twice. */
export function unknownOutcome({ problem, headers }: ProblemError): ProblemError {
  const code = 'outcome_unknown'
  const title = 'Nobody knows if it was changed'
  return new ProblemError({ ...problem, type: 'about:blank', code, title, detail: title, retryable: false }, headers)
}
