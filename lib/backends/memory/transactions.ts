/** The methods of a map, and whether a transaction holds a key. */
interface Entries<E> {
  get(key: string): E | undefined
  set(key: string, entry: E): unknown
  delete(key: string): unknown
  readonly size: number
  isHeld(key: string): boolean
  /** Resolves when it is worth looking again. */
  free(): Promise<unknown>
}

interface Open<E> {
  readonly inside: Entries<E>
  /** Throws if the transaction is over, so that a late caller writes nothing. */
  mustBeOpen(key: string): string
  abandon(): void
}

/**
 * Transactions over a map, one after another. The changes of a transaction lie beside the map until it is committed.
 * The keys that it has read are held: others read their old values, and write them only afterwards.
 */
export function oneTransactionAtATime<E>(stored: Map<string, E>) {
  let held: ReadonlySet<string> | undefined
  let last: Promise<unknown> = Promise.resolve()

  const outside: Entries<E> = {
    get: (key) => stored.get(key),
    set: (key, entry) => stored.set(key, entry),
    delete: (key) => stored.delete(key),
    get size() {
      return stored.size
    },
    isHeld: (key) => held?.has(key) ?? false,
    free: () => last,
  }

  async function transact<R>(run: (transaction: Open<E>) => Promise<R>): Promise<R> {
    const before = last
    let end: () => void = () => {}
    last = new Promise<void>((resolve) => {
      end = resolve
    })
    await before
    const { entries, keys, apply } = overlayOf(stored)
    let isOpen = true
    const mustBeOpen = (key: string) => {
      if (isOpen) return key
      throw new Error('memoryAdapter(): the transaction is over.')
    }
    held = keys
    try {
      const result = await run({
        inside: entries,
        mustBeOpen,
        abandon: () => {
          isOpen = false
        },
      })
      mustBeOpen('')
      apply()
      return result
    } finally {
      isOpen = false
      held = undefined
      end()
    }
  }

  return { outside, transact }
}

/** `undefined` in the overlay means removed. */
function overlayOf<E>(stored: Map<string, E>) {
  const overlay = new Map<string, E | undefined>()
  const keys = new Set<string>()
  const isThere = (key: string) => (overlay.has(key) ? overlay.get(key) !== undefined : stored.has(key))

  const entries: Entries<E> = {
    get(key) {
      keys.add(key)
      return overlay.has(key) ? overlay.get(key) : stored.get(key)
    },
    set: (key, entry) => overlay.set(key, entry),
    delete: (key) => overlay.set(key, undefined),
    get size() {
      const changed = [...overlay.keys()]
      return stored.size + changed.filter(isThere).length - changed.filter((key) => stored.has(key)).length
    },
    isHeld: () => false,
    free: async () => {},
  }

  function apply(): void {
    for (const [key, entry] of overlay) {
      if (entry === undefined) stored.delete(key)
      else stored.set(key, entry)
    }
  }

  return { entries, keys, apply }
}
