import { line } from '../../lib/timing/line'

test('first come, first served', () => {
  const waiting = line<string>()
  for (const each of ['a', 'b', 'c']) waiting.join(each)
  expect([waiting.length, waiting.next(), waiting.next(), waiting.next(), waiting.next(), waiting.length]).toEqual([
    3,
    'a',
    'b',
    'c',
    undefined,
    0,
  ])
})

test.each([
  [0, ['b', 'c', 'd']],
  [1, ['a', 'c', 'd']],
  [2, ['a', 'b', 'd']],
])('who leaves from place %i leaves the order of the others as it was', (place, order) => {
  const waiting = line<string>()
  const leave = ['a', 'b', 'c'].map((each) => waiting.join(each))[place]
  leave?.()
  leave?.()
  waiting.join('d')
  expect(waiting.length).toBe(3)
  expect([waiting.next(), waiting.next(), waiting.next(), waiting.next()]).toEqual([...order, undefined])
})

test('who was served has left', () => {
  const waiting = line<string>()
  const leave = waiting.join('a')
  waiting.join('b')
  expect(waiting.next()).toBe('a')
  leave()
  expect([waiting.length, waiting.next()]).toEqual([1, 'b'])
})
