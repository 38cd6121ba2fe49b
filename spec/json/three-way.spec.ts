import fc from 'fast-check'
import { sameJson } from '../../lib/json/equal'
import { parseArrayKeys } from '../../lib/json/members'
import { mergeThreeWay } from '../../lib/json/three-way'

const frozen = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(frozen)
  return value
}
const arrayKeys = parseArrayKeys({ '/items': '/id', '/rooms/*/beds': '/no' })
const merge = (base: unknown, theirs: unknown, mine: unknown) =>
  mergeThreeWay(frozen(base), frozen(theirs), frozen(mine), { arrayKeys })
const mergeText = (...texts: string[]) => {
  const [base, theirs, mine] = texts.map((text) => JSON.parse(text))
  return merge(base, theirs, mine)
}
const deep = (levels: number) => JSON.parse('['.repeat(levels) + ']'.repeat(levels))

describe('mergeThreeWay', () => {
  test.each([
    ['other members', '{"a":1,"b":1}', '{"a":2,"b":1}', '{"a":1,"b":2}', '{"a":2,"b":2}'],
    ['other members of an object within', '{"o":{"a":1}}', '{"o":{"a":1,"b":2}}', '{"o":{}}', '{"o":{"b":2}}'],
    ['both the same', '{"a":1}', '{"a":{"b":[2]}}', '{"a":{"b":[2]}}', '{"a":{"b":[2]}}'],
    ['both added the same', '{}', '{"a":{"b":2,"c":3}}', '{"a":{"c":3,"b":2}}', '{"a":{"b":2,"c":3}}'],
    ['both removed', '{"a":1,"b":1}', '{"b":1}', '{"b":1}', '{"b":1}'],
    ['an array that one side changed', '{"a":[1,2]}', '{"a":[1,2]}', '{"a":[2]}', '{"a":[2]}'],
    ['null is a value', '{"a":1}', '{"a":null}', '{"a":1,"b":1}', '{"a":null,"b":1}'],
    ['scalars', '1', '1', '2', '2'],
    ['names of a prototype', '{"__proto__":1}', '{"__proto__":1,"a":1}', '{"__proto__":2}', '{"__proto__":2,"a":1}'],
    [
      'an item that one side changed',
      '{"items":[{"id":1,"n":1}]}',
      '{"items":[{"id":1,"n":2}]}',
      '{"items":[{"id":1,"n":1,"m":1}]}',
      '{"items":[{"id":1,"n":2,"m":1}]}',
    ],
    [
      'items that both added',
      '{"items":[{"id":1}]}',
      '{"items":[{"id":1},{"id":2}]}',
      '{"items":[{"id":1},{"id":3}]}',
      '{"items":[{"id":1},{"id":2},{"id":3}]}',
    ],
    [
      'in front',
      '{"items":[{"id":1}]}',
      '{"items":[{"id":2},{"id":1}]}',
      '{"items":[{"id":3},{"id":1}]}',
      '{"items":[{"id":2},{"id":3},{"id":1}]}',
    ],
    [
      'removed beside a change',
      '{"items":[{"id":1},{"id":2}]}',
      '{"items":[{"id":2}]}',
      '{"items":[{"id":1},{"id":2,"n":1}]}',
      '{"items":[{"id":2,"n":1}]}',
    ],
    [
      'moved beside a change',
      '{"items":[{"id":1},{"id":2}]}',
      '{"items":[{"id":2},{"id":1}]}',
      '{"items":[{"id":1},{"id":2,"n":1},{"id":3}]}',
      '{"items":[{"id":2,"n":1},{"id":3},{"id":1}]}',
    ],
    [
      'items below a pattern',
      '{"rooms":{"a":{"beds":[{"no":1},{"no":2}]}}}',
      '{"rooms":{"a":{"beds":[{"no":2}]}}}',
      '{"rooms":{"a":{"beds":[{"no":1},{"no":2},{"no":3}]}}}',
      '{"rooms":{"a":{"beds":[{"no":2},{"no":3}]}}}',
    ],
    [
      '1 and "1" are two',
      '{"items":[{"id":1}]}',
      '{"items":[{"id":1,"n":1},{"id":"1"}]}',
      '{"items":[{"id":1}]}',
      '{"items":[{"id":1,"n":1},{"id":"1"}]}',
    ],
  ])('%s', (_, base, theirs, mine, result) => {
    const merged = mergeText(base, theirs, mine)
    expect(merged.ok && JSON.stringify(merged.value)).toBe(result)
  })

  test.each([
    ['one member', '{"a":1,"b":1}', '{"a":2,"b":1}', '{"a":3,"b":2}', ['/a']],
    ['removed and changed', '{"a":{"b":1}}', '{}', '{"a":{"b":2}}', ['/a']],
    ['added differently', '{}', '{"a":{"b":1}}', '{"a":{"c":1}}', ['/a']],
    ['another type', '{"a":{"b":1}}', '{"a":[]}', '{"a":{"b":2}}', ['/a']],
    ['an array as a whole', '{"a":[1]}', '{"a":[1,2]}', '{"a":[1,3]}', ['/a']],
    ['scalars', '1', '2', '3', ['']],
    [
      'an item',
      '{"items":[{"id":1,"n":1},{"id":2,"n":1}]}',
      '{"items":[{"id":2,"n":2}]}',
      '{"items":[{"id":1,"n":1},{"id":2,"n":3}]}',
      ['/items/0/n'],
    ],
    [
      'an item that is gone',
      '{"items":[{"id":1},{"id":2,"n":1}]}',
      '{"items":[{"id":1}]}',
      '{"items":[{"id":1},{"id":2,"n":3}]}',
      ['/items/1'],
    ],
    [
      'an item that both added',
      '{"items":[]}',
      '{"items":[{"id":1,"n":1}]}',
      '{"items":[{"id":1,"n":2}]}',
      ['/items/0'],
    ],
    [
      'items that nobody can tell apart',
      '{"items":[{"id":1},{"id":1}]}',
      '{"items":[{"id":1}]}',
      '{"items":[]}',
      ['/items'],
    ],
    ['items without identity', '{"items":[]}', '{"items":[{}]}', '{"items":[{"id":1}]}', ['/items']],
    [
      'both moved',
      '{"items":[{"id":1},{"id":2},{"id":3}]}',
      '{"items":[{"id":2},{"id":1},{"id":3}]}',
      '{"items":[{"id":1},{"id":3},{"id":2}]}',
      ['/items'],
    ],
    [
      'an array of which no identity is named',
      '{"others":[{"id":1}],"rooms":{"a":{"chairs":[{"no":1}]}}}',
      '{"others":[{"id":1},{"id":2}],"rooms":{"a":{"chairs":[{"no":1},{"no":2}]}}}',
      '{"others":[{"id":1},{"id":3}],"rooms":{"a":{"chairs":[{"no":1},{"no":3}]}}}',
      ['/others', '/rooms/a/chairs'],
    ],
    [
      'an array within an item',
      '{"items":[{"id":1,"parts":[{"id":1}]}]}',
      '{"items":[{"id":1,"parts":[{"id":1},{"id":2}]}]}',
      '{"items":[{"id":1,"parts":[{"id":1},{"id":3}]}]}',
      ['/items/0/parts'],
    ],
    ['names that a pointer escapes', '{"a/b":{"~":1}}', '{"a/b":{"~":2}}', '{"a/b":{"~":3}}', ['/a~1b/~0']],
    ['several', '{"a":1,"b":1}', '{"a":2,"b":2}', '{"a":3,"b":3}', ['/a', '/b']],
  ])('conflict: %s', (_, base, theirs, mine, conflicts) => {
    expect(mergeText(base, theirs, mine)).toMatchObject({ ok: false, conflicts })
  })

  test('it says who changed what', () => {
    const { changes } = merge(
      { a: 1, b: 1, c: 1, d: 1, items: [{ id: 1 }, { id: 2 }] },
      { a: 2, b: 1, c: 2, d: 2, items: [{ id: 2 }, { id: 1, n: 1 }] },
      { a: 1, b: 2, c: 2, d: 3, items: [{ id: 1 }, { id: 2, m: 1 }] },
    )
    expect(changes).toEqual([
      { pointer: '/a', by: 'theirs' },
      { pointer: '/b', by: 'mine' },
      { pointer: '/c', by: 'alike' },
      { pointer: '/d', by: 'both' },
      { pointer: '/items', by: 'theirs' },
      { pointer: '/items/0/m', by: 'mine' },
      { pointer: '/items/1/n', by: 'theirs' },
    ])
  })

  test('lists are bounded, the verdict is not', () => {
    const many = (value: number) => Object.fromEntries(Array.from({ length: 9 }, (_, i) => [i, value]))
    const merged = mergeThreeWay(many(1), many(2), many(3), { most: 4 })
    expect(merged).toMatchObject({ ok: false, conflicts: ['/0', '/1', '/2', '/3'] })
    expect(merged.changes).toHaveLength(4)
    expect(mergeThreeWay(many(1), many(2), many(3), { most: 0 }).ok).toBe(false)
  })

  test('a document that is too deep to be walked conflicts as a whole', () => {
    for (const [base, theirs, mine] of [
      [1, 2, deep(100_000)],
      [1, deep(100_000), 1],
      [deep(100_000), 1, 2],
    ] as const)
      expect(mergeThreeWay(base, theirs, mine)).toEqual({
        ok: false,
        conflicts: [''],
        changes: [{ pointer: '', by: 'both' }],
      })
    expect(mergeThreeWay(1, 1, deep(128)).ok).toBe(true)
  })

  const item = fc.record({ id: fc.integer({ min: 0, max: 6 }), n: fc.integer({ min: 0, max: 2 }) })
  const document = fc.record(
    {
      a: fc.jsonValue({ maxDepth: 2 }),
      b: fc.record({ c: fc.integer({ min: 0, max: 2 }), d: fc.nat({ max: 2 }) }, { requiredKeys: [] }),
      items: fc.uniqueArray(item, { selector: ({ id }) => id }),
      ['__proto__']: fc.nat({ max: 1 }),
    },
    { requiredKeys: [] },
  )
  const text = (value: unknown) => JSON.parse(JSON.stringify(value))
  const three = (check: (base: unknown, theirs: unknown, mine: unknown) => void) =>
    fc.assert(
      fc.property(document, document, document, (...all) => check(...(text(all) as [unknown, unknown, unknown]))),
    )

  test('where only one side changed anything the result is what that side has', () => {
    three((base, theirs) => {
      expect(merge(base, theirs, base)).toMatchObject({ ok: true, value: theirs })
      expect(merge(base, base, theirs)).toMatchObject({ ok: true, value: theirs })
      expect(merge(base, theirs, text(theirs))).toMatchObject({ ok: true, value: theirs })
      expect(merge(base, base, base)).toMatchObject({ ok: true, changes: [] })
    })
  })

  test('sides are equal: who is theirs decides neither whether nor where there is a conflict', () => {
    three((base, theirs, mine) => {
      const [one, other] = [merge(base, theirs, mine), merge(base, mine, theirs)]
      expect(other.ok).toBe(one.ok)
      const count = (by: string, { changes }: typeof one) => changes.filter((each) => each.by === by).length
      expect(count('mine', other)).toBe(count('theirs', one))
      expect(count('both', other)).toBe(count('both', one))
    })
  })

  test('what was merged holds the changes of both sides: merged again it is the same', () => {
    three((base, theirs, mine) => {
      const merged = merge(base, theirs, mine)
      if (!merged.ok) return
      const again = merge(base, merged.value, mine)
      expect(again.ok && sameJson(again.value, merged.value)).toBe(true)
    })
  })
})
