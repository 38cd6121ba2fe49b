import { sameJson } from '../json/equal'
import { parseArrayKeys } from '../json/members'
import { mergeThreeWay, type ThreeWayOptions } from '../json/three-way'
import type { Seen } from './memory'
import type { Answer, Conflict, ResolvingOptions } from './options'
import { type ProblemError, unknownOutcome } from './problem-error'
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
    if (attempt >= tries || !isStale(changed.refusal, from) || !(again || afterUnknown)) throw refusalOf(changed)
    const theirs = await requests.read(url, options)
    // The answer was lost, but the change was stored.
    if (afterUnknown && sameJson(theirs.answer.value, mine)) return theirs.answer
    const next = await again?.(theirs, changed.refusal, afterUnknown)
    if (next === undefined) throw refusalOf(changed)
    if (sameJson(theirs.answer.value, next)) return theirs.answer
    mine = next
    from = theirs.seen
  }
}

/** Asks the resolver, with both changes and the members that both sides changed. */
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

/** Whether the state has changed. If a server only has weak tags, every try is refused, so trying again is no use. */
function isStale({ status, problem: { code } }: ProblemError, from: Seen | undefined): boolean {
  if (code !== undefined) return code === 'precondition_failed' || code === 'stale_version'
  return status === 412 && !from?.etag?.startsWith('W/')
}

/** After a lost answer the refusal may be due to the change itself. */
export function refusalOf({ refusal, afterUnknown }: Refused): ProblemError {
  return afterUnknown ? unknownOutcome(refusal) : refusal
}

/** Both sides changed the same members in different ways. `pointers` names them. */
export class UnmergeableError extends Error {
  declare readonly pointers: readonly string[]

  constructor(pointers: readonly string[]) {
    super(`Both changed ${pointers.join(', ')}.`)
    this.name = 'UnmergeableError'
    this.pointers = pointers
  }
}

/** Drops your change: nothing is sent, and the result is the stored value. */
export function takeTheirs<T>({ theirs }: Conflict<T>): T {
  return theirs
}

/** Stores your value over the stored one. The changes of others are lost, so ask the user first. */
export function keepMine<T>({ mine }: Conflict<T>): T {
  return mine
}

/** Takes each member from the side that changed it. Throws an `UnmergeableError` if both changed it in different ways. */
export function mergeDisjoint({ arrayKeys = {} }: { readonly arrayKeys?: Readonly<Record<string, string>> } = {}) {
  const keys = parseArrayKeys(arrayKeys)
  return function mergeDisjointly<T>({ base, theirs, mine }: Conflict<T>): T {
    const merged = mergeThreeWay(base, theirs, mine, { arrayKeys: keys })
    if (!merged.ok) throw new UnmergeableError(merged.conflicts)
    return merged.value as T
  }
}

/** Throws if `mergeDisjoint` was given without parentheses. Its result is a function, which would be stored. */
export function mustBeMade<R>(resolve: R): R {
  if ((resolve as unknown) === mergeDisjoint)
    throw new TypeError('resolve: write mergeDisjoint(), with the parentheses.')
  return resolve
}
