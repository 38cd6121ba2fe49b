import {
  answerOf,
  CONFLICTS,
  ConflictError,
  type ConflictFacts,
  type ConflictKind,
  isConflictError,
  toProblem,
} from '../../lib/conflicts/conflicts'

/** The table of the design: kinds | status | retryable | resolution. `outcome_unknown` is retryable with a condition only. */
const TABLE = `
precondition_failed | 412 | no | refetch
weak_validator | 412 | no | refetch
precondition_required | 428 | no | refetch
malformed_condition, conflicting_conditions | 400 | no | change-request
stale_version | 409 | no | refetch
concurrent_update | 409 | yes | wait
already_exists | 409 | no | change-request
unique_violation, reference_violation, check_violation | 409 | no | change-request
immutable_field | 409 | no | change-request
frozen, transition_not_allowed, rule_violation | 409 | no | change-request
patch_failed | 409 | no | refetch
locked | 423 | yes | wait
resource_busy, lock_lost | 409 | yes | wait
queue_full, backend_unavailable | 503 | yes | wait
outcome_unknown | 503 | no | refetch
denied | 403 | no | none
not_found | 404 | no | none
gone | 410 | no | none
malformed_body | 400 | no | change-request
schema_invalid | 422 | no | change-request
method_not_allowed | 405 | no | change-request
content_too_large | 413 | no | change-request
unsupported_media_type | 415 | no | change-request
headers_truncated | 431 | no | change-request
idempotency_key_missing, idempotency_key_invalid | 400 | no | change-request
idempotency_key_reused | 422 | no | new-key
idempotency_in_progress | 409 | yes | wait
idempotency_answer_lost | 409 | no | refetch
`
const rows = TABLE.trim()
  .split('\n')
  .flatMap((line) => {
    const [kinds = '', status, retryable, resolution] = line.split(' | ')
    return kinds
      .split(', ')
      .map((kind) => [kind as ConflictKind, Number(status), retryable === 'yes', resolution] as const)
  })

describe('CONFLICTS', () => {
  test.each(rows)('%s is %s, retryable: %s, resolution: %s', (kind, status, retryable, resolution) => {
    expect(CONFLICTS[kind]).toEqual({ status, retryable, resolution, title: expect.any(String) })
  })

  test('holds these kinds and no other', () => {
    expect(Object.keys(CONFLICTS).sort()).toEqual(rows.map(([kind]) => kind).sort())
  })

  test('each kind has a title of its own, one sentence for people', () => {
    const titles = Object.values(CONFLICTS).map(({ title }) => title)
    expect(new Set(titles).size).toBe(rows.length)
    for (const title of titles) expect(title).toMatch(/^[A-Z][^.]+[^.]$/)
  })
})

describe('ConflictError', () => {
  test.each(rows)('%s has what its kind says, in the fields of http-errors', (kind, status, retryable, resolution) => {
    const error = new ConflictError(kind)
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({
      name: 'ConflictError',
      code: kind,
      status,
      statusCode: status,
      expose: status < 500,
      retryable,
      resolution,
      title: CONFLICTS[kind].title,
      message: CONFLICTS[kind].title,
      headers: { 'Cache-Control': 'no-store' },
      facts: {},
    })
    expect(error).not.toHaveProperty('cause')
  })

  test.each(['nope', 'toString'])(
    'the kind %s, which there is not, is a mistake that names those that there are',
    (kind) => {
      expect(() => new ConflictError(kind as ConflictKind)).toThrow(
        new RegExp(`^ConflictError: there is no kind "${kind}". Known are precondition_failed, `),
      )
    },
  )

  test('facts go before what its kind says', () => {
    const cause = new Error('why')
    const error = new ConflictError('schema_invalid', {
      detail: 'Too long.',
      title: 'Own title',
      status: 400,
      retryable: true,
      cause,
    })
    expect(error).toMatchObject({
      message: 'Too long.',
      title: 'Own title',
      status: 400,
      statusCode: 400,
      retryable: true,
      cause,
    })
    expect(new ConflictError('outcome_unknown', { retryable: true }).retryable).toBe(true)
    expect(new ConflictError('locked', { retryable: false }).retryable).toBe(false)
  })

  test.each<[string, ConflictKind, ConflictFacts, Record<string, string>]>([
    ['the current tag on a 412', 'precondition_failed', { current: '"v2"' }, { ETag: '"v2"' }],
    ['the current tag on nothing else', 'stale_version', { current: '"v2"' }, {}],
    ['no tag that is not known', 'precondition_failed', {}, {}],
    ['how long to wait', 'locked', { retryAfterS: 3 }, { 'Retry-After': '3' }],
    [
      'how long to wait where the facts make it retryable',
      'outcome_unknown',
      { retryable: true, retryAfterS: 1 },
      { 'Retry-After': '1' },
    ],
    ['no wait for what waiting does not help', 'frozen', { retryAfterS: 3 }, {}],
    ['no wait where the facts take it back', 'locked', { retryable: false, retryAfterS: 3 }, {}],
    ['what the facts bring', 'method_not_allowed', { headers: { Allow: 'GET' } }, { Allow: 'GET' }],
  ])('brings as headers %s', (_name, kind, facts, headers) => {
    expect(new ConflictError(kind, facts).headers).toStrictEqual({ 'Cache-Control': 'no-store', ...headers })
  })
})

describe('isConflictError', () => {
  test('knows a conflict by its brand, which another copy of this package gives too', () => {
    expect(isConflictError(new ConflictError('gone'))).toBe(true)
    const brand = Symbol.for('express-conflict.conflict-error')
    expect(isConflictError(Object.assign(new Error(), { [brand]: true }))).toBe(true)
    expect(isConflictError({ [brand]: true })).toBe(false)
  })

  test('the brand is for no one to see', () => {
    expect(Object.getOwnPropertySymbols(Object.assign({}, new ConflictError('gone')))).toEqual([])
  })

  test.each([
    [new Error()],
    [Object.assign(new Error(), { name: 'ConflictError', code: 'gone' })],
    [undefined],
    ['gone'],
  ])('does not take %p for one', (error) => {
    expect(isConflictError(error)).toBe(false)
  })
})

describe('toProblem', () => {
  const problem = (kind: ConflictKind, facts?: ConflictFacts) =>
    JSON.parse(JSON.stringify(toProblem(new ConflictError(kind, facts), 'urn:p:', 'urn:uuid:1')))

  test('has these members when nothing more is known', () => {
    expect(problem('gone')).toStrictEqual({
      type: 'urn:p:gone',
      title: 'The resource was removed',
      status: 410,
      instance: 'urn:uuid:1',
      code: 'gone',
      retryable: false,
      resolution: 'none',
    })
  })

  test('shows every fact but headers, the cause and the wait', () => {
    const shown = {
      detail: 'd',
      field: 'If-Match',
      expected: '"a"',
      current: '"b"',
      conflicts: [{ pointer: '/a', kind: 'changed' }],
      errors: [{ instancePath: '/a' }],
      from: 'x',
      to: 'y',
      allowed: ['z'],
      lockedUntil: 'then',
      state: null,
    }
    const facts = { ...shown, headers: { 'X-A': 'b' }, cause: new Error('SELECT'), retryAfterS: 3 }
    expect(problem('precondition_failed', facts)).toStrictEqual({
      type: 'urn:p:precondition_failed',
      title: CONFLICTS.precondition_failed.title,
      status: 412,
      instance: 'urn:uuid:1',
      code: 'precondition_failed',
      retryable: false,
      resolution: 'refetch',
      ...shown,
    })
  })

  test('a type and a title of its own go before those of the kind', () => {
    expect(problem('rule_violation', { type: 'https://example.com/late', title: 'Too late' })).toMatchObject({
      type: 'https://example.com/late',
      title: 'Too late',
      code: 'rule_violation',
    })
  })

  test('lists end after 50', () => {
    const many = Array.from({ length: 51 }, (_, n) => ({ pointer: `/${n}`, kind: 'changed' }))
    const { conflicts, errors } = problem('immutable_field', { conflicts: many, errors: many })
    expect(conflicts).toEqual(many.slice(0, 50))
    expect(errors).toEqual(many.slice(0, 50))
  })
})

describe('the stack of a conflict', () => {
  const frames = ({ stack }: Error) => (stack ?? '').split('\n    at ').length - 1

  test('is taken of one that an app makes, and not of one that is only an answer', () => {
    const limit = Error.stackTraceLimit
    expect(frames(new ConflictError('frozen'))).toBeGreaterThan(0)
    const answer = answerOf('frozen', { detail: 'It is done.' })
    expect([frames(answer), answer.stack, answer.message]).toEqual([0, 'ConflictError: It is done.', 'It is done.'])
    expect(answer).toBeInstanceOf(ConflictError)
    expect(Error.stackTraceLimit).toBe(limit)
    expect(() => answerOf('no kind' as never)).toThrow('there is no kind "no kind"')
    expect(Error.stackTraceLimit).toBe(limit)
    expect(frames(new ConflictError('frozen'))).toBeGreaterThan(0)
  })
})
