import { changedPointers } from '../../lib/json/changed-pointers'

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
