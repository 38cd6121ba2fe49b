import { subscribe } from '../../conflicts/events'

/** Where it is heard that something may have changed, and passed on. */
export interface Signals {
  /** Called before anybody watches. What it gives is waited for. */
  begin(): Promise<void> | undefined
  /** Nobody watches any more. */
  end(): void
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
  const end = () => {
    unsubscribe?.()
    unsubscribe = undefined
  }
  return {
    begin() {
      unsubscribe ??= onChange(name, look)
      return undefined
    },
    end,
    tell: look,
    stop: end,
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
