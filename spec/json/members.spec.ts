import { marksOf } from '../../lib/json/marks'
import { alike, carryMembers, eachMember, parseArrayKeys, withoutMembers } from '../../lib/json/members'
import { formatPointer, parsePointer } from '../../lib/json/pointer'

const frozen = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(frozen)
  return value
}

const patterns = (...pointers: string[]) => marksOf(pointers.map(parsePointer))
const byId = parseArrayKeys({ '/items': '/id' })

/** Every pair that is visited, as `[pointer, before, after]`. */
function visited(pointer: string, before: unknown, after: unknown, arrayKeys = byId) {
  const pairs: [string, unknown, unknown][] = []
  eachMember(alike(patterns(pointer)), frozen(before), frozen(after), arrayKeys, (was, is, tokens) => {
    pairs.push([formatPointer(tokens), was, is])
  })
  return pairs
}

describe('parseArrayKeys', () => {
  test('reads the pointers to identities', () => {
    expect(parseArrayKeys({ '/items': '/id', '/a/*/b': '/ref/no' })).toStrictEqual(
      new Map([
        ['/items', ['id']],
        ['/a/*/b', ['ref', 'no']],
      ]),
    )
  })
})

describe('eachMember', () => {
  test.each<[string, string, unknown, unknown, [string, unknown, unknown][]]>([
    ['a member on both sides', '/a', { a: 1 }, { a: 2 }, [['/a', 1, 2]]],
    ['a member on one side', '/a', { a: 1 }, {}, [['/a', 1, undefined]]],
    ['a member on the other side', '/a', {}, { a: 2 }, [['/a', undefined, 2]]],
    ['a member on no side', '/a', {}, undefined, [['/a', undefined, undefined]]],
    ['a nested member', '/a/b', { a: { b: 1 } }, { a: { b: 2 } }, [['/a/b', 1, 2]]],
    ['a member below a scalar', '/a/b', { a: { b: 1 } }, { a: 'x' }, [['/a/b', 1, undefined]]],
    ['the whole document', '', 1, 2, [['', 1, 2]]],
    ['a name with a slash and a tilde', '/a~1b~0', { 'a/b~': 1 }, {}, [['/a~1b~0', 1, undefined]]],
    ['an item by its index', '/a/1', { a: [1, 2] }, { a: [1, 3] }, [['/a/1', 2, 3]]],
    ['what is inherited as missing', '/toString', {}, {}, [['/toString', undefined, undefined]]],
    ['what the prototype holds as missing', '/__proto__/x', {}, {}, [['/__proto__/x', undefined, undefined]]],
  ])('gives %s', (_name, pointer, before, after, pairs) => {
    expect(visited(pointer, before, after)).toStrictEqual(pairs)
  })

  describe('with * at the end, gives', () => {
    test.each<[string, unknown, unknown, [string, unknown, unknown][]]>([
      [
        'members kept, removed and added',
        { a: 1, b: 2 },
        { a: 1, c: 3 },
        [
          ['/m/a', 1, 1],
          ['/m/b', 2, undefined],
          ['/m/c', undefined, 3],
        ],
      ],
      [
        'items by index',
        [1, 2],
        [3],
        [
          ['/m/0', 1, 3],
          ['/m/1', 2, undefined],
        ],
      ],
      [
        'items that are added',
        [1],
        [1, 2],
        [
          ['/m/0', 1, 1],
          ['/m/1', undefined, 2],
        ],
      ],
      [
        'items that went, and members that came, of an array that became an object',
        [1],
        { 0: 1, x: 2 },
        [
          ['/m/0', 1, undefined],
          ['/m/0', undefined, 1],
          ['/m/x', undefined, 2],
        ],
      ],
      ['what a scalar took away', { a: 1 }, 'scalar', [['/m/a', 1, undefined]]],
      ['what null took away', { a: 1 }, null, [['/m/a', 1, undefined]]],
      ['nothing of two scalars', 1, 2, []],
    ])('%s', (_name, before, after, pairs) => {
      expect(visited('/m/*', { m: before }, { m: after })).toStrictEqual(pairs)
    })
  })

  describe('with * in between, gives', () => {
    test.each<[string, unknown, unknown, [string, unknown, unknown][]]>([
      ['members of what stayed', { a: { x: 1 } }, { a: { x: 2 } }, [['/m/a/x', 1, 2]]],
      ['members of what went', { a: { x: 1 } }, {}, [['/m/a/x', 1, undefined]]],
      ['no members of what is new', {}, { a: { x: 1 } }, []],
      [
        'members of an item that went',
        [{ x: 1 }, { x: 2 }],
        [{ x: 1 }],
        [
          ['/m/0/x', 1, 1],
          ['/m/1/x', 2, undefined],
        ],
      ],
      ['no members of an item that is new', [{ x: 1 }], [{ x: 1 }, { x: 2 }], [['/m/0/x', 1, 1]]],
      ['a null in place of an item as a loss', [{ x: 1 }], [null], [['/m/0/x', 1, undefined]]],
    ])('%s', (_name, before, after, pairs) => {
      expect(visited('/m/*/x', { m: before }, { m: after })).toStrictEqual(pairs)
    })

    test('members behind two of them', () => {
      const pairs = visited('/*/*/x', { a: { b: { x: 1 } }, c: {} }, { a: { b: { x: 2 }, d: { x: 3 } }, c: {} })
      expect(pairs).toStrictEqual([['/a/b/x', 1, 2]])
    })
  })

  describe('with items that have an identity, gives', () => {
    const [a, b, c] = [
      { id: 1, x: 'a' },
      { id: 2, x: 'b' },
      { id: 3, x: 'c' },
    ]
    test.each<[string, unknown, unknown, [string, unknown, unknown][]]>([
      [
        'pairs where they now stand',
        [a, b],
        [b, a],
        [
          ['/items/0/x', 'b', 'b'],
          ['/items/1/x', 'a', 'a'],
        ],
      ],
      ['nothing of an item that went', [a, b], [b], [['/items/0/x', 'b', 'b']]],
      ['nothing of an item that is new', [a], [c, a], [['/items/1/x', 'a', 'a']]],
      ['nothing of an item whose identity changed', [a], [{ id: 9, x: 'a' }], []],
      ['nothing for a number that became a string', [a], [{ id: '1', x: 'z' }], []],
      ['nothing of items without an identity', [{ x: 1 }], [{ x: 2 }], []],
      ['nothing of items whose identity is null', [{ id: null, x: 1 }], [{ id: null, x: 2 }], []],
      ['nothing of items whose identity is an object', [{ id: {}, x: 1 }], [{ id: {}, x: 2 }], []],
      ['an item whose identity is false', [{ id: false, x: 1 }], [{ id: false, x: 2 }], [['/items/0/x', 1, 2]]],
      [
        'a copy of an item held against that item',
        [a],
        [a, { id: 1, x: 'z' }],
        [
          ['/items/0/x', 'a', 'a'],
          ['/items/1/x', 'a', 'z'],
        ],
      ],
      [
        'items of one identity in their order',
        [a, b, { id: 1, x: 'A' }],
        [a, { id: 1, x: 'A' }, b, { id: 1, x: 'z' }],
        [
          ['/items/0/x', 'a', 'a'],
          ['/items/1/x', 'A', 'A'],
          ['/items/2/x', 'b', 'b'],
          ['/items/3/x', 'A', 'z'],
        ],
      ],
      [
        'a loss for each when an object took their place',
        [a, b],
        { 1: { id: 2, x: 'z' } },
        [
          ['/items/0/x', 'a', undefined],
          ['/items/1/x', 'b', undefined],
        ],
      ],
      [
        'a loss for each when the array went',
        [a, b],
        undefined,
        [
          ['/items/0/x', 'a', undefined],
          ['/items/1/x', 'b', undefined],
        ],
      ],
      ['nothing when the array was emptied', [a, b], [], []],
      ['nothing when the array is new', undefined, [a], []],
    ])('%s', (_name, before, after, pairs) => {
      expect(visited('/items/*/x', { items: before }, { items: after })).toStrictEqual(pairs)
    })

    test('the items themselves, those that went under their old place', () => {
      expect(visited('/items/*', { items: [a, b] }, { items: [c, b] })).toStrictEqual([
        ['/items/0', undefined, c],
        ['/items/1', b, b],
        ['/items/0', a, undefined],
      ])
    })

    test('an identity that is nested, in an array that is nested', () => {
      const keys = parseArrayKeys({ '/orders/*/lines': '/ref/no' })
      const line = (no: number, sku: string) => ({ ref: { no }, sku })
      const before = { orders: [{ lines: [line(1, 'a'), line(2, 'b')] }] }
      const after = { orders: [{ lines: [line(2, 'b'), line(1, 'z')] }] }
      expect(visited('/orders/*/lines/*/sku', before, after, keys)).toStrictEqual([
        ['/orders/0/lines/0/sku', 'b', 'b'],
        ['/orders/0/lines/1/sku', 'a', 'z'],
      ])
    })
  })
})

describe('withoutMembers', () => {
  test.each<[string, string[], unknown, unknown]>([
    ['a member', ['/a'], { a: 1, b: 2 }, { b: 2 }],
    ['a nested member', ['/a/b'], { a: { b: 1, c: 2 } }, { a: { c: 2 } }],
    ['a member of each item', ['/a/*/x'], { a: [{ x: 1 }, { y: 2 }, { x: 3, y: 4 }] }, { a: [{}, { y: 2 }, { y: 4 }] }],
    ['a member of each member', ['/a/*/x'], { a: { m: { x: 1 }, n: { y: 2 } } }, { a: { m: {}, n: { y: 2 } } }],
    ['all items', ['/a/*'], { a: [1, 2, 3] }, { a: [] }],
    ['all members', ['/a/*'], { a: { b: 1, c: 2 } }, { a: {} }],
    ['an item', ['/a/1'], { a: [1, 2, 3] }, { a: [1, 3] }],
    ['members of several patterns', ['/a', '/b/c'], { a: 1, b: { c: 2, d: 3 } }, { b: { d: 3 } }],
    ['what is null', ['/a'], { a: null }, {}],
    ['a member called __proto__', ['/__proto__'], JSON.parse('{"__proto__":1,"b":2}'), { b: 2 }],
    ['below a member called __proto__', ['/*/x'], JSON.parse('{"__proto__":{"x":1}}'), JSON.parse('{"__proto__":{}}')],
  ])('takes out %s', (_name, pointers, document, result) => {
    expect(withoutMembers(frozen(document), patterns(...pointers))).toStrictEqual(result)
  })

  test.each<[string, string[], unknown]>([
    ['no pattern', [], { a: 1 }],
    ['a member that is missing', ['/b', '/a/b', '/b/*/c', '/b/*'], { a: 1 }],
    ['a member that is inherited', ['/toString', '/__proto__'], {}],
    ['members of empty parents', ['/a/*', '/b/*', '/a/*/x'], { a: [], b: {} }],
    ['members of items that have none', ['/a/*/x'], { a: [{}, 1, null] }],
    ['a scalar', ['/a', '/*', '/*/x'], 'text'],
    ['nothing', ['/a', '/*', '/*/x'], undefined],
    ['null', ['/a', '/*', '/*/x'], null],
  ])('gives the same document for %s', (_name, pointers, document) => {
    expect(withoutMembers(frozen(document), patterns(...pointers))).toBe(document)
  })

  test('takes out the whole document', () => {
    expect(withoutMembers({ a: 1 }, patterns(''))).toBeUndefined()
  })

  test('shares what did not change', () => {
    const document = frozen({ a: [{ x: 1 }, { y: 2 }], b: { c: {} } })
    const result = withoutMembers(document, patterns('/a/*/x')) as typeof document
    expect(result.b).toBe(document.b)
    expect(result.a[1]).toBe(document.a[1])
  })

  test('copies an array once, however many of its items change', () => {
    const splices = jest.spyOn(Array.prototype, 'toSpliced')
    const items = [{ x: 1 }, { x: 2 }, { x: 3 }]
    expect(withoutMembers({ items }, patterns('/items/*/x'))).toStrictEqual({ items: [{}, {}, {}] })
    expect(splices).not.toHaveBeenCalled()
    splices.mockRestore()
  })
})

describe('carryMembers', () => {
  test.each<[string, string, unknown, unknown, unknown]>([
    ['a member', '/s', { s: 1, b: 2 }, { b: 3 }, { s: 1, b: 3 }],
    ['null', '/s', { s: null }, {}, { s: null }],
    ['false', '/s', { s: false }, {}, { s: false }],
    ['nothing where nothing was', '/s', {}, { b: 1 }, { b: 1 }],
    ['nothing where the resource is new', '/s', undefined, { b: 1 }, { b: 1 }],
    ['a nested member', '/a/s', { a: { s: 1, b: 2 } }, { a: { b: 3 } }, { a: { s: 1, b: 3 } }],
    ['a member whose parent was left out', '/a/s', { a: { s: 1, b: 2 } }, {}, { a: { s: 1 } }],
    ['a member whose parent became null', '/a/s', { a: { s: 1 } }, { a: null }, { a: { s: 1 } }],
    ['a member whose parent became a scalar', '/a/s', { a: { s: 1 } }, { a: 5 }, { a: { s: 1 } }],
    ['a member whose parent became an array', '/a/s', { a: { s: 1 } }, { a: [] }, { a: { s: 1 } }],
    ['a member whose root became an array', '/s', { s: 1 }, [1, 2], { s: 1 }],
    ['an item whose parent became an object', '/a/0', { a: [1] }, { a: { b: 1 } }, { a: [1] }],
    ['nothing for a parent that had none', '/a/s', { a: { b: 2 } }, { a: 5 }, { a: 5 }],
    ['nothing from a scalar', '/a/s', { a: 4 }, { a: 5 }, { a: 5 }],
    ['a member called __proto__', '/__proto__', JSON.parse('{"__proto__":1}'), {}, JSON.parse('{"__proto__":1}')],
    ['all members', '/a/*', { a: { b: 1, c: 2 } }, { a: {} }, { a: { b: 1, c: 2 } }],
    ['all members of a parent that was left out', '/a/*', { a: { b: 1 } }, {}, { a: { b: 1 } }],
    ['all items', '/a/*', { a: [1, 2] }, { a: [] }, { a: [1, 2] }],
    ['all items of an array that was left out', '/a/*', { a: [1, 2] }, {}, { a: [1, 2] }],
    ['nothing of an empty parent', '/a/*', { a: [] }, {}, {}],
    ['members of items by index', '/a/*/s', { a: [{ s: 1 }, { s: 2 }] }, { a: [{ n: 1 }] }, { a: [{ s: 1, n: 1 }] }],
    [
      'members of members',
      '/a/*/s',
      { a: { b: { s: 1 }, c: { s: 2 } } },
      { a: { b: {}, d: {} } },
      { a: { b: { s: 1 }, d: {} } },
    ],
    ['members of an item that became null', '/a/*/s', { a: [{ s: 1 }] }, { a: [null] }, { a: [{ s: 1 }] }],
    ['no member of an item that went', '/a/*/s', { a: [{ s: 1 }] }, { a: [] }, { a: [] }],
    ['no member of items that all went', '/a/*/s', { a: [{ s: 1 }] }, {}, {}],
    ['no member of items that became a scalar', '/a/*/s', { a: [{ s: 1 }] }, { a: 'x' }, { a: 'x' }],
    [
      'members of items by identity',
      '/items/*/s',
      {
        items: [
          { id: 1, s: 'a' },
          { id: 2, s: 'b' },
        ],
      },
      { items: [{ id: 3 }, { id: 2, n: 1 }, { id: 1 }] },
      { items: [{ id: 3 }, { id: 2, n: 1, s: 'b' }, { id: 1, s: 'a' }] },
    ],
    [
      'no member of an item that went to the one in its place',
      '/items/*/s',
      {
        items: [
          { id: 1, s: 'a' },
          { id: 2, s: 'b' },
        ],
      },
      { items: [{ id: 2 }] },
      { items: [{ id: 2, s: 'b' }] },
    ],
    [
      'members behind two *',
      '/*/items/*/s',
      { a: { items: [{ s: 1 }] } },
      { a: { items: [{}, {}] }, b: { items: [{}] } },
      { a: { items: [{ s: 1 }, {}] }, b: { items: [{}] } },
    ],
  ])('carries %s', (_name, pointer, before, after, result) => {
    const carried = carryMembers(alike(patterns(pointer)), frozen(before), frozen(after), byId)
    expect(carried).toStrictEqual(result)
  })

  test('shares what did not change', () => {
    const after = frozen({ items: { a: { n: 1 }, b: { n: 2 } }, m: {} })
    const carried = carryMembers(
      alike(patterns('/items/*/s')),
      { items: { a: { s: 1 }, b: {} } },
      after,
      byId,
    ) as typeof after
    expect(carried).toStrictEqual({ items: { a: { s: 1, n: 1 }, b: { n: 2 } }, m: {} })
    expect(carried.m).toBe(after.m)
    expect(carried.items.b).toBe(after.items.b)
  })

  test('carries what several patterns name', () => {
    const before = frozen({ a: 1, b: { c: 2 }, d: 3 })
    expect(carryMembers(alike(patterns('/a', '/b/c')), before, frozen({ d: 4 }), byId)).toStrictEqual({
      a: 1,
      b: { c: 2 },
      d: 4,
    })
  })

  test.each<[string, unknown, unknown]>([
    ['/s', {}, { b: 1 }],
    ['/a/s', { a: {} }, { a: { b: 1 } }],
    ['/a/*', { a: {} }, { a: {} }],
    ['/a/*/s', { a: [{}] }, { a: [{ b: 1 }] }],
  ])('gives the same document where %s names nothing', (pointer, before, after) => {
    expect(carryMembers(alike(patterns(pointer)), before, after, byId)).toBe(after)
  })

  test('copies an array once, however many of its items change', () => {
    const splices = jest.spyOn(Array.prototype, 'toSpliced')
    const items = [
      { id: 1, s: 1 },
      { id: 2, s: 2 },
    ]
    expect(
      carryMembers(alike(patterns('/items/*/s')), { items }, { items: [{ id: 2 }, { id: 1 }] }, byId),
    ).toStrictEqual({
      items: [
        { id: 2, s: 2 },
        { id: 1, s: 1 },
      ],
    })
    expect(splices).not.toHaveBeenCalled()
    splices.mockRestore()
  })
})
