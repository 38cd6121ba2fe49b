import { findUnsafe } from '../../lib/json/document'

const deep = (depth: number, open = '[', close = ']', core = '') =>
  JSON.parse(open.repeat(depth) + core + close.repeat(depth))

describe('findUnsafe', () => {
  test.each([
    ['1'],
    ['null'],
    ['"__proto__"'],
    ['[]'],
    ['{}'],
    ['{"a":{"b":[1,null,"x"]}}'],
    ['["__proto__"]'],
    ['{"proto":1,"__proto":1,"prototype":{"x":1}}'],
    ['{"constructor":"Bauhaus"}'],
    ['{"constructor":null}'],
    ['{"constructor":{"name":"Bauhaus"}}'],
    ['{"constructor":["prototype"]}'],
    ['{"toString":1,"hasOwnProperty":2}'],
  ])('%s is safe', (json) => {
    expect(findUnsafe(JSON.parse(json), 10)).toBeUndefined()
  })

  // SECURITY S9
  test.each([
    ['{"__proto__":{"isAdmin":true}}'],
    ['{"__proto__":null}'],
    ['{"a":{"__proto__":1}}'],
    ['[{"a":[{"__proto__":1}]}]'],
    ['{"constructor":{"prototype":{"x":1}}}'],
    ['{"constructor":{"prototype":null}}'],
    ['{"a":[{"constructor":{"prototype":1}}]}'],
    ['{"constructor":{"constructor":{"prototype":1}}}'],
  ])('%s holds a name that leads to a prototype', (json) => {
    expect(findUnsafe(JSON.parse(json), 10)).toBe('prototype-key')
  })

  // SECURITY S21, RFC 7493 §2.2
  test.each([['1e400'], ['-1e400'], ['[1e400]'], ['{"a":[{"b":1e400}]}']])(
    '%s is no number that can be written',
    (json) => {
      expect(findUnsafe(JSON.parse(json), 10)).toBe('infinite-number')
    },
  )

  // RFC 7493 §2.1
  test.each([
    ['"\\ud800"'],
    ['["\\udc00"]'],
    ['{"a":[{"b":"x\\ud83d"}]}'],
    ['{"\\ud800":1}'],
    ['[{"a":1,"\\udfff":1}]'],
    ['"\\ude00\\ud83d"'],
  ])('%s holds half of a surrogate pair', (json) => {
    expect(findUnsafe(JSON.parse(json), 10)).toBe('broken-text')
  })

  test.each([['"\\ud83d\\ude00"'], ['{"\\ud83d\\ude00":"\\u0000"}'], ['[1.7976931348623157e308,-0,null]']])(
    '%s can be written again',
    (json) => {
      expect(findUnsafe(JSON.parse(json), 10)).toBeUndefined()
    },
  )

  test.each([
    ['arrays', '[', ']', ''],
    ['objects', '{"a":', '}', '1'],
    ['both', '[{"a":', '}]', '1'],
  ])('%s may nest as deep as allowed and no deeper', (_name, open, close, core) => {
    const levels = open === '[{"a":' ? 2 : 1
    expect(findUnsafe(deep(3, open, close, core), 3 * levels)).toBeUndefined()
    expect(findUnsafe(deep(3, open, close, core), 3 * levels - 1)).toBe('too-deep')
  })

  test('values count for no depth, objects and arrays do', () => {
    expect(findUnsafe(1, 0)).toBeUndefined()
    expect(findUnsafe([1], 1)).toBeUndefined()
    expect(findUnsafe([], 0)).toBe('too-deep')
    expect(findUnsafe([1, [2], 3], 1)).toBe('too-deep')
  })

  test('200,000 levels overflow nothing', () => {
    expect(findUnsafe(deep(200_000), 64)).toBe('too-deep')
    expect(findUnsafe(deep(200_000), 200_000)).toBeUndefined()
    expect(findUnsafe(deep(200_000), 199_999)).toBe('too-deep')
  })

  test('an object without a prototype is looked at like the others', () => {
    expect(findUnsafe(Object.assign(Object.create(null), { a: 1 }), 2)).toBeUndefined()
    expect(findUnsafe({ constructor: Object.assign(Object.create(null), { prototype: 1 }) }, 2)).toBe('prototype-key')
  })

  test('a class as constructor is no document', () => {
    expect(findUnsafe({ constructor: class {} }, 2)).toBeUndefined()
  })
})
