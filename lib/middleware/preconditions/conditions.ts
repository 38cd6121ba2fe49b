import { ConflictError } from '../../conflicts/conflicts'
import { type Preconditions, parsePreconditions } from '../../http/preconditions'
import type { GuardedRequest } from '../request/guarded-request'

/** What a request without conditional fields has: known by identity. */
export const NO_CONDITIONS: Preconditions = {}

/** The conditional fields of the request, or why they cannot be read (400). Parsed once. */
export function conditionsOf<T>(guarded: GuardedRequest<T>): Preconditions | ConflictError {
  guarded.conditions ??= parseConditions(guarded)
  if (guarded.conditions.outcome === 'parsed') return guarded.conditions.preconditions
  const { field } = guarded.conditions
  return new ConflictError('malformed_condition', { field, detail: `${field} holds no list of entity tags.` })
}

function parseConditions<T>({ req, headers, isSafe }: GuardedRequest<T>) {
  const since = headers['if-modified-since'] !== undefined || headers['if-unmodified-since'] !== undefined
  if (!since && headers['if-match'] === undefined && headers['if-none-match'] === undefined)
    return { outcome: 'parsed', preconditions: NO_CONDITIONS } as const
  // `headers` keeps the first line of a repeated date only; `headersDistinct` is dear and read for dates alone.
  const lines = since ? req.headersDistinct : undefined
  return parsePreconditions(
    {
      ifMatch: headers['if-match'],
      ifNoneMatch: headers['if-none-match'],
      ifModifiedSince: lines?.['if-modified-since'],
      ifUnmodifiedSince: lines?.['if-unmodified-since'],
    },
    { safe: isSafe, now: Date.now() },
  )
}

export function hasConditions<T>({ conditions }: GuardedRequest<T>): boolean {
  return !(conditions?.outcome === 'parsed' && conditions.preconditions === NO_CONDITIONS)
}
