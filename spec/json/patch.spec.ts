import fc from 'fast-check'
import specTests from 'json-patch-test-suite/spec_tests.json'
import suiteTests from 'json-patch-test-suite/tests.json'
import { applyMergePatch, applyPatch, parsePatch } from '../../lib/json/patch'

interface SuiteCase {
  comment?: string
  doc?: unknown
  patch?: unknown
  expected?: unknown
  error?: string
  disabled?: boolean
}

const frozen = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(frozen)
  return value
}

describe.each([
  ['spec_tests.json', specTests as SuiteCase[], 16],
  ['tests.json', suiteTests as SuiteCase[], 75],
])('json-patch-tests: %s', (_file, cases, count) => {
  const enabled = cases.filter((it) => !it.disabled)

  test('none of it is left out', () => {
    expect(enabled).toHaveLength(count)
  })

  test.each(enabled.map((it) => [it.comment ?? it.error ?? JSON.stringify(it.patch), it] as const))(
    '%s',
    (_name, it) => {
      const result = applyPatch(frozen(it.doc), frozen(it.patch))
      if (it.error !== undefined) expect(result.ok).toBe(false)
      else expect(result).toEqual({ ok: true, value: 'expected' in it ? it.expected : it.doc })
    },
  )
})

describe('applyPatch', () => {
  test.each([
    ['the whole document by a scalar', { a: 1 }, [{ op: 'replace', path: '', value: 'x' }], 'x'],
    ['the whole document by a part of it', { a: [1] }, [{ op: 'move', from: '/a', path: '' }], [1]],
    ['the whole document into itself', { a: 1 }, [{ op: 'copy', from: '', path: '/b' }], { a: 1, b: { a: 1 } }],
    ['the whole document onto itself', { a: 1 }, [{ op: 'move', from: '', path: '' }], { a: 1 }],
    ['an item onto itself', { a: [1, 2] }, [{ op: 'move', from: '/a/0', path: '/a/0' }], { a: [1, 2] }],
    ['an item to the end', { a: [1, 2, 3] }, [{ op: 'move', from: '/a/0', path: '/a/-' }], { a: [2, 3, 1] }],
    ['null over null', { a: null }, [{ op: 'replace', path: '/a', value: null }], { a: null }],
    ['a test of the whole', { a: 1 }, [{ op: 'test', path: '', value: { a: 1 } }], { a: 1 }],
    ['a test for null', { a: null }, [{ op: 'test', path: '/a', value: null }], { a: null }],
    ['a member called toString', {}, [{ op: 'add', path: '/toString', value: 1 }], { toString: 1 }],
    ['from a target that is nothing', undefined, [{ op: 'add', path: '', value: 1 }], 1],
  ])('%s', (_name, target, patch, value) => {
    expect(applyPatch(frozen(target), frozen(patch))).toEqual({ ok: true, value })
  })

  test.each([
    ['add below nothing', 'add', '/b/c', { op: 'add', path: '/b/c', value: 1 }, '"/b/c" is not there'],
    ['remove nothing', 'remove', '/b', { op: 'remove', path: '/b' }, '"/b" is not there'],
    ['remove what is inherited', 'remove', '/toString', { op: 'remove', path: '/toString' }, 'is not there'],
    ['replace nothing', 'replace', '/b', { op: 'replace', path: '/b', value: 1 }, '"/b" is not there'],
    ['replace the end of an array', 'replace', '/list/-', { op: 'replace', path: '/list/-', value: 1 }, 'is not there'],
    ['move nothing', 'move', '/b', { op: 'move', from: '/b', path: '/c' }, '"/b" is not there'],
    ['move to nothing', 'move', '/c/d', { op: 'move', from: '/a', path: '/c/d' }, '"/c/d" is not there'],
    ['move nothing onto itself', 'move', '/b', { op: 'move', from: '/b', path: '/b' }, '"/b" is not there'],
    ['copy nothing', 'copy', '/b', { op: 'copy', from: '/b', path: '/c' }, '"/b" is not there'],
    ['copy to nothing', 'copy', '/c/d', { op: 'copy', from: '/a', path: '/c/d' }, '"/c/d" is not there'],
    ['copy what is inherited', 'copy', '/toString', { op: 'copy', from: '/toString', path: '/c' }, 'is not there'],
    ['test another value', 'test', '/a', { op: 'test', path: '/a', value: 2 }, '"/a" does not hold that value'],
    ['test nothing', 'test', '/b', { op: 'test', path: '/b', value: null }, '"/b" does not hold that value'],
  ])('%s fails, and says where', (_name, op, pointer, operation, detail) => {
    const target = frozen({ a: 1, list: [1] })
    const patch = frozen([{ op: 'add', path: '/done', value: true }, operation])
    expect(applyPatch(target, patch)).toEqual({
      ok: false,
      failure: { reason: 'failed', index: 1, op, pointer, detail: expect.stringContaining(detail) },
    })
  })

  test('a malformed patch is refused whole, before anything is applied', () => {
    const patch = [
      { op: 'test', path: '/a', value: 'wrong' },
      { op: 'add', path: 'b', value: 1 },
    ]
    expect(applyPatch({ a: 1 }, patch)).toMatchObject({ ok: false, failure: { reason: 'malformed', index: 1 } })
  })

  test('a copy and its origin change apart', () => {
    const patch = [
      { op: 'add', path: '/a/list/-', value: 1 },
      { op: 'copy', from: '/a', path: '/b' },
      { op: 'add', path: '/b/list/-', value: 2 },
      { op: 'add', path: '/a/list/-', value: 3 },
    ]
    expect(applyPatch(frozen({ a: { list: [] } }), frozen(patch))).toEqual({
      ok: true,
      value: { a: { list: [1, 3] }, b: { list: [1, 2] } },
    })
  })

  test('a value that was added and then changed stays as it is in the patch', () => {
    const patch = [
      { op: 'add', path: '/a', value: { b: 1 } },
      { op: 'replace', path: '/a/b', value: 2 },
    ]
    expect(applyPatch({}, frozen(patch))).toEqual({ ok: true, value: { a: { b: 2 } } })
  })
})

describe('limits', () => {
  test('1,000 operations are taken, 1,001 are not', () => {
    const operation = { op: 'test', path: '/a', value: 1 }
    expect(applyPatch({ a: 1 }, Array(1000).fill(operation)).ok).toBe(true)
    expect(applyPatch({ a: 1 }, Array(1001).fill(operation))).toMatchObject({ failure: { reason: 'too-large' } })
    expect(applyPatch({ a: 1 }, [operation], { maxOperations: 0 })).toMatchObject({ failure: { reason: 'too-large' } })
  })

  test.each([
    ['add', { op: 'add', path: '/b', value: 'xxxx' }],
    ['replace', { op: 'replace', path: '/a', value: 'xxxx' }],
    ['copy', { op: 'copy', from: '/a', path: '/b' }],
  ])('what each %s brings is counted together', (_op, operation) => {
    const target = { a: 'aaaa' }
    expect(applyPatch(target, [operation, operation], { maxAddedBytes: 12 }).ok).toBe(true)
    expect(applyPatch(target, [operation, operation], { maxAddedBytes: 11 })).toEqual({
      ok: false,
      failure: { reason: 'too-large', detail: 'a JSON Patch adds 11 bytes at the most' },
    })
  })

  test('test, move and remove bring nothing', () => {
    const patch = [
      { op: 'test', path: '/a', value: 'aaaa' },
      { op: 'move', from: '/a', path: '/b' },
      { op: 'remove', path: '/b' },
    ]
    expect(applyPatch({ a: 'aaaa' }, patch, { maxAddedBytes: 0 })).toEqual({ ok: true, value: {} })
  })

  test('1 MiB may be added', () => {
    const add = (length: number) => [{ op: 'add', path: '/a', value: 'x'.repeat(length) }]
    expect(applyPatch({}, add(1024 * 1024 - 2)).ok).toBe(true)
    expect(applyPatch({}, add(1024 * 1024 - 1))).toMatchObject({ failure: { reason: 'too-large' } })
  })

  // SECURITY S11
  test('the copy bomb of 929 bytes is refused before it grows', () => {
    const bomb = [
      { op: 'add', path: '/a', value: ['xxxxxxxxxx'] },
      ...Array.from({ length: 22 }, () => ({ op: 'copy', from: '/a', path: '/a/-' })),
    ]
    const start = performance.now()
    expect(applyPatch({}, bomb)).toMatchObject({ ok: false, failure: { reason: 'too-large' } })
    expect(performance.now() - start).toBeLessThan(1000)
  })

  test('1,000 operations on one array copy it once', () => {
    const items = Array.from({ length: 100_000 }, (_, index) => index)
    const slice = jest.spyOn(Array.prototype, 'slice')
    const patch = Array.from({ length: 1000 }, () => ({ op: 'add', path: '/items/-', value: 1 }))
    const result = applyPatch({ items }, patch)
    const copies = slice.mock.contexts.filter((it) => Array.isArray(it) && it.length >= 100_000).length
    slice.mockRestore()
    expect(copies).toBe(1)
    expect(result.ok && (result.value as { items: unknown[] }).items.length).toBe(101_000)
    expect(items).toHaveLength(100_000)
  })
})

describe('prototypes', () => {
  const before = Object.getOwnPropertyNames(Object.prototype)

  afterEach(() => {
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before)
    expect('polluted' in {}).toBe(false)
  })

  test.each([
    [[{ op: 'add', path: '/__proto__/polluted', value: 1 }]],
    [[{ op: 'add', path: '/__proto__', value: { polluted: 1 } }]],
    [[{ op: 'add', path: '/constructor/prototype/polluted', value: 1 }]],
    [[{ op: 'replace', path: '/__proto__/id', value: 1 }]],
    [[{ op: 'copy', from: '/id', path: '/__proto__/polluted' }]],
    [[{ op: 'add', path: [['__proto__'], 'polluted'], value: 1 }]],
  ])('%j is malformed', (patch) => {
    expect(applyPatch({ id: 7 }, patch)).toMatchObject({ ok: false, failure: { reason: 'malformed', index: 0 } })
  })

  test.each(['/constructor/id', '/constructor/polluted', '/toString/polluted', '/hasOwnProperty/call'])(
    '%s is not there',
    (path) => {
      for (const op of ['add', 'replace']) {
        expect(applyPatch({ id: 7 }, [{ op, path, value: 1 }])).toMatchObject({ failure: { reason: 'failed' } })
      }
    },
  )

  test('own members of such names in values are carried along as own members', () => {
    const value = JSON.parse('{"__proto__":{"polluted":1}}')
    const patch = [
      { op: 'add', path: '/a', value },
      { op: 'copy', from: '/a', path: '/b' },
      { op: 'add', path: '/b/c', value: 1 },
    ]
    const result = applyPatch({}, patch)
    expect(JSON.stringify(result)).toBe(
      '{"ok":true,"value":{"a":{"__proto__":{"polluted":1}},"b":{"__proto__":{"polluted":1},"c":1}}}',
    )
  })
})

describe('whatever the patch', () => {
  const token = fc.constantFrom('a', 'b', '0', '1', '-', '', '~0', '~1', 'toString')
  const pointer = fc.array(token, { maxLength: 3 }).map((tokens) => tokens.map((it) => `/${it}`).join(''))
  const small = fc.jsonValue({ maxDepth: 2, depthSize: 'small' })
  const document = fc.oneof(
    small,
    fc.dictionary(fc.constantFrom('a', 'b', '0', ''), fc.oneof(small, fc.array(small), fc.dictionary(token, small))),
  )
  const operation = fc.oneof(
    fc.record({ op: fc.constantFrom('add', 'replace', 'test'), path: pointer, value: small }),
    fc.record({ op: fc.constant('remove'), path: pointer }),
    fc.record({ op: fc.constantFrom('move', 'copy'), from: pointer, path: pointer }),
  )

  test('neither it nor the target is changed, and it goes through or fails as a whole', () => {
    fc.assert(
      fc.property(document, fc.array(operation, { maxLength: 6 }), (target, patch) => {
        const text = JSON.stringify(target)
        const result = applyPatch(frozen(target), frozen(patch))
        expect(JSON.stringify(target)).toBe(text)
        if (result.ok) expect(result.value).toBeDefined()
      }),
      { numRuns: 500 },
    )
  })

  test('one operation after the other gives the same as all at once', () => {
    fc.assert(
      fc.property(document, fc.array(operation, { maxLength: 6 }), (target, patch) => {
        const whole = applyPatch(target, patch)
        let value: unknown = structuredClone(target)
        for (const [index, one] of patch.entries()) {
          const step = applyPatch(structuredClone(value), [one])
          if (step.ok) {
            value = step.value
            continue
          }
          if (!whole.ok && whole.failure.reason === 'failed') expect(whole.failure.index).toBe(index)
          expect(whole.ok).toBe(false)
          return
        }
        expect(whole).toEqual({ ok: true, value })
      }),
      { numRuns: 500 },
    )
  })
})

describe('applyMergePatch', () => {
  test('takes a date that a parser made for a value, as its JSON is one', () => {
    const when = new Date(0)
    expect(applyMergePatch({ when: { a: 1 }, b: 2 }, { when })).toEqual({ when, b: 2 })
  })

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

const LIMITS = { maxOperations: 3 }
const at = (pointer: string, ...tokens: string[]) => ({ pointer, tokens })

describe('parsePatch', () => {
  test('every kind of operation is read, with its pointers', () => {
    const patch = [
      { op: 'add', path: '/a/-', value: 1 },
      { op: 'remove', path: '/a~1b' },
      { op: 'replace', path: '', value: null },
    ]
    expect(parsePatch(patch, LIMITS)).toEqual({
      ok: true,
      operations: [
        { op: 'add', path: at('/a/-', 'a', '-'), value: 1 },
        { op: 'remove', path: at('/a~1b', 'a/b') },
        { op: 'replace', path: at(''), value: null },
      ],
    })
    const more = [
      { op: 'move', from: '/a', path: '/b' },
      { op: 'copy', from: '', path: '/b' },
      { op: 'test', path: '/a', value: false },
    ]
    expect(parsePatch(more, LIMITS)).toEqual({
      ok: true,
      operations: [
        { op: 'move', from: at('/a', 'a'), path: at('/b', 'b') },
        { op: 'copy', from: at(''), path: at('/b', 'b') },
        { op: 'test', path: at('/a', 'a'), value: false },
      ],
    })
  })

  test('no operation is a patch', () => {
    expect(parsePatch([], LIMITS)).toEqual({ ok: true, operations: [] })
  })

  test('members that an operation does not define are ignored', () => {
    expect(parsePatch([{ op: 'remove', path: '/a', value: 1, from: 7, id: 'x' }], LIMITS)).toEqual({
      ok: true,
      operations: [{ op: 'remove', path: at('/a', 'a') }],
    })
  })

  test.each([{}, null, 'patch', 1, undefined, { op: 'remove', path: '/a' }])('%j is no patch', (document) => {
    expect(parsePatch(document, LIMITS)).toEqual({
      ok: false,
      failure: { reason: 'malformed', detail: 'a JSON Patch is an array of operations' },
    })
  })

  test('as many operations as allowed, and no more', () => {
    const operation = { op: 'remove', path: '/a' }
    expect(parsePatch(Array(3).fill(operation), LIMITS).ok).toBe(true)
    expect(parsePatch(Array(4).fill(operation), LIMITS)).toEqual({
      ok: false,
      failure: { reason: 'too-large', detail: 'a JSON Patch has 3 operations at the most' },
    })
  })

  test.each([
    ['a null', null, 'an operation is an object'],
    ['an array', [], 'an operation is an object'],
    ['a text', 'add', 'an operation is an object'],
    ['no members', {}, '"path" is not a JSON Pointer'],
    ['no op', { path: '/a' }, '"op" is none of add, remove, replace, move, copy and test'],
    ['an unknown op', { op: 'spam', path: '/a' }, '"op" is none of'],
    ['an op in capitals', { op: 'Remove', path: '/a' }, '"op" is none of'],
    ['an inherited op', Object.create({ op: 'remove', path: '/a' }), '"path" is not a JSON Pointer'],
    ['op as an array', { op: ['remove'], path: '/a' }, '"op" is none of'],
    ['op toString', { op: 'toString', path: '/a' }, '"op" is none of'],
    ['no path', { op: 'remove' }, '"path" is not a JSON Pointer'],
    ['path without a slash', { op: 'remove', path: 'a' }, '"path" is not a JSON Pointer'],
    ['path with a bad escape', { op: 'remove', path: '/a~2' }, '"path" is not a JSON Pointer'],
    ['path as an array', { op: 'remove', path: ['a'] }, '"path" is not a JSON Pointer'],
    ['path as an array of arrays', { op: 'remove', path: [['__proto__'], 'x'] }, '"path" is not a JSON Pointer'],
    ['path null', { op: 'remove', path: null }, '"path" is not a JSON Pointer'],
    ['add without a value', { op: 'add', path: '/a' }, '"add" needs a "value"'],
    ['replace without a value', { op: 'replace', path: '/a' }, '"replace" needs a "value"'],
    ['test without a value', { op: 'test', path: '/a' }, '"test" needs a "value"'],
    ['move without from', { op: 'move', path: '/a' }, '"from" is not a JSON Pointer'],
    ['copy without from', { op: 'copy', path: '/a' }, '"from" is not a JSON Pointer'],
    ['copy from no pointer', { op: 'copy', from: 'a', path: '/a' }, '"from" is not a JSON Pointer'],
    ['a removal of everything', { op: 'remove', path: '' }, 'the whole document cannot be removed'],
    ['a move into itself', { op: 'move', from: '/a', path: '/a/b' }, 'a value cannot move into itself'],
    ['a move of everything', { op: 'move', from: '', path: '/a' }, 'a value cannot move into itself'],
    // SECURITY S9
    ['__proto__', { op: 'add', path: '/__proto__', value: {} }, '"path" leads to a prototype'],
    ['below __proto__', { op: 'add', path: '/__proto__/x', value: 1 }, '"path" leads to a prototype'],
    ['a deep __proto__', { op: 'test', path: '/a/0/__proto__', value: 1 }, '"path" leads to a prototype'],
    ['constructor.prototype', { op: 'add', path: '/constructor/prototype/x', value: 1 }, 'leads to a prototype'],
    ['a deep constructor.prototype', { op: 'remove', path: '/a/constructor/prototype' }, 'leads to a prototype'],
    ['from __proto__', { op: 'copy', from: '/__proto__', path: '/a' }, '"from" leads to a prototype'],
    ['to __proto__', { op: 'move', from: '/a', path: '/__proto__' }, '"path" leads to a prototype'],
  ])('%s is malformed', (_name, operation, detail) => {
    const result = parsePatch([{ op: 'remove', path: '/a' }, operation], LIMITS)
    expect(result).toEqual({
      ok: false,
      failure: { reason: 'malformed', detail: expect.stringContaining(detail), index: 1 },
    })
  })

  test.each([
    { op: 'add', path: '/constructor', value: 1 },
    { op: 'add', path: '/prototype', value: 1 },
    { op: 'add', path: '/prototype/constructor', value: 1 },
    { op: 'add', path: '/constructor/name/prototype', value: 1 },
    { op: 'move', from: '/a', path: '/ab' },
    { op: 'move', from: '/a', path: '/a' },
    { op: 'move', from: '/a/b', path: '/a' },
    { op: 'copy', from: '/a', path: '/a/b' },
    { op: 'move', from: '', path: '' },
  ])('%j is an operation', (operation) => {
    expect(parsePatch([operation], LIMITS).ok).toBe(true)
  })
})
