import { CONFLICTS, type ConflictKind } from '../conflicts/conflicts'

const KINDS = Object.keys(CONFLICTS) as ConflictKind[]

/**
 * JSON Schema 2020-12 of the problems that `respondToConflicts` sends, for all kinds or for those of one status. A rule
 * may bring members of its own, so others are allowed.
 */
export function problemSchema(status?: number): Record<string, unknown> {
  const kinds = status === undefined ? KINDS : KINDS.filter((kind) => statusesOf(kind).includes(status))
  return {
    type: 'object',
    description: 'A problem (RFC 9457).',
    required: ['type', 'title', 'status', 'instance', 'code', 'retryable', 'resolution'],
    properties: {
      type: { type: 'string', format: 'uri-reference', description: 'One URI for each kind.' },
      title: { type: 'string', description: 'The kind in words.' },
      status: status === undefined ? { type: 'integer', minimum: 400, maximum: 599 } : { const: status },
      detail: { type: 'string', description: 'One sentence on this occurrence, for a person.' },
      instance: { type: 'string', format: 'uri', description: 'The same one as in the log.' },
      code: { enum: kinds, description: 'The kind. It never changes its meaning.' },
      retryable: { type: 'boolean', description: 'May the same request, unchanged, succeed later?' },
      resolution: { enum: [...new Set(KINDS.map((kind) => CONFLICTS[kind].resolution))] },
      field: { type: 'string', description: 'The condition that failed.' },
      expected: { type: 'string', description: 'The entity tag that the client named.' },
      current: { type: 'string', description: 'The entity tag of the current state.' },
      conflicts: {
        type: 'array',
        maxItems: 50,
        description: 'The members that stand in the way.',
        items: {
          type: 'object',
          required: ['pointer', 'kind'],
          properties: { pointer: { type: 'string', format: 'json-pointer' }, kind: { type: 'string' } },
        },
      },
      errors: { type: 'array', maxItems: 50, items: { type: 'object' }, description: 'What the schema found.' },
      from: { type: 'string' },
      to: { type: 'string' },
      allowed: { type: 'array', items: { type: 'string' } },
      lockedUntil: { type: 'string', format: 'date-time' },
      holder: { description: 'Who holds an edit lock, as the app describes it.' },
      state: { description: 'What the app shows of the current state.' },
    },
  }
}

/** The statuses of a kind: the default one, and those that the option `status` may put in its place. */
export function statusesOf(kind: ConflictKind): readonly number[] {
  const { status } = CONFLICTS[kind]
  if (kind === 'immutable_field') return [status, 400, 422]
  return kind === 'schema_invalid' ? [status, 400] : [status]
}
