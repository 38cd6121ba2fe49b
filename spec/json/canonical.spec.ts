import fc from 'fast-check'
import { canonicalJson } from '../../lib/json/canonical'
import { sameJson } from '../../lib/json/equal'

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
