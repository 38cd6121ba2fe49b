import { isShared } from '../timing/later-date'
import {
  type CurrentTags,
  formOfCurrentTag,
  holdsCurrentTag,
  parseTagList,
  strongMatch,
  type TagForm,
  type TagList,
  weakMatch,
} from './entity-tag'
import { floorToSecond, namesOneState, parseHttpDate } from './http-date'

/**
 * The fields as received. Repeated lines of a tag field are joined with `, `; a date field is given as all its lines.
 */
export interface ConditionFields {
  readonly ifMatch?: string | undefined
  readonly ifNoneMatch?: string | undefined
  readonly ifModifiedSince?: readonly string[] | undefined
  readonly ifUnmodifiedSince?: readonly string[] | undefined
}

export type ConditionField = 'If-Match' | 'If-None-Match' | 'If-Modified-Since' | 'If-Unmodified-Since'

/** The conditions to evaluate. Fields that the standard says to ignore are left out. */
export interface Preconditions {
  readonly ifMatch?: TagList | undefined
  readonly ifNoneMatch?: TagList | undefined
  readonly ifModifiedSince?: number | undefined
  readonly ifUnmodifiedSince?: number | undefined
}

export type ParsedConditions =
  | { readonly outcome: 'parsed'; readonly preconditions: Preconditions }
  | { readonly outcome: 'malformed'; readonly field: ConditionField }

/** The validators of the current representation (RFC 9110 §8.8). */
export interface Validators extends CurrentTags {
  readonly lastModified?: number | undefined
}

export interface EvaluationOptions {
  /** GET or HEAD. */
  readonly safe: boolean
  /** The suffixes that proxies append to the tag of a compressed answer, such as `-gzip` and `;gzip`. */
  readonly tagSuffixes: readonly string[]
  /** Treats the weak or suffixed form of a current tag as the tag itself. */
  readonly acceptWeakForms: boolean
  /** `false` after a lost race: the state has changed, even if its date is still in the same second. */
  readonly dateCounts?: boolean | undefined
  /**
   * In milliseconds. A date in the current second may stand for two states. If undefined, that second is taken to be
   * over.
   */
  readonly now?: number | undefined
}

export type Evaluation =
  | { readonly outcome: 'proceed' }
  | { readonly outcome: 'not-modified' }
  | { readonly outcome: 'failed'; readonly field: ConditionField; readonly form?: TagForm | undefined }

/** Parses the conditional fields of a request (RFC 9110 §13.1). `now` decides the century of a two-digit year. */
export function parsePreconditions(
  fields: ConditionFields,
  { safe, now }: { readonly safe: boolean; readonly now: number },
): ParsedConditions {
  const { ifMatch: matchField, ifNoneMatch: noneMatchField, ifModifiedSince, ifUnmodifiedSince } = fields
  const ifMatch = matchField === undefined ? undefined : parseTagList(matchField)
  // The standard does not say what to do. If the field were ignored, the write that it should prevent would go through.
  if (ifMatch === undefined && matchField !== undefined) return { outcome: 'malformed', field: 'If-Match' }

  const ifNoneMatch = noneMatchField === undefined ? undefined : parseTagList(noneMatchField)
  const isMalformed = ifNoneMatch === undefined && noneMatchField !== undefined
  if (isMalformed && !safe) return { outcome: 'malformed', field: 'If-None-Match' }

  return {
    outcome: 'parsed',
    preconditions: {
      ifMatch,
      ifNoneMatch,
      // §13.1.3: only for GET and HEAD, and never with an If-None-Match, not even a malformed one.
      ifModifiedSince: safe && noneMatchField === undefined ? onlyDate(ifModifiedSince, now) : undefined,
      ifUnmodifiedSince: onlyDate(ifUnmodifiedSince, now),
    },
  }
}

/** §13.1.3, §13.1.4: a list of dates and anything that is not a date is ignored. */
function onlyDate(lines: readonly string[] | undefined, now: number): number | undefined {
  const line = lines?.length === 1 ? lines[0] : undefined
  return line === undefined ? undefined : parseHttpDate(line, now)
}

const PROCEED: Evaluation = { outcome: 'proceed' }
const NOT_MODIFIED: Evaluation = { outcome: 'not-modified' }

/**
 * Evaluates preconditions in the order of RFC 9110 §13.2.2. `current` is `undefined` when there is no current
 * representation.
 */
export function evaluatePreconditions(
  preconditions: Preconditions,
  current: Validators | undefined,
  options: EvaluationOptions,
): Evaluation {
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = preconditions

  // Step 1: If-Match.
  if (ifMatch !== undefined && !isMatch(ifMatch, current, options)) {
    return { outcome: 'failed', field: 'If-Match', form: formIn(ifMatch, current, options) }
  }

  // Step 2: If-Unmodified-Since, only without If-Match.
  if (ifMatch === undefined && ifUnmodifiedSince !== undefined) {
    if (!isUnmodifiedSince(ifUnmodifiedSince, current, options)) {
      return { outcome: 'failed', field: 'If-Unmodified-Since' }
    }
  }

  // Step 3: If-None-Match. For GET and HEAD a false condition means that the client already has the representation.
  if (ifNoneMatch !== undefined) {
    if (isNoneMatch(ifNoneMatch, current, options)) return PROCEED
    return options.safe ? NOT_MODIFIED : { outcome: 'failed', field: 'If-None-Match' }
  }

  // Step 4: If-Modified-Since, only for GET and HEAD and without If-None-Match.
  if (options.safe && ifModifiedSince !== undefined && !isModifiedSince(ifModifiedSince, current)) return NOT_MODIFIED

  // Step 5 is If-Range, which is not about conflicts. Step 6: all conditions are true.
  return PROCEED
}

/** §13.1.1: strong comparison. `*` is false when there is no current representation. */
function isMatch(given: TagList, current: Validators | undefined, options: EvaluationOptions): boolean {
  if (current === undefined) return false
  return given === '*' || holdsCurrentTag(given, current, strongMatch) || isAcceptedForm(given, current, options)
}

/** §13.1.2: weak comparison. `*` is false when there is a current representation. */
function isNoneMatch(given: TagList, current: Validators | undefined, options: EvaluationOptions): boolean {
  if (current === undefined) return true
  return !(given === '*' || holdsCurrentTag(given, current, weakMatch) || isAcceptedForm(given, current, options))
}

function isAcceptedForm(given: TagList, current: Validators, options: EvaluationOptions): boolean {
  return options.acceptWeakForms && formIn(given, current, options) !== undefined
}

function formIn(given: TagList, current: Validators | undefined, options: EvaluationOptions): TagForm | undefined {
  if (given === '*' || current === undefined) return undefined
  return formOfCurrentTag(given, current, options.tagSuffixes)
}

/** §13.1.4. A missing resource is not "unmodified". If the resource has no date, the field is ignored. */
function isUnmodifiedSince(date: number, current: Validators | undefined, options: EvaluationOptions): boolean {
  if (current === undefined) return false
  if (current.lastModified === undefined) return true
  if (options.dateCounts === false) return false
  const modified = floorToSecond(current.lastModified)
  // §8.8.2.2: the state may have changed again within its second. Not in the standard: we treat such a date as false.
  return (
    modified < date ||
    (modified === date && namesOneState(current.lastModified, options.now ?? Number.POSITIVE_INFINITY))
  )
}

/** §13.1.3. True if the dates do not tell. */
function isModifiedSince(date: number, current: Validators | undefined): boolean {
  if (current?.lastModified === undefined || isShared(current.lastModified)) return true
  return !(floorToSecond(current.lastModified) <= date)
}
