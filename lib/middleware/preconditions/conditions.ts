import type { Request } from 'express'
import { answerOf, ConflictError } from '../../conflicts/conflicts'
import { parseEntityTag } from '../../http/entity-tag'
import { type ParsedConditions, type Preconditions, parsePreconditions } from '../../http/preconditions'
import { valueAt } from '../../json/pointer'
import type { GuardedRequest, RequestFacts } from '../request/guarded-request'

/** The conditions of a request without conditional fields. Compared by identity. */
export const NO_CONDITIONS: Preconditions = {}

/** The conditional fields of the request, or a 400 if they are malformed. Parsed once. */
export function conditionsOf<T>(guarded: GuardedRequest<T>): Preconditions | ConflictError {
  guarded.conditions ??= parseConditions(guarded)
  if (guarded.conditions.outcome === 'parsed') return guarded.conditions.preconditions
  const { field } = guarded.conditions
  const value = joined(guarded.headers[field === 'If-Match' ? 'if-match' : 'if-none-match']) ?? ''
  return answerOf('malformed_condition', { field, detail: malformedDetail(field, value) })
}

const LONGEST_SHOWN = 100
/** What JavaScript makes of a field that was not there. */
const NO_TAGS = new Set(['undefined', 'null', 'NaN', '[object Object]'])

/** The usual mistakes: the quotes got lost on the way through a shell or a variable, or there was no tag to send. */
function malformedDetail(field: string, value: string): string {
  const seen = `${field} is ${value.length > LONGEST_SHOWN ? `${value.slice(0, LONGEST_SHOWN - 1)}…` : value}`
  if (NO_TAGS.has(value))
    return `${seen}: the client had no ETag to send. Does the read show one? A page of another origin sees it only with Access-Control-Expose-Headers: ETag.`
  const bare = value.replace(/^W\//, '').replace(/^[\\"']+|[\\"']+$/g, '')
  const tag = bare.length < LONGEST_SHOWN && /^[!#-+\--~]+$/.test(bare) ? bare : '…'
  return `${seen}, and no list of entity tags. Send the tag as the ETag of the answer shows it, double quotes included, as in ${field}: "${tag}".`
}

function parseConditions<T>({ req, headers, isSafe }: RequestFacts<T>) {
  const since = headers['if-modified-since'] !== undefined || headers['if-unmodified-since'] !== undefined
  if (!since && headers['if-match'] === undefined && headers['if-none-match'] === undefined)
    return { outcome: 'parsed', preconditions: NO_CONDITIONS } as const
  // `headers` keeps the first line of a repeated date only. `headersDistinct` costs 15 µs, so only dates ask for it.
  const distinct = since ? req.headersDistinct : undefined
  return parsePreconditions(
    {
      ifMatch: joined(headers['if-match']),
      ifNoneMatch: joined(headers['if-none-match']),
      ifModifiedSince: linesOf(headers['if-modified-since'], distinct?.['if-modified-since']),
      ifUnmodifiedSince: linesOf(headers['if-unmodified-since'], distinct?.['if-unmodified-since']),
    },
    { safe: isSafe, now: Date.now() },
  )
}

/** Adapters for serverless platforms only fill `headers`, so a field that is there is never treated as absent. */
function linesOf(field: unknown, distinct: readonly string[] | undefined): readonly string[] | undefined {
  if (field === undefined || (distinct && distinct.length > 0)) return distinct
  return Array.isArray(field) ? field.map(String) : [String(field)]
}

/** Some of these adapters give the lines of a field as an array. */
function joined(field: unknown): string | undefined {
  if (field === undefined || typeof field === 'string') return field
  return Array.isArray(field) ? field.join(', ') : String(field)
}

export function hasConditions(conditions: ParsedConditions | undefined): boolean {
  return !(conditions?.outcome === 'parsed' && conditions.preconditions === NO_CONDITIONS)
}

export function disagreement(one: string, other: string): ConflictError {
  return answerOf('conflicting_conditions', {
    detail: `The version in the ${one} is not the one in ${other === 'query' ? 'the query' : other}.`,
  })
}

/** A version in the body or the query, for clients that cannot set headers. Not in a standard. */
export function versionNamedBy<T>({
  req,
  sent,
  settings,
  isSafe,
}: RequestFacts<T> & Pick<GuardedRequest<T>, 'sent'>): string | undefined | ConflictError {
  const { versionQuery, members } = settings
  if (isSafe) return undefined
  const inBody = unquoted(sent ? sent.version : versionInAction(req.body, members.versionField))
  const given = versionQuery === undefined ? undefined : req.query[versionQuery]
  if (given !== undefined && typeof given !== 'string')
    return answerOf('malformed_condition', {
      field: versionQuery,
      detail: `The query names ${versionQuery} more than once.`,
    })
  const inQuery = unquoted(given)
  if (inBody !== undefined && inQuery !== undefined && inBody !== inQuery) return disagreement('body', 'query')
  return inBody ?? inQuery
}

/**
 * Some clients copy the version from `ETag` with its quotes. The versions that we show never contain quotes themselves.
 */
function unquoted(version: string | undefined): string | undefined {
  const tag = version === undefined ? undefined : parseEntityTag(version)
  return tag && !tag.weak ? tag.opaque : version
}

/** The body of an action belongs to the handler; the chain only reads the version in it. */
function versionInAction(body: unknown, versionField: readonly string[] | undefined): string | undefined {
  const version = versionField && valueAt(body, versionField)
  return typeof version === 'string' || typeof version === 'number' ? String(version) : undefined
}

/**
 * Node 20 silently drops header lines beyond its limit (CVE-2026-58044). An `If-Match` among them would never be
 * evaluated.
 */
export function truncatedHeaders(req: Request): ConflictError | undefined {
  // A request that an adapter or a test has made up may have neither.
  const { socket, rawHeaders } = req as unknown as {
    socket?: { server?: { maxHeadersCount?: number | null } }
    rawHeaders?: readonly string[]
  }
  const limit = Math.min(1000, socket?.server?.maxHeadersCount || 1000)
  return (rawHeaders?.length ?? 0) >= 2 * limit ? new ConflictError('headers_truncated') : undefined
}
