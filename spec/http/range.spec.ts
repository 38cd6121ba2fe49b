import { isRangeCurrent } from '../../lib/http/range'

const MODIFIED = Date.UTC(2024, 0, 1, 12, 0, 0) + 250
const NOW = MODIFIED + 5000
const validators = { tag: { weak: false, opaque: 'a' }, modifiedMs: MODIFIED }

test.each([
  ['"a"', true],
  ['W/"a"', false],
  ['"b"', false],
  ['"a", "b"', false],
  ['*', false],
  ['a', false],
  ['Mon, 01 Jan 2024 12:00:00 GMT', true],
  ['Monday, 01-Jan-24 12:00:00 GMT', true],
  ['Mon, 01 Jan 2024 12:00:01 GMT', false],
  ['Mon, 01 Jan 2024 11:59:59 GMT', false],
  ['2024-01-01', false],
  ['', false],
])('If-Range: %s is %s', (field, current) => {
  expect(isRangeCurrent(field, validators, NOW)).toBe(current)
})

test('a weak tag of ours is named by no If-Range', () => {
  const weak = { ...validators, tag: { weak: true, opaque: 'a' } }
  expect(isRangeCurrent('W/"a"', weak, NOW)).toBe(false)
  expect(isRangeCurrent('"a"', weak, NOW)).toBe(false)
})

test('a date is false while its second is still running, and without one', () => {
  const field = 'Mon, 01 Jan 2024 12:00:00 GMT'
  expect(isRangeCurrent(field, validators, MODIFIED + 100)).toBe(false)
  expect(isRangeCurrent(field, { tag: undefined, modifiedMs: undefined }, NOW)).toBe(false)
  expect(isRangeCurrent('"a"', { tag: undefined, modifiedMs: undefined }, NOW)).toBe(false)
})
