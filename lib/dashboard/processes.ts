import { randomBytes } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { MessageBus } from '../contracts/bus'
import type { Tally } from './tally'
import { type Counts, type Snapshot, together } from './together'

/** The counts that the page shows. */
export interface Source {
  snapshot(): Snapshot
  /** Asks the other processes for their counts, and resolves when they have had time to answer. */
  ask(): Promise<void>
  onChange(listener: () => void): () => void
  stop(): void
}

export function ofThisProcess(counts: Tally): Source {
  const salt = newSalt()
  return {
    snapshot: () => together([counts.counts(salt)]),
    ask: async () => {},
    onChange: counts.onChange,
    stop: counts.stop,
  }
}

/** How long a process goes on sending its counts after a question. The page asks more often. */
const LISTENED_TO_MS = 15_000
const ANSWER_MS = 300
const PAUSE_MS = 1000
const RETRY_MS = 2000
const MOST_PROCESSES = 64
const MOST_CHARACTERS = 4000
const QUESTION = 'dashboard?'
const ANSWER = 'dashboard!'

/**
 * The counts of all processes that share a bus. While nobody looks at the page, nothing is sent. The process with the
 * page asks, and for a while the others send their counts when they change.
 *
 * All processes use the smallest salt that they have heard of, so a key has the same hash in all of them.
 */
export function ofAllProcesses(counts: Tally, bus: MessageBus): Source {
  const id = randomBytes(9).toString('base64url')
  const others = new Map<string, { readonly counts: Counts; readonly heardAt: number }>()
  const listeners = new Set<() => void>()
  let salt = newSalt()
  let askedUntil = 0
  let sending: NodeJS.Timeout | undefined
  let isStopped = false
  const tell = () => {
    for (const listener of listeners) listener()
  }
  // An error is ignored: a page that shows less is better than a request that fails, and the next question comes soon.
  const publish = (text: string) => bus.publish(text).catch(() => {})

  function agreeOn(theirs: string): void {
    if (SALT.test(theirs) && theirs < salt) salt = theirs
  }

  function send(afterMs: number): void {
    sending ??= setTimeout(() => {
      sending = undefined
      const head = `${ANSWER}${id}.${salt}.`
      void publish(head + packed(counts.counts(salt), MOST_CHARACTERS - head.length))
    }, afterMs).unref()
  }

  function onMessage(text: string): void {
    if (isStopped) return
    if (text.startsWith(QUESTION)) {
      agreeOn(text.slice(QUESTION.length))
      askedUntil = Date.now() + LISTENED_TO_MS
      send(0)
    } else if (text.startsWith(ANSWER)) {
      const [sender = '', theirSalt = '', data = ''] = text.slice(ANSWER.length).split('.')
      const theirs = sender === id ? undefined : unpacked(data)
      if (theirs === undefined) return
      agreeOn(theirSalt)
      others.delete(sender)
      others.set(sender, { counts: theirs, heardAt: Date.now() })
      const [oldest] = others.keys()
      if (others.size > MOST_PROCESSES && oldest !== undefined) others.delete(oldest)
      tell()
    }
  }

  const end = counts.onChange(() => {
    if (Date.now() < askedUntil) send(PAUSE_MS)
    tell()
  })
  const ask = async () => {
    await publish(QUESTION + salt)
    await new Promise((resolve) => setTimeout(resolve, ANSWER_MS))
  }
  let listening: Promise<() => Promise<void>> | undefined
  function listen(): void {
    if (isStopped) return
    listening = bus.subscribe({ onMessage, onGap: () => void ask() })
    listening.catch(() => setTimeout(listen, RETRY_MS).unref())
  }
  listen()

  return {
    snapshot() {
      const isGone = (heardAt: number) => Date.now() - heardAt > LISTENED_TO_MS
      // The counts of a process that has ended stay. Its locks do not.
      const theirs = [...others.values()].map((each) =>
        isGone(each.heardAt) ? { ...each.counts, locks: [] } : each.counts,
      )
      return together([counts.counts(salt), ...theirs])
    },
    ask,
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    stop() {
      isStopped = true
      end()
      clearTimeout(sending)
      counts.stop()
      void listening?.then((close) => close()).catch(() => {})
    },
  }
}

const newSalt = () => randomBytes(16).toString('hex')
const SALT = /^[0-9a-f]{32}$/

/**
 * The counts, packed to fit into one message. The oldest refusals and minutes, and the coldest spots, are left out first.
 */
function packed(counts: Counts, most: number): string {
  const { refusals, hot, routes, locks, minutes } = counts
  for (let share = 1; ; share /= 2) {
    const some = <E>(all: readonly E[]): readonly E[] => all.slice(0, Math.floor(all.length * share))
    const part: Counts = {
      ...{ ...counts, refusals: some(refusals), hot: some(hot), routes: some(routes), locks: some(locks) },
      minutes: minutes.slice(-Math.ceil(minutes.length * share)),
    }
    const data = deflateRawSync(JSON.stringify(part)).toString('base64url')
    if (data.length <= most || share < 0.01) return data
  }
}

/** Anything may be published on the bus, so counts that do not make sense are ignored. */
function unpacked(data: string): Counts | undefined {
  try {
    const counts: Counts = JSON.parse(String(inflateRawSync(Buffer.from(data, 'base64url'), { maxOutputLength: 1e6 })))
    together([counts])
    return counts
  } catch {
    return undefined
  }
}
