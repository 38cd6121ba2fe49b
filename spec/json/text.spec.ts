import { jsonText } from '../../lib/json/text'

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
