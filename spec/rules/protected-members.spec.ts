import { type Marks, marksOf } from '../../lib/json/marks'
import { alike, parseArrayKeys } from '../../lib/json/members'
import { parsePointer } from '../../lib/json/pointer'
import {
  carryHidden,
  carryReadOnlyAndWriteOnly,
  changesIn,
  forbiddenChanges,
  type MemberRules,
  namesOtherKey,
  proposeNew,
  withKey,
} from '../../lib/rules/protected-members'

const at = (...pointers: string[]) => marksOf(pointers.map(parsePointer))
const none: MemberRules = {
  immutable: undefined,
  writeOnce: undefined,
  hidden: undefined,
  arrayKeys: new Map(),
  keyPointer: undefined,
  versionField: undefined,
}
/** As a PUT of `next` is proposed. */
function proposeNext(
  next: unknown,
  stored: unknown,
  readOnly: Marks | undefined,
  key: string | undefined,
  own: MemberRules,
) {
  const marks = { readOnly: alike(readOnly), writeOnly: alike(undefined) }
  const kept = carryReadOnlyAndWriteOnly(carryHidden(next, stored, own), stored, marks, own)
  return withKey(kept, stored, key, own)
}
const rules = (more: Partial<MemberRules>): MemberRules => ({ ...none, ...more })

const frozen = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(frozen)
  return value
}

describe('proposeNew', () => {
  test('is what the client sent, itself, where no rule takes anything out', () => {
    const sent = { a: 1 }
    expect(proposeNew(sent, undefined, none)).toBe(sent)
  })

  test('leaves out the version, hidden members and members that only the server sets', () => {
    const sent = frozen({ a: 1, revision: '7', secret: 's', created: 'now', items: [{ no: 1, by: 'me' }] })
    const own = rules({ hidden: at('/secret'), versionField: ['revision'] })
    expect(proposeNew(sent, at('/created', '/items/*/by'), own)).toStrictEqual({ a: 1, items: [{ no: 1 }] })
  })
})

describe('proposeNext', () => {
  const stored = frozen({ id: '1', a: 1, secret: 's', created: 'then' })

  test('is what the client sent, itself, where there is nothing to keep', () => {
    const sent = { a: 2 }
    expect(proposeNext(sent, stored, undefined, '1', none)).toBe(sent)
  })

  test('keeps hidden members as they are, whatever the client sends for them', () => {
    const own = rules({ hidden: at('/secret') })
    expect(proposeNext({ a: 2 }, stored, undefined, '1', own)).toStrictEqual({ a: 2, secret: 's' })
    expect(proposeNext({ a: 2, secret: 'x' }, stored, undefined, '1', own)).toStrictEqual({ a: 2, secret: 's' })
  })

  test('a hidden member that is not stored cannot be sent', () => {
    expect(proposeNext({ secret: 'x' }, { a: 1 }, undefined, '1', rules({ hidden: at('/secret') }))).toStrictEqual({})
  })

  test('keeps members that only the server sets', () => {
    expect(proposeNext({ a: 2 }, stored, at('/created'), '1', none)).toStrictEqual({ a: 2, created: 'then' })
    expect(proposeNext({ a: 2, created: 'x' }, stored, at('/created'), '1', none)).toStrictEqual({
      a: 2,
      created: 'then',
    })
  })

  test('takes the version out', () => {
    const own = rules({ versionField: ['meta', 'revision'] })
    expect(proposeNext({ a: 2, meta: { revision: '7' } }, stored, undefined, '1', own)).toStrictEqual({
      a: 2,
      meta: {},
    })
  })

  test('pairs items by their identity', () => {
    const own = rules({ hidden: at('/items/*/s'), arrayKeys: parseArrayKeys({ '/items': '/id' }) })
    const before = {
      items: [
        { id: 1, s: 'a' },
        { id: 2, s: 'b' },
      ],
    }
    expect(proposeNext({ items: [{ id: 2 }] }, before, undefined, '1', own)).toStrictEqual({
      items: [{ id: 2, s: 'b' }],
    })
  })

  test.each<[string, MemberRules]>([
    ['alone', rules({ keyPointer: ['id'] })],
    ['beside hidden members', rules({ keyPointer: ['id'], hidden: at('/secret') })],
  ])('fills in the key, %s', (_name, own) => {
    expect(proposeNext({ a: 2 }, stored, undefined, '1', own)).toMatchObject({ id: '1', a: 2 })
    expect(proposeNext({ a: 2 }, { id: 1 }, undefined, '1', own)).toStrictEqual({ id: 1, a: 2 })
  })
})

describe('withKey', () => {
  const own = rules({ keyPointer: ['id'] })

  test.each<[string, unknown, unknown, string | undefined, MemberRules, unknown]>([
    ['where nothing says that it stands there', { a: 1 }, undefined, '1', none, { a: 1 }],
    ['where it is not known yet', { a: 1 }, undefined, undefined, own, { a: 1 }],
    ['where one stands already', { id: '2' }, { id: '1' }, '1', own, { id: '2' }],
    ['where null stands already', { id: null }, undefined, '1', own, { id: null }],
  ])('leaves the value alone %s', (_name, value, stored, key, members, result) => {
    expect(withKey(value, stored, key, members)).toStrictEqual(result)
  })

  test('puts none in that is not known, not even the stored one', () => {
    expect(withKey({ a: 1 }, { id: '1' }, undefined, own)).toStrictEqual({ a: 1 })
  })

  test('puts it in, as it is stored where it is', () => {
    expect(withKey({ a: 1 }, undefined, '1', own)).toStrictEqual({ a: 1, id: '1' })
    expect(withKey({ a: 1 }, { id: 1 }, '1', own)).toStrictEqual({ a: 1, id: 1 })
    expect(withKey({ a: 1 }, { id: null }, '1', own)).toStrictEqual({ a: 1, id: '1' })
    expect(withKey({}, undefined, '1', rules({ keyPointer: ['meta', 'id'] }))).toStrictEqual({ meta: { id: '1' } })
  })
})

describe('namesOtherKey', () => {
  const own = rules({ keyPointer: ['id'] })

  test.each<[unknown, string | undefined, boolean]>([
    [{ id: '1' }, '1', false],
    [{ id: 1 }, '1', false],
    [{}, '1', false],
    [{}, undefined, false],
    [{ id: '2' }, '1', true],
    [{ id: 2 }, '1', true],
    [{ id: '01' }, '1', true],
    [{ id: '1 ' }, '1', true],
    [{ id: '' }, '1', true],
    // SECURITY S21: these have the key's text, and are not the key.
    [{ id: ['1'] }, '1', true],
    [{ id: {} }, '[object Object]', true],
    [{ id: null }, 'null', true],
    [{ id: true }, 'true', true],
    // A key that the store is still to give.
    [{ id: '1' }, undefined, true],
    [{ id: 'undefined' }, undefined, true],
  ])('%j under %j: %s', (value, key, other) => {
    expect(namesOtherKey(value, key, own)).toBe(other)
  })

  test('is false where the key stands nowhere in the value', () => {
    expect(namesOtherKey({ id: '2' }, '1', none)).toBe(false)
  })
})

describe('changesIn', () => {
  test.each<[string, string, unknown, unknown, string[]]>([
    ['a member that is the same', '/a', { a: { b: [1] } }, { a: { b: [1.0] } }, []],
    ['members in another order', '/a', { a: { b: 1, c: 2 } }, { a: { c: 2, b: 1 } }, []],
    ['a member that is missing on both sides', '/a', {}, {}, []],
    ['a changed member', '/a', { a: 1 }, { a: 2 }, ['changed /a']],
    ['a member of another type', '/a', { a: 1 }, { a: '1' }, ['changed /a']],
    ['a member that became null', '/a', { a: 1 }, { a: null }, ['changed /a']],
    ['a member that was null', '/a', { a: null }, { a: 1 }, ['changed /a']],
    ['null that stayed', '/a', { a: null }, { a: null }, []],
    ['a removed member', '/a', { a: 1 }, {}, ['removed /a']],
    ['null that was removed', '/a', { a: null }, {}, []],
    ['an added member', '/a', {}, { a: 1 }, ['added /a']],
    ['null that was added', '/a', {}, { a: null }, []],
    ['a parent that was removed', '/a/b', { a: { b: 1 } }, {}, ['removed /a/b']],
    ['a resource that was removed', '/a', { a: 1 }, undefined, ['removed /a']],
    [
      'each of several',
      '/a/*',
      { a: { b: 1, c: 2 } },
      { a: { c: 3, 'd/': 4 } },
      ['removed /a/b', 'changed /a/c', 'added /a/d~1'],
    ],
  ])('%s', (_name, pointer, before, after, changes) => {
    const found = changesIn(alike(at(pointer)), frozen(before), frozen(after), new Map())
    expect(found.map(({ kind, pointer }) => `${kind} ${pointer}`)).toStrictEqual(changes)
  })

  test('goes through all patterns', () => {
    const found = changesIn(alike(at('/a', '/b')), { a: 1, b: 1 }, {}, new Map())
    expect(found).toStrictEqual([
      { pointer: '/a', kind: 'removed' },
      { pointer: '/b', kind: 'removed' },
    ])
  })
})

describe('forbiddenChanges', () => {
  const own = rules({ immutable: at('/id'), writeOnce: at('/slug', '/tags/*') })

  test.each<[string, unknown, unknown, string[]]>([
    ['nothing', { id: 1, slug: 'a' }, { id: 1, slug: 'a' }, []],
    ['an immutable member that is added', {}, { id: 1 }, ['added /id']],
    ['a write-once member that is added', {}, { slug: 'a', tags: ['x'] }, []],
    ['a write-once member that is changed', { slug: 'a' }, { slug: 'b' }, ['changed /slug']],
    ['a write-once member that is removed', { slug: 'a' }, {}, ['removed /slug']],
    ['a write-once null that is set', { slug: null }, { slug: 'a' }, []],
    ['a write-once null that is left out', { slug: null }, {}, []],
    ['a write-once member that becomes null', { slug: 'a' }, { slug: null }, ['changed /slug']],
    ['an immutable null that is left out', { id: null }, {}, []],
    ['a write-once null that stays', { slug: null }, { slug: null }, []],
    ['an immutable null that is set', { id: null }, { id: 1 }, ['changed /id']],
    ['an immutable member that becomes null', { id: 1 }, { id: null }, ['changed /id']],
    ['both', { id: 1, slug: 'a' }, { id: 2 }, ['changed /id', 'removed /slug']],
  ])('%s', (_name, before, after, changes) => {
    expect(forbiddenChanges(before, after, own).map(({ kind, pointer }) => `${kind} ${pointer}`)).toStrictEqual(changes)
  })

  test('pairs items by their identity, of both kinds of members', () => {
    const paired = rules({
      immutable: at('/items/*/sku'),
      writeOnce: at('/items/*/note'),
      arrayKeys: parseArrayKeys({ '/items': '/id' }),
    })
    const before = {
      items: [
        { id: 1, sku: 'a' },
        { id: 2, sku: 'b', note: 'n' },
      ],
    }
    expect(forbiddenChanges(before, { items: [{ id: 2, sku: 'b', note: 'n' }] }, paired)).toStrictEqual([])
    expect(
      forbiddenChanges(
        before,
        {
          items: [
            { id: 2, sku: 'z', note: 'y' },
            { id: 1, sku: 'a', note: 'x' },
          ],
        },
        paired,
      ),
    ).toStrictEqual([
      { pointer: '/items/0/sku', kind: 'changed' },
      { pointer: '/items/0/note', kind: 'changed' },
    ])
  })
})
