import { cacheGroup, listWith, staleGroups } from '../../lib/http/cache-groups'

test.each([
  ['1', 'article:1'],
  ['4d3f-_~', 'article:4d3f-_~'],
  ['a b,c"d', 'article:a%20b%2Cc%22d'],
  [`.*(+)'!`, 'article:%2E%2A%28%2B%29%27%21'],
  ['acme:7', 'article:acme%3A7'],
  ['é\ud800', 'article:%C3%A9%EF%BF%BD'],
])('the group of %j has nothing in it that lists or regular expressions give a meaning', (key, group) => {
  expect(cacheGroup('article', key)).toBe(group)
})

test('the groups of a new resource without a known key: those of representations of several resources', () => {
  expect(staleGroups('article', undefined)).toEqual(['article'])
  expect(staleGroups('article', '1')).toEqual(['article:1', 'article'])
})

test('a list of strings goes behind what the field has', () => {
  expect(listWith(['a:1', 'a'])).toBe('"a:1", "a"')
  expect(listWith(['a'], '"front"')).toBe('"front", "a"')
  expect(listWith(['a'], ['"one"', '"two"'])).toBe('"one", "two", "a"')
})
