import { parsePatch } from '../../lib/json/patch-document'

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
