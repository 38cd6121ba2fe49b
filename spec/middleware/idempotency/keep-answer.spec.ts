import type { ConflictKind } from '../../../lib'
import { type KeyAfterAnswer, keyAfterAnswer } from '../../../lib/middleware/idempotency/keep-answer'

const fate = (method: string, status: number, conflict?: ConflictKind, isCommitted = false, isInDoubt = false) =>
  keyAfterAnswer({ method, status, conflict, isCommitted, isInDoubt })

test.each<[number, ConflictKind, KeyAfterAnswer]>([
  [400, 'malformed_body', 'kept'],
  [422, 'schema_invalid', 'kept'],
  [413, 'content_too_large', 'kept'],
  [405, 'method_not_allowed', 'kept'],
  [415, 'unsupported_media_type', 'kept'],
  // The header is no part of the fingerprint: corrected, it is the same request.
  [400, 'malformed_condition', 'released'],
  [400, 'conflicting_conditions', 'released'],
  // By its status it would be kept, but it speaks of what is stored.
  [422, 'immutable_field', 'released'],
  [400, 'immutable_field', 'released'],
  [409, 'rule_violation', 'released'],
  [412, 'precondition_failed', 'released'],
  [503, 'backend_unavailable', 'released'],
  [503, 'queue_full', 'released'],
  [503, 'outcome_unknown', 'unknown'],
])('%i %s of a PUT is %s', (status, conflict, expected) => expect(fate('PUT', status, conflict)).toBe(expected))

test.each<[string, number, KeyAfterAnswer]>([
  ['POST', 200, 'kept'],
  ['POST', 303, 'kept'],
  ['PUT', 422, 'kept'],
  ['PATCH', 422, 'released'],
  ['PATCH', 400, 'kept'],
  ['POST', 404, 'released'],
  ['POST', 418, 'released'],
  ['POST', 500, 'unknown'],
  ['POST', 503, 'unknown'],
])("%s: a handler's own %i is %s", (method, status, expected) => expect(fate(method, status)).toBe(expected))

test.each([200, 404, 409, 412])('what was committed is kept, whatever the answer says: %i', (status) => {
  expect(fate('PATCH', status, 'rule_violation', true)).toBe('kept')
})

test('committed, and then a fault: it is never run again', () => {
  expect(fate('PUT', 500, undefined, true)).toBe('unknown')
  expect(fate('PUT', 503, 'backend_unavailable', true)).toBe('unknown')
})

test.each([400, 404, 409, 422, 503])(
  'a handler that failed at work is unknown, whatever the answer says: %i',
  (status) => {
    expect(fate('POST', status, 'unique_violation', false, true)).toBe('unknown')
  },
)

test('a handler that went on after it failed is known by its success', () => {
  expect(fate('POST', 201, undefined, false, true)).toBe('kept')
})
