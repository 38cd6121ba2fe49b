import fc from 'fast-check'
import {
  arrayIndex,
  escapeToken,
  formatPointer,
  isContainer,
  isObject,
  isPointer,
  memberOf,
  parsePointer,
  setMember,
  valueAt,
  withoutValueAt,
  withValueAt,
} from '../../lib/json/pointer'

// RFC 6901 §5
const DOCUMENT = {
  foo: ['bar', 'baz'],
  '': 0,
  'a/b': 1,
  'c%d': 2,
  'e^f': 3,
  'g|h': 4,
  'i\\j': 5,
  'k"l': 6,
  ' ': 7,
  'm~n': 8,
}

const frozen = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(frozen)
  return value
}

describe('pointers', () => {
  test.each([
    ['', DOCUMENT],
    ['/foo', ['bar', 'baz']],
    ['/foo/0', 'bar'],
    ['/foo/1', 'baz'],
    ['/', 0],
    ['/a~1b', 1],
    ['/c%d', 2],
    ['/e^f', 3],
    ['/g|h', 4],
    ['/i\\j', 5],
    ['/k"l', 6],
    ['/ ', 7],
    ['/m~0n', 8],
  ])('%j finds its value in the document of the RFC', (pointer, value) => {
    expect(valueAt(DOCUMENT, parsePointer(pointer))).toEqual(value)
    expect(formatPointer(parsePointer(pointer))).toBe(pointer)
  })

  test.each([
    ['', []],
    ['/', ['']],
    ['//', ['', '']],
    ['/a/', ['a', '']],
    ['/~01', ['~1']],
    ['/~10', ['/0']],
    ['/~0~1/~1~0', ['~/', '/~']],
    ['/~00~11', ['~0/1']],
  ])('%j has the tokens %j', (pointer, tokens) => {
    expect(isPointer(pointer)).toBe(true)
    expect(parsePointer(pointer)).toEqual(tokens)
    expect(formatPointer(tokens)).toBe(pointer)
  })

  test.each(['a', 'a/b', '#', '#/a', ' /a', '/~', '/~2', '/a~', '/~~0', '/a/~/b', '~0'])('%j is none', (text) => {
    expect(isPointer(text)).toBe(false)
    expect(() => parsePointer(text)).toThrow(TypeError)
    expect(() => parsePointer(text)).toThrow(JSON.stringify(text))
    expect(() => parsePointer(text)).toThrow('is not a JSON Pointer')
  })

  test('any tokens can be written and read', () => {
    const token = fc.string({ unit: fc.constantFrom('~', '/', '0', '1', 'a', '') })
    fc.assert(fc.property(fc.array(token), (tokens) => expect(parsePointer(formatPointer(tokens))).toEqual(tokens)))
  })

  test('an escaped token holds no slash', () => {
    expect(escapeToken('~/~1')).toBe('~0~1~01')
  })

  test('64 kB are read in linear time', () => {
    const start = performance.now()
    expect(isPointer(`/${'~0'.repeat(32_000)}~`)).toBe(false)
    expect(isPointer('~'.repeat(64_000))).toBe(false)
    expect(parsePointer('/'.repeat(64_000))).toHaveLength(64_000)
    expect(performance.now() - start).toBeLessThan(1000)
  })
})

describe('looking up', () => {
  test.each([
    [{ a: { b: null } }, ['a', 'b'], null],
    [{ a: [{ b: 1 }] }, ['a', '0', 'b'], 1],
    [{ a: 1 }, ['b'], undefined],
    [{ a: 1 }, ['a', 'b'], undefined],
    [{ a: 1 }, ['b', 'c', 'd'], undefined],
    [['x'], ['01'], undefined],
    [['x'], ['-'], undefined],
    [['x'], ['length'], undefined],
    ['text', ['length'], undefined],
    [{}, ['__proto__'], undefined],
    [{}, ['constructor', 'name'], undefined],
    [{}, ['toString'], undefined],
  ])('in %j, %j is %j', (document, tokens, value) => {
    expect(valueAt(document, tokens)).toBe(value)
  })
})

describe('withValueAt', () => {
  test.each([
    ['the whole document', { a: 1 }, [], 2, 2],
    ['a member', { a: 1, b: 2 }, ['a'], 3, { a: 3, b: 2 }],
    ['a new member', { a: 1 }, ['b'], 2, { a: 1, b: 2 }],
    ['null', { a: 1 }, ['a'], null, { a: null }],
    ['a deep member', { a: { b: { c: 1 } } }, ['a', 'b', 'c'], 2, { a: { b: { c: 2 } } }],
    ['a member with missing parents', {}, ['a', 'b', 'c'], 1, { a: { b: { c: 1 } } }],
    ['a member of nothing', undefined, ['a'], 1, { a: 1 }],
    ['an item', ['x', 'y', 'z'], ['1'], 'b', ['x', 'b', 'z']],
    ['an item at the end', ['x'], ['1'], 'y', ['x', 'y']],
    ['an item after the end', ['x'], ['-'], 'y', ['x', 'y']],
    ['a member of a new item', ['x'], ['-', 'a'], 1, ['x', { a: 1 }]],
    ['a member of an item', { a: [{ b: 1 }] }, ['a', '0', 'b'], 2, { a: [{ b: 2 }] }],
    ['an index in an object', {}, ['0'], 1, { '0': 1 }],
    ['a dash in an object', {}, ['-'], 1, { '-': 1 }],
  ])('writes %s', (_name, document, tokens, value, expected) => {
    expect(withValueAt(frozen(document), tokens, value)).toEqual(expected)
  })

  test.each([
    ['beyond the end of an array', ['x'], ['2']],
    ['under a name in an array', ['x'], ['a']],
    ['under a bad index', ['x'], ['00']],
    ['in a scalar', { a: 1 }, ['a', 'b']],
    ['in null', { a: null }, ['a', 'b']],
    ['in a text', 'text', ['0']],
    ['deep below a scalar', { a: { b: 1 } }, ['a', 'b', 'c', 'd']],
  ])('leaves the document as it is where there is no place: %s', (_name, document, tokens) => {
    expect(withValueAt(document, tokens, 'new')).toBe(document)
  })

  test('what is untouched is shared', () => {
    const document = { a: { b: 1 }, c: { d: [1] } }
    const changed = withValueAt(document, ['a', 'b'], 2) as typeof document
    expect(changed.c).toBe(document.c)
    expect(changed.a).not.toBe(document.a)
    expect(document).toEqual({ a: { b: 1 }, c: { d: [1] } })
  })

  test('the same value again gives the same document', () => {
    const document = { a: { b: 1 } }
    expect(withValueAt(document, ['a', 'b'], 1)).toBe(document)
  })

  test('__proto__ is a member like any other', () => {
    const changed = withValueAt({}, ['__proto__', 'polluted'], true)
    expect(JSON.stringify(changed)).toBe('{"__proto__":{"polluted":true}}')
    expect(Object.getPrototypeOf(changed)).toBe(Object.prototype)
    expect('polluted' in {}).toBe(false)
    expect(JSON.stringify(withValueAt({}, ['constructor', 'prototype', 'polluted'], 1))).toBe(
      '{"constructor":{"prototype":{"polluted":1}}}',
    )
    expect('polluted' in {}).toBe(false)
  })
})

describe('withoutValueAt', () => {
  test.each([
    ['the whole document', { a: 1 }, [], undefined],
    ['a member', { a: 1, b: 2 }, ['a'], { b: 2 }],
    ['a deep member', { a: { b: 1, c: 2 } }, ['a', 'b'], { a: { c: 2 } }],
    ['a null', { a: null }, ['a'], {}],
    ['an item', ['x', 'y', 'z'], ['1'], ['x', 'z']],
    ['the first item', ['x', 'y'], ['0'], ['y']],
    ['a member of an item', [{ a: 1 }], ['0', 'a'], [{}]],
    ['an own __proto__', JSON.parse('{"__proto__":1,"a":2}'), ['__proto__'], { a: 2 }],
  ])('takes out %s', (_name, document, tokens, expected) => {
    expect(withoutValueAt(frozen(document), tokens)).toEqual(expected)
  })

  test.each([
    ['no such member', { a: 1 }, ['b']],
    ['no such parent', { a: 1 }, ['b', 'c']],
    ['no such item', ['x'], ['1']],
    ['a name in an array', ['x'], ['length']],
    ['a dash', ['x'], ['-']],
    ['a scalar on the way', { a: 1 }, ['a', 'b']],
    ['an inherited member', {}, ['toString']],
    ['nothing', undefined, ['a']],
  ])('gives back the document itself: %s', (_name, document, tokens) => {
    expect(withoutValueAt(document, tokens)).toBe(document)
  })

  test('undoes withValueAt of a new member', () => {
    const name = fc.constantFrom('a', 'b', '__proto__', 'constructor', '0', '')
    fc.assert(
      fc.property(fc.dictionary(name, fc.jsonValue()), name, fc.jsonValue(), (document, token, value) => {
        fc.pre(!Object.hasOwn(document, token))
        const changed = withValueAt(document, [token], value)
        expect(valueAt(changed, [token])).toBe(value)
        expect(withoutValueAt(changed, [token])).toEqual(document)
      }),
    )
  })
})

test.each([
  [{}, true, true],
  [Object.create(null), true, true],
  [[], false, true],
  [null, false, false],
  [undefined, false, false],
  ['a', false, false],
  [1, false, false],
  [() => 1, false, false],
])('%p: object %s, container %s', (value, object, container) => {
  expect(isObject(value)).toBe(object)
  expect(isContainer(value)).toBe(container)
})

// RFC 6901 §4: digits without leading zeros.
test.each([
  ['0', 0],
  ['1', 1],
  ['10', 10],
  ['907', 907],
  ['', -1],
  ['-', -1],
  ['-1', -1],
  ['+1', -1],
  ['01', -1],
  ['00', -1],
  ['1e0', -1],
  ['1.0', -1],
  ['0x1', -1],
  ['x1', -1],
  [' 1', -1],
  ['1 ', -1],
  ['1\n', -1],
  ['length', -1],
  ['\u0661', -1],
])('%j names the index %d', (token, index) => {
  expect(arrayIndex(token)).toBe(index)
})

test.each([
  [{ a: 1 }, 'a', 1],
  [{ a: null }, 'a', null],
  [{ '': 1 }, '', 1],
  [{ '0': 1 }, '0', 1],
  [{ a: 1 }, 'b', undefined],
  [{}, 'toString', undefined],
  [{}, 'constructor', undefined],
  [{}, '__proto__', undefined],
  [JSON.parse('{"__proto__":1}'), '__proto__', 1],
  [['x'], '0', 'x'],
  [['x'], '1', undefined],
  [['x'], '00', undefined],
  [['x'], '-', undefined],
  [['x'], 'length', undefined],
  [['x'], '99999999999999999999999', undefined],
  ['text', '0', undefined],
  ['text', 'length', undefined],
  [null, 'a', undefined],
  [undefined, 'a', undefined],
])('in %j the member %j is %j', (value, token, member) => {
  expect(memberOf(value, token)).toBe(member)
})

describe('setMember', () => {
  test.each(['a', '', '__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    '%j becomes a plain own member',
    (name) => {
      const object: Record<string, unknown> = {}
      setMember(object, name, { x: 1 })
      expect(Object.getOwnPropertyDescriptor(object, name)).toEqual({
        value: { x: 1 },
        writable: true,
        enumerable: true,
        configurable: true,
      })
      expect(Object.getPrototypeOf(object)).toBe(Object.prototype)
      setMember(object, name, 2)
      expect(Object.getOwnPropertyDescriptor(object, name)?.value).toBe(2)
    },
  )

  test('a frozen prototype is no obstacle', () => {
    const object: Record<string, unknown> = Object.create(Object.freeze({ a: 1 }))
    setMember(object, 'a', 2)
    expect(object.a).toBe(2)
  })
})
