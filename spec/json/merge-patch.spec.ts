import fc from 'fast-check'
import { applyMergePatch } from '../../lib/json/merge-patch'

const frozen = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(frozen)
  return value
}

describe('applyMergePatch', () => {
  // RFC 7396 appendix A, whole; then what it leaves out.
  test.each([
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
    ['{"a":"b"}', '{"a":null}', '{}'],
    ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
    ['["a","b"]', '["c","d"]', '["c","d"]'],
    ['{"a":"b"}', '["c"]', '["c"]'],
    ['{"a":"foo"}', 'null', 'null'],
    ['{"a":"foo"}', '"bar"', '"bar"'],
    ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
    ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
    ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
    ['{"a":1}', '{}', '{"a":1}'],
    ['null', '{"a":1}', '{"a":1}'],
    ['"text"', '{"a":1}', '{"a":1}'],
    ['{"a":{"b":1}}', '{"a":{"c":2}}', '{"a":{"b":1,"c":2}}'],
    ['{"a":1}', '{"a":{"b":2}}', '{"a":{"b":2}}'],
    ['{"a":1}', '{"a":[null,{"b":null}]}', '{"a":[null,{"b":null}]}'],
    ['{"a":1}', '{"b":null}', '{"a":1}'],
  ])('%s with %s is %s', (target, patch, result) => {
    expect(JSON.stringify(applyMergePatch(frozen(JSON.parse(target)), frozen(JSON.parse(patch))))).toBe(result)
  })

  test('from nothing it makes an object', () => {
    expect(applyMergePatch(undefined, { a: { b: null, c: 1 } })).toEqual({ a: { c: 1 } })
  })

  test('what the patch does not name is shared', () => {
    const target = { a: { b: 1 }, c: { d: 1 } }
    const result = applyMergePatch(target, { a: { b: 2 } }) as typeof target
    expect(result.c).toBe(target.c)
    expect(target).toEqual({ a: { b: 1 }, c: { d: 1 } })
  })

  // SECURITY S9
  test.each([
    '{"__proto__":{"polluted":true}}',
    '{"a":{"__proto__":{"polluted":true}}}',
    '{"constructor":{"prototype":{"polluted":true}}}',
  ])('%s stays among own members', (json) => {
    const result = applyMergePatch({ a: {} }, JSON.parse(json))
    expect(result).not.toHaveProperty('polluted')
    expect(result).not.toHaveProperty('a.polluted')
    expect('polluted' in {}).toBe(false)
    expect(applyMergePatch({}, JSON.parse(json))).toEqual(JSON.parse(json))
  })

  test('an own __proto__ can be removed, and nothing else goes with it', () => {
    const result = applyMergePatch(JSON.parse('{"__proto__":1,"a":2}'), JSON.parse('{"__proto__":null}'))
    expect(JSON.stringify(result)).toBe('{"a":2}')
    expect(Object.getPrototypeOf(result)).toBe(Object.prototype)
  })

  test('carried out twice it changes nothing more, and it never changes what it was given', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (target, patch) => {
        const once = applyMergePatch(frozen(target), frozen(patch))
        expect(applyMergePatch(frozen(once), patch)).toEqual(once)
      }),
    )
  })
})
