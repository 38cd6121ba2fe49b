import { arrayIndex, isContainer, isObject, memberOf, setMember } from '../../lib/json/member'

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
