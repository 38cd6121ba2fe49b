import { createHmac } from 'node:crypto'
import { type ConflictEvents, subscribe } from '../conflicts/events'
import { collisionOf, type HotSpot } from './collisions'
import {
  busiest,
  type Counts,
  hottest,
  type LockLoad,
  type Minute,
  MOST_MINUTES,
  type Refusal,
  SHOWN_REFUSALS,
} from './together'

export interface Tally {
  /** The counts so far. Keys are hashed with `salt`, unless they are to be shown. */
  counts(salt: string): Counts
  onChange(listener: () => void): () => void
  stop(): void
}

const MOST_SPOTS = 500
const MOST_ROUTES = 100
/** Told apart over time. The rest is one line. */
const CHARTED_ROUTES = 5
const MOST_LOCKS = 500
const MOST_MEMBERS = 50
const MOST_COMMITS = 20

/**
 * Counts the messages of the diagnostics channels in bounded memory: only the resources with the latest events are
 * kept.
 */
export function tally(showKeys: boolean, now: () => number = Date.now): Tally {
  const since = now()
  const totals = { refused: 0, committed: 0, retries: 0, merges: 0, replays: 0, locksLost: 0 }
  const minutes: { at: number; kinds: Record<string, number>; routes: Record<string, number> }[] = []
  const routes = new Map<string, number>()
  const locks = new Map<string, Writable<LockLoad>>()
  const spots = new Map<string, HotSpot>()
  const refusals: Refusal[] = []
  const listeners = new Set<() => void>()
  const changed = () => {
    for (const listener of listeners) listener()
  }

  function spotOf(resource: string, key: string): HotSpot {
    const id = `${resource}\n${key}`
    const spot = spots.get(id) ?? {
      ...{ resource, key, conflicts: 0, retries: 0, kinds: {}, members: {}, commits: [] },
      collisions: { disjoint: 0, overlapping: 0, unclear: 0 },
    }
    // Deleting and setting it again makes it the newest entry, which is dropped last.
    spots.delete(id)
    spots.set(id, spot)
    const [oldest] = spots.keys()
    if (spots.size > MOST_SPOTS && oldest !== undefined) spots.delete(oldest)
    return spot
  }

  function lockOf(resource: string, name: string): Writable<LockLoad> {
    const lock = locks.get(name) ?? {
      // A lock is named after its resource, unless the app names it. Then it has the same hash.
      ...{ resource, key: name.startsWith(`${resource}:`) ? name.slice(resource.length + 1) : name },
      ...{ held: 0, waiting: 0, waited: 0, waitedMs: 0 },
    }
    locks.delete(name)
    locks.set(name, lock)
    const [oldest] = locks.keys()
    if (locks.size > MOST_LOCKS && oldest !== undefined) locks.delete(oldest)
    return lock
  }

  function onConflict(message: ConflictEvents['conflict']): void {
    const { name = '–', key, route = '–', conflict, instance, enforced } = message
    const { code, status, resolution } = conflict
    totals.refused += 1
    const at = now() - (now() % 60_000)
    if (minutes.at(-1)?.at !== at) minutes.push({ at, kinds: {}, routes: {} })
    if (minutes.length > MOST_MINUTES) minutes.shift()
    if (routes.size < MOST_ROUTES || routes.has(route)) routes.set(route, (routes.get(route) ?? 0) + 1)
    add(minutes.at(-1)?.kinds ?? {}, code)
    add(minutes.at(-1)?.routes ?? {}, routes.has(route) ? route : OTHER)
    refusals.unshift({ at: now(), instance, resource: name, route, code, status, resolution, enforced })
    if (refusals.length > SHOWN_REFUSALS) refusals.pop()
    // A request for a missing or forbidden resource does not collide with anybody, and invented keys would displace
    // real ones.
    const isCollision = status !== 403 && status !== 404 && status !== 410
    if (isCollision && key !== undefined && message.name !== undefined) noteCollision(spotOf(name, key), message)
    changed()
  }

  const ends = [
    subscribe('conflict', onConflict),
    subscribe('committed', ({ name, key, version, previousVersion, changed: pointers }) => {
      totals.committed += 1
      const spot = spotOf(name, key ?? '')
      spot.commits.push({ version, previousVersion, pointers: pointers() })
      if (spot.commits.length > MOST_COMMITS) spot.commits.shift()
      changed()
    }),
    subscribe('retry', ({ name, key }) => {
      totals.retries += 1
      spotOf(name, key ?? '').retries += 1
      changed()
    }),
    subscribe('merge', () => {
      totals.merges += 1
    }),
    subscribe('replay', () => {
      totals.replays += 1
    }),
    subscribe('lock', ({ name, key, event, waitedMs }) => {
      const lock = lockOf(name, key)
      if (event === 'waiting') lock.waiting += 1
      if (event === 'granted' || event === 'refused') {
        lock.waiting = Math.max(0, lock.waiting - 1)
        lock.waited += 1
        lock.waitedMs += waitedMs
      }
      if (event === 'granted') lock.held += 1
      if (event === 'released' || event === 'lost') lock.held = Math.max(0, lock.held - 1)
      if (event === 'lost') totals.locksLost += 1
      changed()
    }),
  ]

  return {
    counts(salt) {
      const shown = <E extends Resource>(one: E): E => ({ ...one, key: showKeys ? one.key : hashed(one, salt) })
      const hot = hottest([...spots.values()].filter(({ conflicts, retries }) => conflicts + retries > 0))
      const known = hottest([...routes].map(([route, conflicts]) => ({ route, conflicts })))
      const charted = new Set(known.slice(0, CHARTED_ROUTES).map(({ route }) => route))
      return {
        ...{ since, totals: { ...totals }, refusals, routes: known },
        minutes: minutes.map((minute) => ({ ...minute, routes: withOther(minute.routes, charted) })),
        locks: busiest([...locks.values()]).map(shown),
        hot: hot.map(({ commits: _, ...spot }) => shown(spot)),
      }
    },
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    stop: () => {
      for (const end of ends) end()
      listeners.clear()
    },
  }
}

function noteCollision(spot: HotSpot, message: ConflictEvents['conflict']): void {
  const { code } = message.conflict
  spot.conflicts += 1
  add(spot.kinds, code)
  if (code !== 'precondition_failed' && code !== 'stale_version') return
  const { collision, members } = collisionOf(message, spot.commits)
  spot.collisions[collision] += 1
  for (const pointer of members)
    if (pointer in spot.members || Object.keys(spot.members).length < MOST_MEMBERS) add(spot.members, pointer)
}

function add(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1
}

const OTHER = 'other'

function withOther(counts: Minute['routes'], names: ReadonlySet<string>): Minute['routes'] {
  const sums: Record<string, number> = {}
  for (const [name, count] of Object.entries(counts)) {
    const shown = names.has(name) ? name : OTHER
    sums[shown] = (sums[shown] ?? 0) + count
  }
  return sums
}

type Writable<E> = { -readonly [Name in keyof E]: E[Name] }

interface Resource {
  readonly resource: string
  readonly key: string
}

function hashed({ resource, key }: Resource, salt: string): string {
  return createHmac('sha256', salt).update(`${resource}\n${key}`).digest('hex').slice(0, 12)
}
