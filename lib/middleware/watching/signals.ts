import { createHash } from 'node:crypto'
import { ConflictError } from '../../conflicts/conflicts'
import { subscribe } from '../../conflicts/events'
import type { MessageBus } from '../../contracts/bus'
import { pollingMs } from '../../timing/pause'
import { retryAfterS } from '../../timing/retry-after'

/** Where it is heard that something may have changed, and passed on. */
export interface Signals {
  /** Called before anybody watches a resource. What it gives is waited for. */
  begin(key: string): Promise<void> | undefined
  /** Nobody watches that resource any more; `isLast`: nor any other. */
  end(key: string, isLast: boolean): void
  /** Something changed that no chain has told of. */
  tell(key: string): void
  stop(): void
}

/** What is done when something may have changed: one resource, or nobody knows which. */
export interface Looks {
  look(key: string): void
  lookAtAll(): void
}

/** Of this process alone. While nobody watches, nothing is subscribed to, and commits pay nothing. */
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
    tell: look,
    stop,
  }
}

/** "Look at everything": for when nobody knows what was not told. */
const ALL = '*'
/** Before what could not be published is published again. */
const RETRY_MS = 2000

/**
 * Of all processes that share a bus, this one included. A commit hands over a text and does not wait for it. What the bus
 * does not take is looked at here at once, and elsewhere as soon as the bus is there again.
 */
export function signalsOfBus(name: string, bus: MessageBus, { look, lookAtAll }: Looks): Signals {
  let listening: Promise<() => Promise<void>> | undefined
  let catchingUp: NodeJS.Timeout | undefined
  /** The keys that are watched here, by topic. */
  const watched = new Map<string, string>()
  // Keys of any length, and of any content, in texts of one form. It says nothing of a key to whoever else listens.
  const topicOf = (key: string) =>
    createHash('sha256')
      .update(JSON.stringify([name, key]))
      .digest('base64url')

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
    tell,
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
