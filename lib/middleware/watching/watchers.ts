import { answerOf, type ConflictError } from '../../conflicts/conflicts'
import { warn } from '../../conflicts/events'
import { LONGEST_TIMER_MS, pollingMs } from '../../timing/pause'
import { retryAfterS } from '../../timing/retry-after'
import { findLock } from '../edit-locks/edit-lock-record'
import type { GuardedRequest } from '../request/guarded-request'
import { readState } from '../state/store-call'
import type { Looks, Signals } from './signals'
import { type Found, open, refusalFor, update, type Watcher } from './watcher'

/** The watchers of one change stream, by key. */
export interface Watchers<T> {
  /** Begins the stream of a request, or returns why it is refused. */
  add(guarded: GuardedRequest<T>): Promise<ConflictError | undefined>
  /** Reports a change that did not go through a chain. */
  changed(key: string): void
  stop(): void
}

/** The watchers of one resource. They get the current state, not every state in between. */
interface Watched<T> {
  readonly watchers: Set<Watcher<T>>
  /** How often something may have changed. */
  signals: number
  /** The resource is being read, or was read a moment ago. */
  isBusy: boolean
  /** For the next read: after the pause, after a failure, or when the edit lock expires. */
  timer: NodeJS.Timeout | undefined
}

/** Idle connections are cut by proxies, after 30 seconds at the earliest that we know of. */
const HEARTBEAT_MS = 15_000
/** The shortest time between two reads of a resource, however often it changes. */
const PAUSE_MS = 100
/** The pause after a failed read. */
const RETRY_MS = 2000
/** After so many clients, other requests get their turn. */
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

  /** One read serves all watchers. Changes during the read, and during the pause after it, lead to one more read. */
  async function lookNow(key: string, entry: Watched<T>): Promise<void> {
    const [first] = entry.watchers
    if (first === undefined) return
    entry.isBusy = true
    const { signals } = entry
    let againInMs: number | undefined
    try {
      const found = await find(first.guarded)
      await updateAll(entry, found)
      if (found.lock) againInMs = Math.max(found.lock.until.getTime() - Date.now(), 0)
    } catch {
      // The adapter or the store of the edit locks did not answer. Reads and changes report that themselves.
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

  async function updateAll({ watchers }: Watched<T>, found: Found<T>): Promise<void> {
    let told = 0
    for (const watcher of watchers) {
      // If `allow` or `expose` fails, the client may have lost its permission and must not see more.
      await update(watcher, found).catch((error) => {
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
      const sentTag = typeof lastEventId === 'string' && lastEventId !== '' ? lastEventId : undefined
      const watcher: Watcher<T> = {
        guarded,
        res,
        isOpen: false,
        sentTag,
        sentLock: undefined,
        isBehind: false,
      }
      const entry = attach(key, watcher)
      const leave = () => detach(key, watcher)
      res.once('close', leave)
      try {
        await signals.begin(key)
        // Read after subscribing, so that no change in between is missed.
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
        // Something changed before this client was among those that are told.
        if (entry.signals !== before || found.lock) look(key)
        return undefined
      } catch (error) {
        leave()
        throw error
      }
    },
    changed: signals.changed,
    stop() {
      signals.stop()
      for (const { watchers } of watched.values()) for (const { res } of watchers) res.end()
    },
  }
}
