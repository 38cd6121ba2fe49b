import { draftOf } from '../../lib/json/draft'

describe('draftOf', () => {
  test('what it was made from stays as it is', () => {
    const document = { a: { b: [1, 2] }, c: { d: 1 } }
    const draft = draftOf(document)
    expect(draft.add(['a', 'b', '-'], 3)).toBe(true)
    expect(draft.replace(['c', 'd'], 2)).toBe(true)
    expect(draft.remove(['a', 'b', '0'])).toBe(true)
    expect(draft.value()).toEqual({ a: { b: [2, 3] }, c: { d: 2 } })
    expect(document).toEqual({ a: { b: [1, 2] }, c: { d: 1 } })
  })

  test('what is not written to is shared', () => {
    const document = { a: { b: 1 }, c: { d: 1 } }
    const draft = draftOf(document)
    draft.add(['a', 'b'], 2)
    expect(draft.at(['c'])).toBe(document.c)
    expect(draft.at(['a'])).not.toBe(document.a)
  })

  test('objects and arrays are copied once', () => {
    const draft = draftOf({ list: [] as number[] })
    draft.add(['list', '-'], 1)
    const list = draft.at(['list'])
    const root = draft.value()
    draft.add(['list', '-'], 2)
    draft.remove(['list', '0'])
    draft.replace(['list', '0'], 3)
    expect(draft.at(['list'])).toBe(list)
    expect(draft.value()).toBe(root)
    expect(list).toEqual([3])
  })

  test('what was put in is not written to either', () => {
    const value = { b: { c: 1 } }
    const draft = draftOf({})
    draft.add(['a'], value)
    draft.replace(['a', 'b', 'c'], 2)
    expect(draft.value()).toEqual({ a: { b: { c: 2 } } })
    expect(value).toEqual({ b: { c: 1 } })
  })

  test('a shared value can change in one place and not in the other, at any depth', () => {
    const draft = draftOf({ a: { b: { c: [1] } } })
    draft.add(['a', 'b', 'c', '-'], 2)
    const value = draft.at(['a'])
    draft.share(value, 1000)
    draft.add(['copy'], value)
    draft.add(['copy', 'b', 'c', '-'], 3)
    draft.add(['a', 'b', 'c', '-'], 4)
    expect(draft.value()).toEqual({ a: { b: { c: [1, 2, 4] } }, copy: { b: { c: [1, 2, 3] } } })
  })

  test.each([
    ['below a scalar', { a: 1 }, ['a', 'b']],
    ['below null', { a: null }, ['a', 'b']],
    ['below a missing member', { a: 1 }, ['b', 'c']],
    ['below a missing item', [1], ['1', 'c']],
    ['in a scalar document', 'text', ['0']],
    ['deep below a missing member', {}, ['a', 'b', 'c']],
    ['under a bad index', [1], ['00']],
    ['beyond the end', [1], ['2']],
    ['under a name in an array', [1], ['a']],
  ])('there is no place %s', (_name, document, tokens) => {
    const draft = draftOf(document)
    expect(draft.add(tokens, 1)).toBe(false)
    expect(draft.replace(tokens, 1)).toBe(false)
    expect(draft.remove(tokens)).toBe(false)
    expect(draft.value()).toEqual(document)
  })

  test('only what is there is replaced or removed', () => {
    const draft = draftOf({ a: [1] })
    for (const tokens of [['b'], ['toString'], ['a', '1'], ['a', '-']]) {
      expect(draft.replace(tokens, 1)).toBe(false)
      expect(draft.remove(tokens)).toBe(false)
    }
    expect(draft.value()).toEqual({ a: [1] })
  })

  test('the whole document can be replaced, and not removed', () => {
    const draft = draftOf({ a: 1 })
    expect(draft.remove([])).toBe(false)
    expect(draft.value()).toEqual({ a: 1 })
    expect(draft.replace([], [1])).toBe(true)
    expect(draft.value()).toEqual([1])
    expect(draft.add([], 'x')).toBe(true)
    expect(draft.value()).toBe('x')
  })

  test.each([
    ['1', 4],
    ['null', 4],
    ['""', 2],
    ['"abc"', 5],
    ['[]', 2],
    ['[1,2]', 12],
    ['{}', 2],
    ['{"ab":"cd"}', 12],
    ['[{"a":[""]}]', 15],
  ])('%s counts for %d', (json, size) => {
    expect(draftOf(null).share(JSON.parse(json), 1000)).toBe(size)
  })

  test('the count ends soon after the limit', () => {
    const draft = draftOf(null)
    expect(draft.share(['abc'], 8)).toBe(8)
    expect(draft.share(['abc'], 3)).toBe(8)
    const many = Array(1000).fill('x'.repeat(100))
    const size = draft.share(many, 2000)
    expect(size).toBeGreaterThan(2000)
    expect(size).toBeLessThan(2200)
  })
})
