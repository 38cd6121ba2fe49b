import fc from 'fast-check'
import { floorToSecond, formatHttpDate, parseHttpDate } from '../../lib/http/http-date'

const NOW = Date.UTC(2026, 10, 22, 12, 0, 0)

describe('parseHttpDate', () => {
  test.each([
    // RFC 9110 §5.6.7: one moment in three forms.
    ['Sun, 06 Nov 1994 08:49:37 GMT', Date.UTC(1994, 10, 6, 8, 49, 37)],
    ['Sunday, 06-Nov-94 08:49:37 GMT', Date.UTC(1994, 10, 6, 8, 49, 37)],
    ['Sun Nov  6 08:49:37 1994', Date.UTC(1994, 10, 6, 8, 49, 37)],
    ['Wed Nov 16 08:49:37 1994', Date.UTC(1994, 10, 16, 8, 49, 37)],
    ['Wed Nov 06 08:49:37 1994', Date.UTC(1994, 10, 6, 8, 49, 37)],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['Wed, 31 Dec 1969 23:59:59 GMT', -1000],
    ['Fri, 31 Dec 9999 23:59:59 GMT', Date.UTC(9999, 11, 31, 23, 59, 59)],
    ['Thu, 29 Feb 2024 00:00:00 GMT', Date.UTC(2024, 1, 29)],
    ['Tue, 29 Feb 2000 00:00:00 GMT', Date.UTC(2000, 1, 29)],
    // The day name has to be one; which one is not checked.
    ['Mon, 06 Nov 1994 08:49:37 GMT', Date.UTC(1994, 10, 6, 8, 49, 37)],
    // A leap second is the first of the next minute.
    ['Sat, 31 Dec 2016 23:59:60 GMT', Date.UTC(2017, 0, 1)],
    // A year below 100 is no short form of another one.
    ['Sat, 01 Jan 0050 00:00:00 GMT', new Date('0050-01-01T00:00:00Z').getTime()],
    ['Sat, 01 Jan 0000 00:00:00 GMT', new Date('0000-01-01T00:00:00Z').getTime()],
  ])('%s', (text, time) => {
    expect(parseHttpDate(text, NOW)).toBe(time)
  })

  test.each('Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ').map((name, month) => [name, month] as const))(
    '%s is a month of all three forms',
    (name, month) => {
      const time = Date.UTC(2001, month, 28, 1, 2, 3)
      expect(parseHttpDate(`Mon, 28 ${name} 2001 01:02:03 GMT`, NOW)).toBe(time)
      expect(parseHttpDate(`Monday, 28-${name}-01 01:02:03 GMT`, NOW)).toBe(time)
      expect(parseHttpDate(`Mon ${name} 28 01:02:03 2001`, NOW)).toBe(time)
    },
  )

  test.each('Monday Tuesday Wednesday Thursday Friday Saturday Sunday'.split(' '))('%s is a day name', (name) => {
    const time = Date.UTC(2001, 0, 5)
    const short = name.slice(0, 3)
    expect(parseHttpDate(`${short}, 05 Jan 2001 00:00:00 GMT`, NOW)).toBe(time)
    expect(parseHttpDate(`${name}, 05-Jan-01 00:00:00 GMT`, NOW)).toBe(time)
    expect(parseHttpDate(`${short} Jan  5 00:00:00 2001`, NOW)).toBe(time)
  })

  test.each([
    '',
    '0',
    '-1',
    '784111777',
    'now',
    '1994-11-06T08:49:37Z',
    // another case
    'sun, 06 Nov 1994 08:49:37 GMT',
    'SUN, 06 NOV 1994 08:49:37 GMT',
    'Sun, 06 nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 gmt',
    // another zone
    'Sun, 06 Nov 1994 08:49:37 UTC',
    'Sun, 06 Nov 1994 08:49:37 +0000',
    'Sun, 06 Nov 1994 08:49:37 EST',
    'Sun, 06 Nov 1994 08:49:37',
    'Sun Nov  6 08:49:37 1994 GMT',
    // another shape
    ' Sun, 06 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 GMT ',
    'Sun,  06 Nov 1994 08:49:37 GMT',
    'Sun,06 Nov 1994 08:49:37 GMT',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'Sun,  6 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 94 08:49:37 GMT',
    'Sun, 06 Nov 19940 08:49:37 GMT',
    'Sun, 06 Nov 1994 8:49:37 GMT',
    'Sun, 06 Nov 1994 08:49 GMT',
    'Sun, 06 Nov 1994 08:49:37.5 GMT',
    'Sun, 06-Nov-94 08:49:37 GMT',
    'Sun, 06-Nov-1994 08:49:37 GMT',
    'Sunday, 06 Nov 1994 08:49:37 GMT',
    'Sunday, 06-Nov-1994 08:49:37 GMT',
    'Sunday, 6-Nov-94 08:49:37 GMT',
    'xSunday, 06-Nov-94 08:49:37 GMT',
    'Sunday, 06-Nov-94 08:49:37 GMTx',
    'Sun Nov 6 08:49:37 1994',
    'Sun Nov   6 08:49:37 1994',
    'xSun Nov  6 08:49:37 1994',
    'Sun Nov  6 08:49:37 94',
    'Sunday Nov  6 08:49:37 1994',
    '06 Nov 1994 08:49:37 GMT',
    'Foo, 06 Nov 1994 08:49:37 GMT',
    'Sun, 06 Foo 1994 08:49:37 GMT',
    // no such day
    'Sun, 00 Nov 1994 08:49:37 GMT',
    'Sun, 31 Nov 1994 08:49:37 GMT',
    'Sun, 32 Jan 1994 08:49:37 GMT',
    'Fri, 30 Feb 2024 00:00:00 GMT',
    'Fri, 31 Feb 2026 00:00:00 GMT',
    'Wed, 29 Feb 2023 00:00:00 GMT',
    'Thu, 29 Feb 1900 00:00:00 GMT',
    'Sunday, 31-Nov-94 08:49:37 GMT',
    'Sun Nov  0 08:49:37 1994',
    'Sun Nov 31 08:49:37 1994',
    // no such time
    'Sun, 06 Nov 1994 24:00:00 GMT',
    'Sun, 06 Nov 1994 08:60:00 GMT',
    'Sun, 06 Nov 1994 08:49:61 GMT',
    'Sun, 06 Nov 1994 08:49:80 GMT',
    'Sun, 06 Nov 1994 30:49:37 GMT',
    // a list
    'Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT',
  ])('%j is no date', (text) => {
    expect(parseHttpDate(text, NOW)).toBeUndefined()
  })

  // now: 22 November 2026, 12:00
  test.each([
    ['Sunday, 22-Nov-26 12:00:00 GMT', Date.UTC(2026, 10, 22, 12)],
    ['Sunday, 01-Jan-30 00:00:00 GMT', Date.UTC(2030, 0, 1)],
    ['Sunday, 22-Nov-76 12:00:00 GMT', Date.UTC(2076, 10, 22, 12)],
    ['Sunday, 22-Nov-76 12:00:01 GMT', Date.UTC(1976, 10, 22, 12, 0, 1)],
    ['Sunday, 23-Nov-76 00:00:00 GMT', Date.UTC(1976, 10, 23)],
    ['Sunday, 01-Jan-77 00:00:00 GMT', Date.UTC(1977, 0, 1)],
    // Date.parse says 1969.
    ['Wednesday, 31-Dec-69 23:59:59 GMT', Date.UTC(2069, 11, 31, 23, 59, 59)],
    ['Friday, 31-Dec-99 23:59:59 GMT', Date.UTC(1999, 11, 31, 23, 59, 59)],
    ['Saturday, 01-Jan-00 00:00:00 GMT', Date.UTC(2000, 0, 1)],
  ])('%s: a year of two digits is at most 50 years ahead', (text, time) => {
    expect(parseHttpDate(text, NOW)).toBe(time)
  })

  test('a year of two digits can lie in the next century', () => {
    const late = Date.UTC(2099, 5, 1)
    expect(parseHttpDate('Friday, 01-Jan-05 00:00:00 GMT', late)).toBe(Date.UTC(2105, 0, 1))
    expect(parseHttpDate('Friday, 01-Jan-49 00:00:00 GMT', late)).toBe(Date.UTC(2149, 0, 1))
    expect(parseHttpDate('Friday, 01-Jan-50 00:00:00 GMT', late)).toBe(Date.UTC(2050, 0, 1))
  })

  test('a leap day belongs to the century that has it', () => {
    expect(parseHttpDate('Tuesday, 29-Feb-00 00:00:00 GMT', Date.UTC(2060, 0, 1))).toBe(Date.UTC(2000, 1, 29))
  })

  test('64 kB that begin like a date are refused in linear time', () => {
    const start = performance.now()
    expect(parseHttpDate('Sun, 06 Nov 1994 08:49:37 GMT'.repeat(2400), NOW)).toBeUndefined()
    expect(parseHttpDate('Sun, '.repeat(13_200), NOW)).toBeUndefined()
    expect(performance.now() - start).toBeLessThan(1000)
  })
})

describe('formatHttpDate', () => {
  test('writes an IMF-fixdate and drops parts of a second', () => {
    expect(formatHttpDate(Date.UTC(1994, 10, 6, 8, 49, 37))).toBe('Sun, 06 Nov 1994 08:49:37 GMT')
    expect(formatHttpDate(Date.UTC(1994, 10, 6, 8, 49, 37, 999))).toBe('Sun, 06 Nov 1994 08:49:37 GMT')
  })

  test('what is written is read as the same second', () => {
    const time = fc.integer({ min: new Date('0000-01-01T00:00:00Z').getTime(), max: Date.UTC(9999, 11, 31) })
    fc.assert(fc.property(time, (ms) => expect(parseHttpDate(formatHttpDate(ms), NOW)).toBe(floorToSecond(ms))))
  })
})

test.each([
  [0, 0],
  [999, 0],
  [1000, 1000],
  [1999.5, 1000],
  [-1, -1000],
  [-1000, -1000],
])('floorToSecond(%d) is %d', (ms, floor) => {
  expect(floorToSecond(ms)).toBe(floor)
})
