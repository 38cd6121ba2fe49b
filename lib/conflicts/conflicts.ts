import type { Problem } from '../http/problem'
import { show } from '../options'

/** What a client should do about a conflict before it sends another request. */
export type Resolution = 'refetch' | 'wait' | 'change-request' | 'new-key' | 'none'

export interface ConflictDefinition {
  readonly status: number
  /** May the same request, unchanged, succeed later? */
  readonly retryable: boolean
  readonly resolution: Resolution
  readonly title: string
}

const define = (status: number, retryable: boolean, resolution: Resolution, title: string) =>
  ({ status, retryable, resolution, title }) as const satisfies ConflictDefinition

/** Every kind of conflict. The key is the `code` that clients see; it never changes its meaning. */
export const CONFLICTS = {
  precondition_failed: define(412, false, 'refetch', 'The resource is not in the state that the request expects'),
  weak_validator: define(
    412,
    false,
    'refetch',
    'The entity tag was weakened on its way and cannot be used for a change',
  ),
  precondition_required: define(428, false, 'refetch', 'The request has to say which state it expects'),
  malformed_condition: define(400, false, 'change-request', 'A condition of the request cannot be read'),
  conflicting_conditions: define(400, false, 'change-request', 'The request names two different versions'),
  stale_version: define(
    409,
    false,
    'refetch',
    'The version that the request was made from is no longer the current one',
  ),
  concurrent_update: define(409, true, 'wait', 'Others are changing the resource at this moment'),
  already_exists: define(409, false, 'change-request', 'There is a resource of this key already'),
  unique_violation: define(409, false, 'change-request', 'Another resource has this value already'),
  reference_violation: define(409, false, 'change-request', 'The change would break a reference between resources'),
  check_violation: define(409, false, 'change-request', 'The change breaks a constraint of the stored data'),
  immutable_field: define(409, false, 'change-request', 'The change touches a member that cannot be changed'),
  frozen: define(409, false, 'change-request', 'The resource is in a state in which it cannot be changed'),
  transition_not_allowed: define(
    409,
    false,
    'change-request',
    'The workflow does not lead from this state to that one',
  ),
  rule_violation: define(409, false, 'change-request', 'The change breaks a rule'),
  patch_failed: define(409, false, 'refetch', 'The patch does not fit the current state'),
  locked: define(423, true, 'wait', 'Somebody else is editing the resource'),
  resource_busy: define(409, true, 'wait', 'The resource is busy with other requests'),
  lock_lost: define(409, true, 'wait', 'The lock ran out before the change was made; nothing was changed'),
  queue_full: define(503, true, 'wait', 'Too many requests are waiting for the resource'),
  backend_unavailable: define(503, true, 'wait', 'The data cannot be reached at this moment; nothing was changed'),
  outcome_unknown: define(503, false, 'refetch', 'Nobody knows yet whether the change was made'),
  denied: define(403, false, 'none', 'The caller may not do this'),
  not_found: define(404, false, 'none', 'There is no such resource'),
  gone: define(410, false, 'none', 'The resource was removed'),
  malformed_body: define(400, false, 'change-request', 'The body of the request cannot be read'),
  schema_invalid: define(422, false, 'change-request', 'The resource would not be valid'),
  method_not_allowed: define(405, false, 'change-request', 'The resource does not support this method'),
  content_too_large: define(413, false, 'change-request', 'The body of the request is too large'),
  unsupported_media_type: define(
    415,
    false,
    'change-request',
    'The body of the request is of a type that is not understood',
  ),
  headers_truncated: define(431, false, 'change-request', 'The request has too many header lines'),
  idempotency_key_missing: define(400, false, 'change-request', 'The request needs an Idempotency-Key'),
  idempotency_key_invalid: define(400, false, 'change-request', 'The Idempotency-Key cannot be read'),
  idempotency_key_reused: define(422, false, 'new-key', 'The Idempotency-Key was used for another request'),
  idempotency_in_progress: define(
    409,
    true,
    'wait',
    'The request with this Idempotency-Key is still being carried out',
  ),
  idempotency_answer_lost: define(
    409,
    false,
    'refetch',
    'The request with this Idempotency-Key was carried out, and its answer is not there any more',
  ),
} as const satisfies Record<string, ConflictDefinition>

/** The names of the kinds: what clients see as `code`. */
export type ConflictKind = keyof typeof CONFLICTS

/** A member that caused the conflict, and why. */
export interface MemberConflict {
  readonly pointer: string
  readonly kind: string
  readonly [fact: string]: unknown
}

/**
 * Details of a conflict. Everything here is sent to the client, except `cause`; `headers` are sent as header fields.
 */
export interface ConflictFacts {
  /** One sentence about this occurrence, written for people. */
  readonly detail?: string | undefined
  /** A URI of the app's own, used as `type` instead of the kind's. */
  readonly type?: string | undefined
  readonly title?: string | undefined
  /** Used instead of the kind's status, for the kinds whose status is an option. */
  readonly status?: number | undefined
  readonly retryable?: boolean | undefined
  /** Whole seconds, sent as `Retry-After`. */
  readonly retryAfterS?: number | undefined
  /** The condition that failed, as a field name. */
  readonly field?: string | undefined
  /** The entity tag or version that the client expected. */
  readonly expected?: string | undefined
  /** The entity tag of the current state; sent as `ETag` on a 412. */
  readonly current?: string | undefined
  readonly conflicts?: readonly MemberConflict[] | undefined
  /** The errors that the schema reported. */
  readonly errors?: readonly object[] | undefined
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly allowed?: readonly string[] | undefined
  readonly lockedUntil?: string | undefined
  /** The result of `describeHolder`. */
  readonly holder?: unknown
  /** The result of `expose`. */
  readonly state?: unknown
  /** Additional header fields for the answer. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly cause?: unknown
}

/** The most items that a list in a problem may have. */
const MOST_ITEMS = 50

const BRAND = Symbol.for('express-conflict.conflict-error')

/**
 * A reason to refuse a request. Pass it to `next` or throw it; `respondToConflicts` answers it.
 *
 * It has the fields of `http-errors` (`status`, `statusCode`, `expose`, `headers`), so an app without our responder
 * also answers with the right status.
 */
export class ConflictError extends Error {
  readonly code: ConflictKind
  readonly status: number
  readonly statusCode: number
  readonly expose: boolean
  readonly headers: Readonly<Record<string, string>>
  readonly retryable: boolean
  readonly resolution: Resolution
  readonly title: string
  readonly facts: ConflictFacts

  constructor(code: ConflictKind, facts: ConflictFacts = {}) {
    const definition = definitionOf(code)
    if (typeof facts !== 'object')
      throw new TypeError(`ConflictError: give facts, such as { detail: ${show(facts)} }; got ${show(facts)}.`)
    super(facts.detail ?? definition.title, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.name = 'ConflictError'
    this.code = code
    this.status = facts.status ?? definition.status
    this.statusCode = this.status
    this.expose = this.status < 500
    this.retryable = facts.retryable ?? definition.retryable
    this.headers = headersOf(this.status, this.retryable, facts)
    this.resolution = definition.resolution
    this.title = facts.title ?? definition.title
    this.facts = facts
  }

  static {
    Object.defineProperty(ConflictError.prototype, BRAND, { value: true })
  }
}

/**
 * A conflict that is only used to answer a client. It has no stack trace: the trace would show nothing but this
 * package, and capturing it takes a tenth of the time of a 412.
 */
export function answerOf(code: ConflictKind, facts?: ConflictFacts): ConflictError {
  const { stackTraceLimit } = Error
  // Not by assignment, which throws where intrinsics are frozen.
  Reflect.set(Error, 'stackTraceLimit', 0)
  try {
    return new ConflictError(code, facts)
  } finally {
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit)
  }
}

function definitionOf(code: ConflictKind): ConflictDefinition {
  if (Object.hasOwn(CONFLICTS, code)) return CONFLICTS[code]
  throw new TypeError(`ConflictError: there is no kind "${code}". Known are ${Object.keys(CONFLICTS).join(', ')}.`)
}

/**
 * Whether an error is a conflict, or has one as its `cause`: NestJS wraps what a handler throws. `conflictOf` returns
 * the conflict itself.
 */
export function isConflictError(error: unknown): error is ConflictError {
  return conflictOf(error) !== undefined
}

function isBranded(error: Error): error is ConflictError {
  return BRAND in error
}

/** How many levels of `cause` are followed. A `cause` may lead back to itself. */
const MOST_CAUSES = 5

/**
 * The conflict that an error is, or wraps. Checked by brand and not by class, because two copies of this package may be
 * loaded.
 */
export function conflictOf(error: unknown): ConflictError | undefined {
  let each = error
  for (let depth = 0; depth <= MOST_CAUSES && each instanceof Error; depth++) {
    if (isBranded(each)) return each
    each = each.cause
  }
  return undefined
}

/**
 * The problem to send to the client. `typePrefix` is put in front of the kind, unless the conflict has its own type.
 * Members may be `undefined`, which JSON leaves out.
 */
export function toProblem(error: ConflictError, typePrefix: string, instance: string): Problem {
  const { facts } = error
  const problem: Record<string, unknown> = {
    type: facts.type ?? typePrefix + error.code,
    title: error.title,
    status: error.status,
    detail: facts.detail,
    instance,
    code: error.code,
    retryable: error.retryable,
    resolution: error.resolution,
    field: facts.field,
    expected: facts.expected,
    current: facts.current,
    conflicts: facts.conflicts?.slice(0, MOST_ITEMS),
    errors: facts.errors?.slice(0, MOST_ITEMS),
    from: facts.from,
    to: facts.to,
    allowed: facts.allowed,
    lockedUntil: facts.lockedUntil,
    holder: facts.holder,
    state: facts.state,
  }
  return problem as unknown as Problem
}

function headersOf(status: number, retryable: boolean, facts: ConflictFacts): Record<string, string> {
  // A conflict is about this moment. RFC 6585 §3 forbids caches to store a 428; the others could be wrong a second
  // later.
  const headers: Record<string, string> = { 'Cache-Control': 'no-store', ...facts.headers }
  if (status === 412 && facts.current !== undefined) headers.ETag = facts.current
  if (retryable && facts.retryAfterS !== undefined) headers['Retry-After'] = String(facts.retryAfterS)
  return headers
}
