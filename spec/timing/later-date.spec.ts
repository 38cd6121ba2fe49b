import fc from 'fast-check'
import { datingClock, isShared, laterDate } from '../../lib/timing/later-date'

test.each<[string, number | undefined, number, number]>([
  ['nothing was there', undefined, 5_500, 5_500],
  ['the clock went on', 4_999, 5_000, 5_000],
  ['the clock shows the same second', 5_000, 5_998, 6_000],
  ['the parts of a second count for nothing', 5_998, 5_000, 6_000],
  ['a second short of as far ahead as it may be', 17_250, 5_000, 18_000],
  ['a date is as far ahead as it may be', 18_250, 5_000, 19_999],
  ['it stays there', 19_999, 5_998, 19_999],
  ['until the clock comes nearer', 19_999, 7_000, 20_000],
  ['the clock was set back', 65_500, 5_000, 66_999],
  ['the clock was set back by a day', 86_400_500, 500, 86_401_999],
])('%s: %p at %p becomes %p', (_, before, now, expected) => {
  expect(laterDate(before, now)).toBe(expected)
})

test('a clock never shows the millisecond of dates that several states share', () => {
  expect([5_998, 5_999, 5_999.7, 6_000.5].map((ms) => datingClock(() => ms)())).toEqual([5_998, 5_998, 5_998, 6_000])
})

test.each([0, 3_600])(
  'a resource that changes all the time stays near a clock that was set back by %i s',
  (setBackS) => {
    const start = 1_790_000_000
    let date = start * 1000
    for (let i = 0; i < 10_000; i++) date = laterDate(date, (start - setBackS) * 1000 + i)
    expect(date / 1000 - start).toBeLessThanOrEqual(setBackS > 0 ? 2 : 25)
  },
)

const START_MS = 1_790_000_000_000
const APART_MS = [0, 3_000, -13_000]
const histories = fc.array(
  fc.record({
    // Back and forth by what the rule counts with, so that dates meet again.
    goesOnMs: fc.constantFrom(
      0,
      1,
      400,
      999,
      1_000,
      5_000,
      13_000,
      14_000,
      -1,
      -900,
      -1_000,
      -12_000,
      -13_000,
      -14_000,
      -3_600_000,
    ),
    times: fc.integer({ min: 1, max: 20 }),
    process: fc.nat(APART_MS.length - 1),
  }),
  { minLength: 1, maxLength: 30 },
)

test.each([
  ['whole milliseconds', (ms: number) => ms],
  ['whole seconds, cut', (ms: number) => Math.floor(ms / 1000) * 1000],
  ['whole seconds, rounded', (ms: number) => Math.round(ms / 1000) * 1000],
])(
  'kept in %s: whatever the clocks do, a second that is shown belongs to one state, and no later state is in it unshared',
  (_, keep) => {
    fc.assert(
      fc.property(histories, (history) => {
        const shown = new Set<number>()
        let [clockMs, date] = [START_MS, START_MS]
        for (const { goesOnMs, times, process } of history) {
          clockMs += goesOnMs
          const now = datingClock(() => clockMs + (APART_MS[process] ?? 0))
          for (let i = 0; i < times; i++) {
            const before = Math.floor(date / 1000)
            date = keep(laterDate(date, now()))
            const second = Math.floor(date / 1000)
            if (second < before || (!isShared(date) && shown.has(second))) return false
            if (!isShared(date)) shown.add(second)
          }
        }
        return true
      }),
      { numRuns: 2_000, seed: 20_261_128 },
    )
  },
)
