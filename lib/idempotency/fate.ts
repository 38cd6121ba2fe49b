import type { ConflictKind } from '../conflicts/conflicts'

/**
 * What becomes of a key once the request is answered. `kept`: a repetition gets the same answer. `released`: it is
 * carried out anew. `unknown`: nobody knows whether anything was done.
 */
export type Fate = 'kept' | 'released' | 'unknown'

export interface AnswerFacts {
  readonly method: string
  readonly status: number
  /** The conflict that is answered, if one of ours is. */
  readonly conflict: ConflictKind | undefined
  /** The change was committed, whatever the answer says. */
  readonly isCommitted: boolean
  /** A handler failed on a statement of its own, whatever the answer says of that. */
  readonly isInDoubt: boolean
}

/** What these say is true of the request alone, today and tomorrow. */
const ABOUT_REQUEST: ReadonlySet<number> = new Set([400, 405, 413, 415, 422])
const CONFLICTS_ABOUT_REQUEST: ReadonlySet<ConflictKind> = new Set<ConflictKind>([
  'malformed_body',
  'schema_invalid',
  'method_not_allowed',
  'content_too_large',
  'unsupported_media_type',
])
/** Faults after which it is certain that nothing was done. */
const NOTHING_DONE: ReadonlySet<ConflictKind> = new Set<ConflictKind>(['backend_unavailable', 'queue_full'])

export function fateOf({ method, status, conflict, isCommitted, isInDoubt }: AnswerFacts): Fate {
  if (isCommitted) return status >= 500 ? 'unknown' : 'kept'
  if (status < 400) return 'kept'
  if (isInDoubt) return 'unknown'
  if (status >= 500) return conflict && NOTHING_DONE.has(conflict) ? 'released' : 'unknown'
  if (conflict && !CONFLICTS_ABOUT_REQUEST.has(conflict)) return 'released'
  // Whether a patch makes something valid depends on what is stored.
  if (status === 422 && method === 'PATCH') return 'released'
  return ABOUT_REQUEST.has(status) ? 'kept' : 'released'
}
