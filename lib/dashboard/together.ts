import { type Advice, adviceFor, type HotSpot } from './collisions'

/** A request that was refused. */
export interface Refusal {
  readonly at: number
  readonly instance: string
  readonly resource: string
  readonly route: string
  readonly code: string
  readonly status: number
  readonly resolution: string
  readonly enforced: boolean
}

/** The refusals of one minute, by kind and by route. */
export interface Minute {
  readonly at: number
  readonly kinds: Readonly<Record<string, number>>
  readonly routes: Readonly<Record<string, number>>
}

/** How many hold a lock over a handler and wait for it now, and how many have waited for how long. */
export interface LockLoad {
  readonly resource: string
  /** The key of the resource, or a hash of it. */
  readonly key: string
  readonly held: number
  readonly waiting: number
  readonly waited: number
  /** How long all of them have waited together. */
  readonly waitedMs: number
}

/** What one process has counted. */
export interface Counts {
  readonly since: number
  readonly totals: Readonly<Record<string, number>>
  /** Oldest first. */
  readonly minutes: readonly Minute[]
  readonly routes: readonly { readonly route: string; readonly conflicts: number }[]
  /** The locks that requests waited for most. */
  readonly locks: readonly LockLoad[]
  readonly hot: readonly Spot[]
  readonly refusals: readonly Refusal[]
}

/** What the page shows: the counts of all processes together. */
export interface Snapshot extends Omit<Counts, 'hot'> {
  readonly processes: number
  readonly hot: readonly (Spot & { readonly advice: readonly Advice[] })[]
}

export type Spot = Omit<HotSpot, 'commits'>

export const MOST_MINUTES = 60
export const SHOWN_REFUSALS = 30
const SHOWN_SPOTS = 10

/** Adds up the counts of several processes, and says what would have helped. */
export function together(all: readonly Counts[]): Snapshot {
  const every = <E>(of: (counts: Counts) => readonly E[]): E[] => all.flatMap(of)
  const minutes = grouped(
    every((counts) => counts.minutes),
    ({ at }) => `${at}`,
  ).map(summed)
  const refusals = every((counts) => counts.refusals).sort((one, two) => two.at - one.at)
  return {
    processes: all.length,
    since: Math.min(...all.map(({ since }) => since)),
    totals: summed(all.map(({ totals }) => totals)),
    minutes: minutes.sort((one, two) => one.at - two.at).slice(-MOST_MINUTES),
    routes: hottest(
      grouped(
        every((counts) => counts.routes),
        ({ route }) => route,
      ).map(summed),
    ),
    locks: busiest(
      grouped(
        every((counts) => counts.locks),
        ({ resource, key }) => `${resource}\n${key}`,
      ).map(summed),
    ),
    hot: hottest(
      grouped(
        every((counts) => counts.hot),
        ({ resource, key }) => `${resource}\n${key}`,
      ).map(summed),
    ).map((spot) => ({ ...spot, advice: adviceFor(spot) })),
    refusals: refusals.slice(0, SHOWN_REFUSALS),
  }
}

function grouped<E>(all: readonly E[], nameOf: (one: E) => string): E[][] {
  const groups = new Map<string, E[]>()
  for (const one of all) groups.set(nameOf(one), [...(groups.get(nameOf(one)) ?? []), one])
  return [...groups.values()]
}

/** Adds up every number except `at`, in nested members too. Everything else is the same in all of them. */
function summed<E extends object>(all: readonly E[]): E {
  const [first = {}, ...others] = all as readonly Readonly<Record<string, unknown>>[]
  const sum: Record<string, unknown> = { ...first }
  for (const other of others)
    for (const [name, value] of Object.entries(other)) {
      const { [name]: known } = sum
      if (typeof value === 'number' && name !== 'at') sum[name] = Number(known ?? 0) + value
      else if (typeof value === 'object' && value !== null) sum[name] = summed([Object(known ?? {}), value])
    }
  return sum as E
}

export function hottest<E extends { readonly conflicts: number; readonly retries?: number }>(all: readonly E[]): E[] {
  const heat = ({ conflicts, retries = 0 }: E) => conflicts + retries
  return [...all].sort((one, two) => heat(two) - heat(one)).slice(0, SHOWN_SPOTS)
}

export function busiest(locks: readonly LockLoad[]): LockLoad[] {
  return [...locks].sort((one, two) => two.waiting - one.waiting || two.waitedMs - one.waitedMs).slice(0, SHOWN_SPOTS)
}
