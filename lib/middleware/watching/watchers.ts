import { answerOf, type ConflictError } from '../../conflicts/conflicts'
import { warn } from '../../conflicts/events'
import { pollingMs } from '../../timing/pause'
import { retryAfterS } from '../../timing/retry-after'
import { findLock } from '../edit-locks/edit-lock-record'
import type { GuardedRequest } from '../request/guarded-request'
import { readState } from '../state/store-call'
import type { Looks, Signals } from './signals'
import { type Found, open, refusalFor, tell, type Watcher } from './watcher'

/** All that is watched through one change stream, by key. */
export interface Watchers<T> {
  /** Begins the stream of a request; gives the refusal where there is one. */
  add(guarded: GuardedRequest<T>): Promise<ConflictError | undefined>
  /** Something that no chain has told of has changed. */
  changed(key: string): void
  stop(): void
}

/** Everybody who watches one resource. They are told of what is stored now, not of each step on the way there. */
interface Watched<T> {
  readonly watchers: Set<Watcher<T>>
  /** How often something may have changed. */
  signals: number
  /** It is being looked at, or was a moment ago. */
  isBusy: boolean
  /** For the next look: after the pause, after a failure, or when the edit lock runs out. */
  timer: NodeJS.Timeout | undefined
}

/** Idle connections are cut by proxies, after 30 seconds at the earliest that we know of. */
const HEARTBEAT_MS = 15_000
/** A resource that is changed all the time is looked at no more often. */
const PAUSE_MS = 100
/** After a look that failed. */
const RETRY_MS = 2000
/** The others are served in between. */
const IN_ONE_TURN = 200

export function watchersOf<T>(maxWatchers: number, signalsFor: (looks: Looks) => Signals): Watchers<T> {
  const watched = new Map<string, Watched<T>>()
  let count = 0
  let heart: NodeJS.Timeout | undefined

  function attach(key: string, watcher: Watcher<T>): Watched<T> {
    const entry = watched.get(key) ?? { watchers: new Set(), signals: 0, isBusy: false, timer: undefined }
    watched.set(key, entry)
    entry.watchers.add(watcher)
    count += 1
    heart ??= setInterval(beat, HEARTBEAT_MS).unref()
    return entry
  }

  function detach(key: string, watcher: Watcher<T>): void {
    const entry = watched.get(key)
    if (!entry?.watchers.delete(watcher)) return
    count -= 1
    if (entry.watchers.size === 0) {
      clearTimeout(entry.timer)
      watched.delete(key)
      signals.end(key, count === 0)
    }
    if (count > 0) return
    clearInterval(heart)
    heart = undefined
  }

  /** Keeps connections open, and ends those whose client has not read a byte for two beats. */
  function beat(): void {
    for (const { watchers } of watched.values())
      for (const { res, isOpen } of watchers) {
        if (!isOpen) continue
        if (!res.writableNeedDrain) res.write(':\n\n')
        else if (stalled.has(res)) res.destroy()
        else stalled.add(res.once('drain', () => stalled.delete(res)))
      }
  }
  const stalled = new WeakSet<object>()

  async function find(guarded: GuardedRequest<T>): Promise<Found<T>> {
    const { editLocks } = guarded.settings
    const stored = await readState(guarded)
    return { stored, lock: editLocks && stored && (await findLock(guarded, editLocks)) }
  }

  function look(key: string): void {
    const entry = watched.get(key)
    if (entry === undefined) return
    entry.signals += 1
    if (!entry.isBusy) void lookNow(key, entry)
  }

  /** One read for all, however many watch. What comes in meanwhile, and in the pause after it, is looked at in one more. */
  async function lookNow(key: string, entry: Watched<T>): Promise<void> {
    const [first] = entry.watchers
    if (first === undefined) return
    entry.isBusy = true
    const { signals } = entry
    let againInMs: number | undefined
    try {
      const found = await find(first.guarded)
      await tellAll(entry, found)
      if (found.lock) againInMs = Math.max(found.lock.until.getTime() - Date.now(), 0)
    } catch {
      // The adapter or the store of the locks did not answer, which reads and changes are told by themselves.
      againInMs = pollingMs(RETRY_MS)
    }
    after(PAUSE_MS, entry, () => {
      entry.isBusy = false
      if (entry.signals !== signals) void lookNow(key, entry)
      else if (againInMs !== undefined) after(againInMs, entry, () => void lookNow(key, entry))
    })
  }

  function after(ms: number, entry: Watched<T>, act: () => void): void {
    clearTimeout(entry.timer)
    if (entry.watchers.size > 0) entry.timer = setTimeout(act, Math.min(ms, LONGEST_TIMER_MS)).unref()
  }

  async function tellAll({ watchers }: Watched<T>, found: Found<T>): Promise<void> {
    let told = 0
    for (const watcher of watchers) {
      // One whose `allow` or `expose` fails must not go on seeing what it may not.
      await tell(watcher, found).catch((error) => {
        warn(error)
        watcher.res.destroy()
      })
      told += 1
      if (told % IN_ONE_TURN === 0) await new Promise(setImmediate)
    }
  }

  function lookAtAll(): void {
    for (const key of watched.keys()) look(key)
  }

  const signals = signalsFor({ look, lookAtAll })
  return {
    async add(guarded) {
      const { key = '', res, req } = guarded
      if (count >= maxWatchers) {
        const detail = `Changes are watched by ${maxWatchers} clients of this process already.`
        return answerOf('queue_full', { detail, retryAfterS: retryAfterS(5000) })
      }
      const lastEventId = req.headers['last-event-id']
      const toldTag = typeof lastEventId === 'string' && lastEventId !== '' ? lastEventId : undefined
      const watcher: Watcher<T> = { guarded, res, isOpen: false, toldTag, toldLock: undefined, isBehind: false }
      const entry = attach(key, watcher)
      const leave = () => detach(key, watcher)
      res.once('close', leave)
      try {
        await signals.begin(key)
        // Read when it is heard what changes: nothing is missed in between.
        const { signals: before } = entry
        const found = await find(guarded)
        const refusal = await refusalFor(guarded, found)
        if (refusal) {
          leave()
          return refusal
        }
        if (res.destroyed) return undefined
        res.on('drain', () => {
          if (!watcher.isBehind) return
          watcher.isBehind = false
          look(key)
        })
        await open(watcher, found)
        // Others were told meanwhile, and this one was not there yet.
        if (entry.signals !== before || found.lock) look(key)
        return undefined
      } catch (error) {
        leave()
        throw error
      }
    },
    changed: signals.tell,
    stop() {
      signals.stop()
      for (const { watchers } of watched.values()) for (const { res } of watchers) res.end()
    },
  }
}

const LONGEST_TIMER_MS = 2 ** 31 - 1
