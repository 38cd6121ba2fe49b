import { isShared } from '../timing/later-date'

/**
 * Parses an HTTP-date (RFC 9110 §5.6.7) in one of its three forms, with the exact case. Returns milliseconds since
 * 1970.
 *
 * `Date.parse` does not work here: it reads asctime dates in local time, turns 30 February into 1 March and accepts
 * `0`. `now` decides the century of a two-digit year. The day name has to be a valid one, but need not fit the date.
 */
export function parseHttpDate(text: string, now: number): number | undefined {
  const fixed = IMF_FIXDATE.exec(text)
  if (fixed) return timeOf(Number(fixed[3]), fixed[2], fixed[1], fixed[4])
  const rfc850 = RFC850_DATE.exec(text)
  if (rfc850) return timeOfShortYear(Number(rfc850[3]), rfc850[2], rfc850[1], rfc850[4], now)
  const asctime = ASCTIME_DATE.exec(text)
  if (asctime) return timeOf(Number(asctime[4]), asctime[1], asctime[2], asctime[3])
  return undefined
}

/** Writes an IMF-fixdate, the only form that may be sent (RFC 9110 §5.6.7). Parts of a second are dropped. */
export function formatHttpDate(ms: number): string {
  const second = Math.floor(ms / 1000)
  if (second !== latest.second) latest = { second, text: new Date(ms).toUTCString() }
  return latest.text
}

/** A busy server formats the same second over and over. */
let latest = { second: Number.NaN, text: '' }

/**
 * Whether a date stands for exactly one state: its second is over (RFC 9110 §8.8.2.2), and no other state shares it.
 */
export function namesOneState(ms: number, nowMs: number): boolean {
  return floorToSecond(ms) < floorToSecond(nowMs) && !isShared(ms)
}

/** A time without its fraction of a second, as an HTTP-date shows it. */
export function floorToSecond(ms: number): number {
  return Math.floor(ms / 1000) * 1000
}

const MONTH = 'Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec'
const MONTHS: readonly (string | undefined)[] = MONTH.split('|')
const DAY = 'Mon|Tue|Wed|Thu|Fri|Sat|Sun'
const LONG_DAY = 'Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday'
// `:60` is a leap second; `:61` is no time (§5.6.7 and RFC 5322 §3.3).
const TIME = '((?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60))'

const IMF_FIXDATE = new RegExp(`^(?:${DAY}), ([0-9]{2}) (${MONTH}) ([0-9]{4}) ${TIME} GMT$`)
const RFC850_DATE = new RegExp(`^(?:${LONG_DAY}), ([0-9]{2})-(${MONTH})-([0-9]{2}) ${TIME} GMT$`)
const ASCTIME_DATE = new RegExp(`^(?:${DAY}) (${MONTH}) ([0-9]{2}| [0-9]) ${TIME} ([0-9]{4})$`)

function timeOf(
  year: number,
  month: string | undefined,
  day: string | undefined,
  time: string | undefined,
): number | undefined {
  const date = new Date(0)
  const midnight = date.setUTCFullYear(year, MONTHS.indexOf(month), Number(day))
  // A day that the month does not have became a day of the next month.
  if (date.getUTCDate() !== Number(day)) return undefined
  return midnight + secondsOf(time ?? '') * 1000
}

/**
 * §5.6.7: a year that seems more than 50 years ahead is the latest past one with these digits. So it is the last one
 * that is not more than 50 years ahead.
 */
function timeOfShortYear(
  digits: number,
  month: string | undefined,
  day: string | undefined,
  time: string | undefined,
  now: number,
): number | undefined {
  const latest = new Date(now)
  const latestYear = latest.getUTCFullYear() + 50
  const year = latestYear - ((latestYear - digits) % 100)
  const near = timeOf(year, month, day, time)
  const isNear = near !== undefined && near <= latest.setUTCFullYear(latestYear)
  return isNear ? near : timeOf(year - 100, month, day, time)
}

function secondsOf(time: string): number {
  return Number(time.slice(0, 2)) * 3600 + Number(time.slice(3, 5)) * 60 + Number(time.slice(6))
}
