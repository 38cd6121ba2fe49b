import { frozenConflict, isGone, type Lifecycle, stateOf, transitionConflict } from '../../lib/rules/lifecycle'

const workflow: Lifecycle = {
  field: ['status'],
  frozen: new Set(['archived']),
  gone: new Set(['deleted']),
  initial: new Set(['draft']),
  transitions: new Map([
    ['draft', new Set(['review', 'deleted'])],
    ['review', new Set(['draft', 'published'])],
    ['published', new Set(['archived'])],
    ['deleted', new Set()],
  ]),
}

const at = (status: unknown) => ({ title: 'A', status })

describe('stateOf', () => {
  test.each<[string, unknown, string | undefined]>([
    ['a string', at('draft'), 'draft'],
    ['the empty string', at(''), ''],
    ['a number', at(1), undefined],
    ['null', at(null), undefined],
    ['an array', at(['draft']), undefined],
    ['a missing member', {}, undefined],
    ['a missing value', undefined, undefined],
    ['a scalar', 'draft', undefined],
  ])('of %s', (_name, value, state) => {
    expect(stateOf(workflow, value)).toBe(state)
  })

  test('reads a nested member, and own members only', () => {
    expect(stateOf({ ...workflow, field: ['meta', 'status'] }, { meta: { status: 'draft' } })).toBe('draft')
    expect(stateOf({ ...workflow, field: ['constructor', 'name'] }, {})).toBeUndefined()
  })
})

describe('isGone', () => {
  test.each([
    [at('deleted'), true],
    [at('draft'), false],
    [at(['deleted']), false],
    [{}, false],
    [undefined, false],
  ])('%j: %s', (value, gone) => {
    expect(isGone(workflow, value)).toBe(gone)
  })
})

describe('frozenConflict', () => {
  test('refuses a change of what is frozen, and says in which state it is', () => {
    expect(frozenConflict(workflow, at('archived'))).toMatchObject({
      code: 'frozen',
      status: 409,
      message: 'It is "archived".',
      facts: { from: 'archived' },
    })
  })

  test.each([[at('draft')], [at('published')], [at(['archived'])], [{}], [undefined]])(
    'lets %j be changed',
    (value) => {
      expect(frozenConflict(workflow, value)).toBeUndefined()
    },
  )
})

describe('transitionConflict', () => {
  test.each<[string, unknown, unknown]>([
    ['a step that the workflow has', at('draft'), at('review')],
    ['the way back', at('review'), at('draft')],
    ['a state that is kept', at('review'), at('review')],
    ['a final state that is kept', at('archived'), at('archived')],
    ['a state of which nothing is said that is kept', at('other'), at('other')],
    ['no state that is kept', {}, { title: 'B' }],
    ['a beginning', undefined, at('draft')],
    ['the beginning of what was stored without a state', {}, at('draft')],
    ['the beginning of what was stored with a state that is no string', at(7), at('draft')],
  ])('allows %s', (_name, before, after) => {
    expect(transitionConflict(workflow, before, after)).toBeUndefined()
  })

  test.each<[string, unknown, unknown, object, string]>([
    [
      'a step that the workflow does not have',
      at('draft'),
      at('published'),
      { from: 'draft', to: 'published', allowed: ['review', 'deleted'] },
      'It cannot go from "draft" to "published".',
    ],
    [
      'a step into an unknown state',
      at('draft'),
      at('x'),
      { from: 'draft', to: 'x', allowed: ['review', 'deleted'] },
      'It cannot go from "draft" to "x".',
    ],
    [
      'a state that is left out',
      at('draft'),
      {},
      { from: 'draft', to: undefined, allowed: ['review', 'deleted'] },
      'It cannot go from "draft" to no state at all.',
    ],
    [
      'a state in an array',
      at('draft'),
      at(['review']),
      { from: 'draft', to: undefined, allowed: ['review', 'deleted'] },
      'It cannot go from "draft" to no state at all.',
    ],
    [
      'a step out of a final state',
      at('deleted'),
      at('draft'),
      { from: 'deleted', to: 'draft', allowed: [] },
      'It cannot go from "deleted" to "draft".',
    ],
    [
      'a step out of a state of which nothing is said',
      at('archived'),
      at('draft'),
      { from: 'archived', to: 'draft', allowed: [] },
      'It cannot go from "archived" to "draft".',
    ],
    [
      'a beginning in the middle',
      undefined,
      at('published'),
      { from: undefined, to: 'published', allowed: ['draft'] },
      'It cannot begin as "published".',
    ],
    [
      'a beginning without a state',
      undefined,
      {},
      { from: undefined, to: undefined, allowed: ['draft'] },
      'It cannot begin as no state at all.',
    ],
    [
      'a late beginning in the middle',
      {},
      at('published'),
      { from: undefined, to: 'published', allowed: ['draft'] },
      'It cannot begin as "published".',
    ],
  ])('refuses %s', (_name, before, after, facts, message) => {
    const conflict = transitionConflict(workflow, before, after)
    expect(conflict).toMatchObject({ code: 'transition_not_allowed', status: 409, message })
    expect(conflict?.facts).toStrictEqual({
      detail: message,
      conflicts: [{ pointer: `/${workflow.field.join('/')}`, kind: 'transition' }],
      ...facts,
    })
  })

  test('without initial states a resource begins anywhere', () => {
    const anywhere = { ...workflow, initial: undefined }
    for (const after of [at('published'), at('x'), {}]) {
      expect(transitionConflict(anywhere, undefined, after)).toBeUndefined()
      expect(transitionConflict(anywhere, {}, after)).toBeUndefined()
    }
    expect(transitionConflict(anywhere, at('draft'), at('published'))).toBeDefined()
  })

  test('without transitions every step is allowed, but for the first', () => {
    const free = { ...workflow, transitions: undefined }
    expect(transitionConflict(free, at('draft'), at('published'))).toBeUndefined()
    expect(transitionConflict(free, at('draft'), {})).toBeUndefined()
    expect(transitionConflict(free, undefined, at('published'))).toBeDefined()
  })
})
