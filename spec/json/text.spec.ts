import fc from 'fast-check'
import { inexactNumber, isExact, jsonText, parseJson } from '../../lib/json/text'

const text = (value: unknown) => jsonText(value, 'anAdapter()')

describe('jsonText', () => {
  test.each([
    [{ a: 1, b: [true, null, 'null'] }, '{"a":1,"b":[true,null,"null"]}'],
    [null, 'null'],
    [0, '0'],
    ['', '""'],
    [[null], '[null]'],
    [{ a: undefined, b: 'null' }, '{"b":"null"}'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
  ])('of %j is its JSON', (value, json) => {
    expect(text(value)).toBe(json)
  })

  test.each([
    ['undefined', undefined],
    ['function', () => 1],
    ['symbol', Symbol('s')],
  ])('there is none of a value of type %s', (type, value) => {
    expect(() => text(value)).toThrow(
      new TypeError(`anAdapter(): a value of type ${type} is not JSON; write null or an object.`),
    )
  })

  test.each([
    [{ a: { b: Number.NaN } }, 'NaN at "b"'],
    [[1, Number.POSITIVE_INFINITY], 'Infinity at "1"'],
    [Number.NEGATIVE_INFINITY, '-Infinity at ""'],
    [{ a: null, b: Number.NaN }, 'NaN at "b"'],
  ])('%j would become null, and is refused by its place', (value, what) => {
    expect(() => text(value)).toThrow(new TypeError(`anAdapter(): ${what} is not JSON; write a finite number or null.`))
  })
})

describe('which numbers JavaScript keeps', () => {
  test.each([
    '0',
    '-0',
    '0.0',
    '0.1',
    '0.10',
    '1e2',
    '1E+2',
    '100e-2',
    '12.5',
    '9007199254740991',
    '9007199254740992',
    '9007199254740994',
    '-9007199254740992',
    '0.30000000000000004',
    // As C, or an older PHP, writes the double 0.1.
    '0.10000000000000001',
    '1.7976931348623157e308',
    '5e-324',
    '1e21',
    '1000000000000000000000',
    '0e99999',
    '0.000000000000000000000000000001',
  ])('%s', (number) => {
    expect(isExact(number)).toBe(true)
    expect(inexactNumber(`{"n":${number}}`)).toBeUndefined()
  })

  test.each([
    '9007199254740993',
    '-9007199254740993',
    '1790000000000000123',
    '9007199254740993.0',
    '90071992547409930e-1',
    '12345678901234567168',
    '0.1234567890123456789',
    '0.3000000000000000001',
    '3.141592653589793238',
    '1.0000000000000001',
    '1e400',
    '-1e400',
    '1e-400',
    '4e-324',
  ])('not %s', (number) => {
    expect(isExact(number)).toBe(false)
    expect(inexactNumber(`{"n":${number}}`)).toBe(number)
    expect(inexactNumber(number)).toBe(number)
    expect(inexactNumber(`[1,"a\\"${'9'.repeat(30)}",${number}]`)).toBe(number)
  })

  test('every double that JavaScript writes is exact, with 17 digits too', () => {
    fc.assert(
      fc.property(fc.double({ noDefaultInfinity: true, noNaN: true }), (number) => {
        expect(isExact(String(number))).toBe(true)
        if (!Number.isInteger(number)) expect(isExact(number.toPrecision(17))).toBe(true)
      }),
    )
  })

  test('every integer is exact as long as it reads and writes as the same integer', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n }), (integer) => {
        // 2^60 is held as it is, and written as 1152921504606847000.
        expect(isExact(String(integer))).toBe(BigInt(String(Number(integer))) === integer)
      }),
    )
  })
})

describe('in texts', () => {
  test('what stands in strings and names is no number', () => {
    const text = JSON.stringify({ '9007199254740993': ['9007199254740993', '\\"9007199254740993', '1e400'], n: 1.5 })
    expect(inexactNumber(text)).toBeUndefined()
    expect(parseJson(text, 'it')).toEqual(JSON.parse(text))
  })

  test('a stored number that cannot be kept is an error that names it', () => {
    expect(() => parseJson('{"tweetId":1790000000000000123}', 'fileAdapter()')).toThrow(
      /^fileAdapter\(\): the stored JSON has the number 1790000000000000123, which/,
    )
  })

  test('text that is no JSON is a SyntaxError', () => {
    expect(() => parseJson('{"a":', 'it')).toThrow(SyntaxError)
  })

  test.each([
    ['digits', (n: number) => `[${'9'.repeat(n)}]`],
    ['zeros', (n: number) => `[0.${'0'.repeat(n)}1]`],
    ['numbers', (n: number) => `[${'1e1,'.repeat(n / 4)}1]`],
    ['backslashes', (n: number) => `["1e1${'\\\\'.repeat(n / 2)}"]`],
    ['a string that never ends', (n: number) => `1e1"${'\\'.repeat(n)}`],
  ])('100 kB of %s are looked through at once', (_, textOf) => {
    const text = textOf(100_000)
    const from = performance.now()
    inexactNumber(text)
    expect(performance.now() - from).toBeLessThan(1000)
  })
})
