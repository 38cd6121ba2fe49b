import fc from 'fast-check'
import { canonicalJson, changedPointers, sameJson } from '../../lib/json/equal'

describe('sameJson', () => {
  test.each([
    ['1', '1.0'],
    ['0', '-0'],
    ['1', '1e0'],
    ['null', 'null'],
    ['"a"', '"\\u0061"'],
    ['[]', '[]'],
    ['{}', '{}'],
    ['[1,[2]]', '[1,[2]]'],
    ['{"a":1,"b":2}', '{"b":2,"a":1}'],
    ['{"a":{"b":[{"c":null}]}}', '{"a":{"b":[{"c":null}]}}'],
    ['{"__proto__":1}', '{"__proto__":1}'],
  ])('%s is %s', (a, b) => {
    expect(sameJson(JSON.parse(a), JSON.parse(b))).toBe(true)
    expect(sameJson(JSON.parse(b), JSON.parse(a))).toBe(true)
  })

  test.each([
    ['1', '2'],
    ['1', '"1"'],
    ['0', 'false'],
    ['0', 'null'],
    ['null', '{}'],
    ['null', '[]'],
    ['""', 'null'],
    ['"a"', '"A"'],
    ['1', '{}'],
    ['1', '[]'],
    ['"a"', '["a"]'],
    ['[]', '{}'],
    ['["a"]', '{"0":"a"}'],
    ['[1,2]', '[2,1]'],
    ['[1]', '[1,1]'],
    ['[1,2]', '[1,3]'],
    ['[null]', '[]'],
    ['{"a":1}', '{"a":2}'],
    ['{"a":1}', '{"b":1}'],
    ['{"a":1}', '{"a":1,"b":1}'],
    ['{"a":null}', '{}'],
    ['{"a":null}', '{"b":null}'],
    ['{"a":{"b":1}}', '{"a":{"b":2}}'],
    ['{"__proto__":1}', '{}'],
    ['{"__proto__":{}}', '{"a":{}}'],
    ['{"__proto__":1}', '{"__proto__":2}'],
  ])('%s is not %s', (a, b) => {
    expect(sameJson(JSON.parse(a), JSON.parse(b))).toBe(false)
    expect(sameJson(JSON.parse(b), JSON.parse(a))).toBe(false)
  })

  test('what is missing from an array is not whatever stands there in the other', () => {
    const [missing, there] = [new Array(1), [5]]
    expect(sameJson(missing, there)).toBe(false)
    expect(sameJson(there, missing)).toBe(false)
  })

  test('an inherited member is none', () => {
    expect(sameJson({ toString: Object.prototype.toString }, { a: 1 })).toBe(false)
  })

  test('a member that is undefined is in no JSON', () => {
    expect(sameJson({ a: undefined }, { b: undefined })).toBe(true)
    expect(sameJson({ a: undefined, b: 1 }, { b: 1 })).toBe(true)
    expect(sameJson({ a: undefined }, { a: null })).toBe(false)
  })

  test('what is written as something else is compared as that', () => {
    const when = '2026-01-02T03:04:05.000Z'
    expect(sameJson(new Date(when), when)).toBe(true)
    expect(sameJson({ a: [when] }, { a: [new Date(when)] })).toBe(true)
    expect(sameJson(new Date(when), new Date(when))).toBe(true)
    expect(sameJson(new Date(when), new Date(0))).toBe(false)
    expect(sameJson(new Date(when), {})).toBe(false)
    expect(sameJson(new Date(Number.NaN), null)).toBe(true)
    expect(sameJson({ toJSON: 1 }, { toJSON: 1 })).toBe(true)
  })

  test('a copy is the same, and the order of its members does not matter', () => {
    const reversed = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(reversed)
      if (typeof value !== 'object' || value === null) return value
      return Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([name, member]) => [name, reversed(member)]),
      )
    }
    fc.assert(fc.property(fc.jsonValue(), (value) => expect(sameJson(value, reversed(value))).toBe(true)))
  })

  test('two values are the same when their texts are', () => {
    const small = fc.jsonValue({ maxDepth: 2, depthSize: 'small' })
    fc.assert(
      fc.property(small, small, (a, b) => {
        fc.pre(JSON.stringify(a) === JSON.stringify(b) || typeof a !== 'object' || typeof b !== 'object')
        expect(sameJson(a, b)).toBe(JSON.stringify(a) === JSON.stringify(b))
      }),
    )
  })
})

describe('changedPointers', () => {
  test.each<[string, unknown, unknown, string[]]>([
    ['nothing', { a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }, []],
    ['a change', { a: 1, b: 2 }, { a: 1, b: 3 }, ['/b']],
    ['a nested change', { a: { b: 1, c: 2 } }, { a: { b: 1, c: 3 } }, ['/a/c']],
    ['a removal', { a: 1, b: 2 }, { a: 1 }, ['/b']],
    ['an addition', { a: 1 }, { a: 1, b: 2 }, ['/b']],
    ['null in place of nothing', {}, { a: null }, ['/a']],
    ['an object in place of a scalar', { a: 1 }, { a: { b: 1 } }, ['/a']],
    ['a scalar in place of an object', { a: { b: 1 } }, { a: 1 }, ['/a']],
    ['null in place of an object', { a: { b: 1 } }, { a: null }, ['/a']],
    ['an object in place of null', { a: null }, { a: { b: 1 } }, ['/a']],
    ['an array in place of an object', { a: {} }, { a: [] }, ['/a']],
    ['an object in place of an array', { a: [] }, { a: {} }, ['/a']],
    ['a changed item as its array', { a: [1, { b: 2 }] }, { a: [1, { b: 3 }] }, ['/a']],
    ['the whole of something new', undefined, { a: 1 }, ['']],
    ['the whole of something removed', { a: 1 }, undefined, ['']],
    ['several, in the order of the first and then of the second', { b: 1, a: 1 }, { c: 1, a: 2 }, ['/b', '/a', '/c']],
    ['escaped names', { 'a/b': 1, '~': 1 }, {}, ['/a~1b', '/~0']],
    ['what is inherited as missing', {}, { toString: 1 }, ['/toString']],
    ['a member called __proto__', {}, JSON.parse('{"__proto__":1}'), ['/__proto__']],
  ])('names %s', (_name, before, after, pointers) => {
    expect(changedPointers(before, after, 10)).toStrictEqual(pointers)
  })

  test('ends at the most that are asked for', () => {
    expect(changedPointers({}, { a: 1, b: 2, c: 3 }, 2)).toStrictEqual(['/a', '/b'])
    expect(changedPointers({ x: {} }, { x: { a: 1, b: 2 }, c: 3 }, 2)).toStrictEqual(['/x/a', '/x/b'])
    expect(changedPointers({}, { a: 1 }, 0)).toStrictEqual([])
  })
})

describe('canonicalJson', () => {
  test('the sample of RFC 8785 §3.2.2', () => {
    const input = `{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\"\\/",
      "literals": [null, true, false]
    }`
    expect(canonicalJson(JSON.parse(input))).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    )
  })

  test('the order of members of RFC 8785 §3.2.3', () => {
    const input = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    }
    expect(canonicalJson(input)).toBe(
      '{"\\r":"Carriage Return","1":"One","\u0080":"Control","ö":"Latin Small Letter O With Diaeresis","€":"Euro Sign","😀":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}',
    )
  })

  // RFC 8785 appendix B: IEEE 754 bits and text.
  test.each([
    ['0000000000000000', '0'],
    ['8000000000000000', '0'],
    ['0000000000000001', '5e-324'],
    ['8000000000000001', '-5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'],
    ['ffefffffffffffff', '-1.7976931348623157e+308'],
    ['4340000000000000', '9007199254740992'],
    ['c340000000000000', '-9007199254740992'],
    ['4430000000000000', '295147905179352830000'],
    ['44b52d02c7e14af5', '9.999999999999997e+22'],
    ['44b52d02c7e14af6', '1e+23'],
    ['44b52d02c7e14af7', '1.0000000000000001e+23'],
    ['444b1ae4d6e2ef4e', '999999999999999700000'],
    ['444b1ae4d6e2ef4f', '999999999999999900000'],
    ['444b1ae4d6e2ef50', '1e+21'],
    ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
    ['3eb0c6f7a0b5ed8d', '0.000001'],
    ['41b3de4355555553', '333333333.3333332'],
    ['41b3de4355555554', '333333333.33333325'],
    ['41b3de4355555555', '333333333.3333333'],
    ['41b3de4355555556', '333333333.3333334'],
    ['41b3de4355555557', '333333333.33333343'],
    ['becbf647612f3696', '-0.0000033333333333333333'],
    ['43143ff3c1cb0959', '1424953923781206.2'],
  ])('the number %s is %s', (bits, text) => {
    expect(canonicalJson(Buffer.from(bits, 'hex').readDoubleBE())).toBe(text)
  })

  test.each([
    ['null', null, 'null'],
    ['a boolean', true, 'true'],
    ['a string', 'a"\n\u001f\u007f', '"a\\"\\n\\u001f\u007f"'],
    ['a pair of surrogates', '😀', '"😀"'],
    ['nothing in an array', [], '[]'],
    ['nothing in an object', {}, '{}'],
    ['arrays in their order', [2, 1, [3]], '[2,1,[3]]'],
    ['objects at any depth', { b: [{ d: 1, c: 2 }], a: { z: 1, y: 2 } }, '{"a":{"y":2,"z":1},"b":[{"c":2,"d":1}]}'],
    ['numbers as names', { 10: 1, 9: 2, a: 3 }, '{"10":1,"9":2,"a":3}'],
    ['an undefined member', { a: undefined, b: 1, c: undefined, d: 2 }, '{"b":1,"d":2}'],
    ['a date', { at: new Date(0) }, '{"at":"1970-01-01T00:00:00.000Z"}'],
    ['a member called toJSON', { toJSON: 'x' }, '{"toJSON":"x"}'],
    ['an own __proto__', JSON.parse('{"__proto__":1}'), '{"__proto__":1}'],
  ])('%s', (_name, value, text) => {
    expect(canonicalJson(value)).toBe(text)
  })

  test.each([
    ['NaN', Number.NaN, 'NaN is not a JSON number'],
    ['an infinity', { a: [Number.POSITIVE_INFINITY] }, 'Infinity is not a JSON number'],
    ['a negative infinity', Number.NEGATIVE_INFINITY, '-Infinity is not a JSON number'],
    ['a lone high surrogate', '\ud83d', 'holds a lone surrogate'],
    ['a lone low surrogate', 'a\ude00b', '"a\\ude00b" holds a lone surrogate'],
    ['a pair the wrong way round', '\ude00\ud83d', 'holds a lone surrogate'],
    ['a lone surrogate in a name', { '\ud83d': 1 }, 'holds a lone surrogate'],
    ['undefined', undefined, 'undefined is not a JSON value'],
    ['undefined in an array', [undefined], 'undefined is not a JSON value'],
    ['a function', { a: () => 1 }, 'function is not a JSON value'],
    ['a symbol', Symbol('a'), 'symbol is not a JSON value'],
    ['a bigint', 1n, 'bigint is not a JSON value'],
  ])('%s is refused', (_name, value, message) => {
    expect(() => canonicalJson(value)).toThrow(TypeError)
    expect(() => canonicalJson(value)).toThrow(message)
  })

  test('it is the same JSON, and the same JSON has the same text', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
        const text = canonicalJson(value)
        expect(sameJson(JSON.parse(text), value)).toBe(true)
        expect(canonicalJson(JSON.parse(text))).toBe(text)
      }),
    )
  })
})
