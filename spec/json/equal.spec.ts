import fc from 'fast-check'
import { changedPointers, sameJson } from '../../lib/json/equal'

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
