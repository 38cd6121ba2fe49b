import type { ConflictKind } from '../conflicts/conflicts'

/**
 * What happens to a key once its request is answered. `kept`: a repetition gets the same answer. `released`: a
 * repetition is carried out. `unknown`: nobody knows whether the request changed anything.
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

/** These refuse the request itself: tomorrow the answer would be the same. */
const ABOUT_REQUEST: ReadonlySet<number> = new Set([400, 405, 413, 415, 422])
const CONFLICTS_ABOUT_REQUEST: ReadonlySet<ConflictKind> = new Set<ConflictKind>([
  'malformed_body',
  'schema_invalid',
  'method_not_allowed',
  'content_too_large',
  'unsupported_media_type',
])
/** After these faults it is certain that nothing was changed. */
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
