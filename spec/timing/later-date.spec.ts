import { laterDate } from '../../lib/timing/later-date'

test.each<[string, number | undefined, number, number]>([
  ['nothing was there', undefined, 5_500, 5_500],
  ['the clock went on', 4_999, 5_000, 5_000],
  ['the clock shows the same second', 5_000, 5_999, 6_000],
  ['the parts of a second count for nothing', 5_999, 5_000, 6_000],
  ['the clock was set back', 65_500, 5_000, 66_000],
  ['the clock was set back by a day', 86_400_500, 500, 86_401_000],
  ['a date is as far ahead as it may be', 18_250, 5_000, 18_250],
  ['a second short of it', 17_250, 5_000, 18_000],
  ['a second more', 19_250, 5_000, 20_000],
])('%s: %p at %p becomes %p', (_, before, now, expected) => {
  expect(laterDate(before, now)).toBe(expected)
})

test.each([0, 3_600])(
  'a resource that changes all the time stays near a clock that was set back by %i s',
  (setBackS) => {
    const start = 1_790_000_000
    let date = start * 1000
    for (let i = 0; i < 10_000; i++) date = laterDate(date, (start - setBackS) * 1000 + i)
    expect(date / 1000 - start).toBeLessThanOrEqual(setBackS > 0 ? 1_000 : 23)
  },
)
