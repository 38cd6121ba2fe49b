import { ConflictError } from '../../conflicts/conflicts'
import { subscribe } from '../../conflicts/events'
import type { MessageBus } from '../../contracts/bus'
import { sha256 } from '../../json/sha256'
import { pollingMs } from '../../timing/pause'
import { retryAfterS } from '../../timing/retry-after'

/** A source of signals that a resource may have changed. */
export interface Signals {
  /** Called before the first client watches a resource, and awaited. */
  begin(key: string): Promise<void> | undefined
  /** The last client of that resource has gone; `isLast`: no resource is watched any more. */
  end(key: string, isLast: boolean): void
  /** Reports a change that did not go through a chain. */
  changed(key: string): void
  stop(): void
}

/** What to do when one resource may have changed, or any of them. */
export interface Looks {
  look(key: string): void
  lookAtAll(): void
}

/** Signals of this process only. While nobody watches, it subscribes to nothing, so commits cost nothing extra. */
export function signalsOfProcess(name: string, { look }: Looks): Signals {
  let unsubscribe: (() => void) | undefined
  const stop = () => {
    unsubscribe?.()
    unsubscribe = undefined
  }
  return {
    begin() {
      unsubscribe ??= onChange(name, look)
      return undefined
    },
    end: (_key, isLast) => void (isLast && stop()),
    changed: look,
    stop,
  }
}

/** "Look at everything": sent when signals may have been lost. */
const ALL = '*'
/** The pause before a failed message is published again. */
const RETRY_MS = 2000

/**
 * Signals of all processes that share a bus, including this one. A commit does not wait for its message. If the bus
 * does not take it, this process looks at once, and the others as soon as the bus works again.
 */
export function signalsOfBus(name: string, bus: MessageBus, { look, lookAtAll }: Looks): Signals {
  let listening: Promise<() => Promise<void>> | undefined
  let catchingUp: NodeJS.Timeout | undefined
  /** The keys that are watched here, by topic. */
  const watched = new Map<string, string>()
  // Hashed, because keys may have any length and content. Other listeners on the bus learn nothing about a key.
  const topicOf = (key: string) => sha256(JSON.stringify([name, key]), 'base64url')

  function onMessage(text: string): void {
    const key = watched.get(text)
    if (text === ALL) lookAtAll()
    else if (key !== undefined) look(key)
  }

  function tell(key: string): void {
    if (catchingUp !== undefined) look(key)
    else
      bus.publish(topicOf(key)).catch(() => {
        look(key)
        catchUp()
      })
  }

  function catchUp(): void {
    catchingUp ??= setTimeout(() => {
      catchingUp = undefined
      bus.publish(ALL).catch(catchUp)
    }, pollingMs(RETRY_MS)).unref()
  }

  const unsubscribe = onChange(name, tell)
  return {
    async begin(key) {
      watched.set(topicOf(key), key)
      listening ??= bus.subscribe({ onMessage, onGap: lookAtAll })
      await listening.catch((cause: unknown) => {
        listening = undefined
        throw new ConflictError('backend_unavailable', { cause, retryAfterS: retryAfterS() })
      })
    },
    end: (key) => void watched.delete(topicOf(key)),
    changed: tell,
    stop() {
      unsubscribe()
      clearTimeout(catchingUp)
      void listening?.then((end) => end()).catch(() => {})
    },
  }
}

/** Calls back for each change of a resource of that name, and of who edits it, in this process. */
export function onChange(name: string, listener: (key: string) => void): () => void {
  const hear = (message: { readonly name: string; readonly key: string | undefined }) => {
    if (message.name === name && message.key !== undefined) listener(message.key)
  }
  const ends = [subscribe('committed', hear), subscribe('edit-lock', hear)]
  return () => {
    for (const end of ends) end()
  }
}
