import { type Line, line } from '../timing/line'
import { pollingMs } from '../timing/pause'
import type { ClaimOutcome } from './claim'

/** The client that waits for an answer: a response of Node, for instance. */
export interface WaitingClient {
  readonly destroyed: boolean
  once(event: 'close', listener: () => void): unknown
  off(event: 'close', listener: () => void): unknown
}

/** Requests of this process that wait for the same answer. */
interface Group {
  readonly waiting: Line<(news: News) => void>
  /** The latest result. */
  seen: ClaimOutcome
  pauseMs: number
}

/**
 * The message to a waiting request: continue in place of the one that polled, at once or after a pause, or the result.
 */
type News = 'look' | 'pause' | { readonly found: ClaimOutcome } | { readonly error: unknown }

/** How many requests of this process may wait for one answer. Further ones are refused at once. */
const MOST_WAITING = 1000
const FIRST_PAUSE_MS = 10
const LONGEST_PAUSE_MS = 250

const groups = new WeakMap<object, Map<string, Group>>()

/**
 * Polls a claim until it is no longer running, for at most `waitMs` and as long as the client is connected.
 *
 * Of all requests in this process that wait for the same `id` in a store, only one polls and shares what it finds. If
 * it gets the claim for itself, or gives up, the next one continues. `seen` comes from a caller that has already
 * looked, and `look` gets the latest result.
 */
export async function lookTogether(
  store: object,
  id: string,
  { waitMs, client, seen }: { readonly waitMs: number; readonly client: WaitingClient; readonly seen?: ClaimOutcome },
  look: (seen: ClaimOutcome) => Promise<ClaimOutcome>,
): Promise<ClaimOutcome> {
  const until = performance.now() + waitMs
  const inStore = groups.get(store) ?? new Map<string, Group>()
  groups.set(store, inStore)
  const known = inStore.get(id)
  const group: Group = known ?? { waiting: line(), seen: seen ?? RUNNING, pauseMs: FIRST_PAUSE_MS }
  inStore.set(id, group)
  let news: News | undefined = seen ? 'pause' : 'look'
  if (known) {
    if (group.waiting.length >= MOST_WAITING) return group.seen
    news = await newsOf(group, waitMs, client)
    if (news === undefined) return group.seen
    if (typeof news === 'object') {
      if ('error' in news) throw news.error
      return news.found
    }
  }

  /** Lets the next request continue. If there is none, the group ends. */
  function handOver(how: 'look' | 'pause'): void {
    const next = group.waiting.next()
    if (next) next(how)
    else inStore.delete(id)
  }

  function tellAll(result: News): void {
    inStore.delete(id)
    for (let next = group.waiting.next(); next; next = group.waiting.next()) next(result)
  }

  try {
    for (let pauses = news === 'pause'; ; pauses = true) {
      const leftMs = until - performance.now()
      if (pauses) {
        if (leftMs <= 0 || client.destroyed) {
          handOver('pause')
          return group.seen
        }
        await sleep(Math.min(leftMs, pollingMs(group.pauseMs)))
        group.pauseMs = Math.min(2 * group.pauseMs, LONGEST_PAUSE_MS)
      }
      const found = await look(group.seen)
      if (found.outcome === 'running') {
        group.seen = found
        continue
      }
      if (found.outcome === 'claimed') {
        group.pauseMs = FIRST_PAUSE_MS
        handOver('look')
      } else tellAll({ found })
      return found
    }
  } catch (error) {
    tellAll({ error })
    throw error
  }
}

const RUNNING: ClaimOutcome = { outcome: 'running', token: '' }

/** Waits for a message. `undefined`: the time is over, or the client has left. */
function newsOf(group: Group, waitMs: number, client: WaitingClient): Promise<News | undefined> {
  return new Promise((resolve) => {
    const end = (news?: News) => {
      leave()
      clearTimeout(timer)
      client.off('close', giveUp)
      resolve(news)
    }
    const giveUp = () => end()
    const timer = setTimeout(giveUp, waitMs)
    client.once('close', giveUp)
    const leave = group.waiting.join(end)
  })
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
