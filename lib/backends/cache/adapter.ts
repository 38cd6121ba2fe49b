import { LRUCache } from 'lru-cache'
import type { ResourceAdapter, ResourceState, TransactionalAdapter, WriteResult } from '../../contracts/adapter'
import { isStoredFile } from '../../contracts/stored-file'
import { checkOptions, milliseconds } from '../../options'

/** How many states are kept, and for how long. Both are required. */
export interface CachedAdapterOptions {
  /** How many states are kept. The least recently used one is dropped first. */
  readonly max: number
  /**
   * The age, in milliseconds, up to which a GET may be answered with a state that another process has changed
   * meanwhile.
   */
  readonly ttlMs: number
}

/** An adapter that answers reads from memory. */
export interface CachedAdapter<T, Handle = unknown> extends ResourceAdapter<T, Handle> {
  readCurrent(key: string): Promise<ResourceState<T> | undefined>
  /** Drops what is kept of one resource, or of all. Call it when something else than this adapter has changed them. */
  forget(key?: string): void
}

/**
 * A state with its value as text and its date as a number: a state that a method returns belongs to the caller, who may
 * change it.
 */
type Kept = Omit<ResourceState<unknown>, 'value' | 'lastModified'> & {
  readonly text: string
  readonly modifiedMs: number | undefined
}

/**
 * Answers GET and HEAD from memory, for up to `ttlMs` after a state was read or written here. Everything else asks the
 * adapter itself: changes, refusals, and what is read again after a lost race. So an old copy never refuses a request,
 * and never lets a change through.
 */
export function cachedAdapter<T, Handle = unknown>(
  adapter: ResourceAdapter<T, Handle>,
  options: CachedAdapterOptions,
): CachedAdapter<T, Handle> {
  checkOptions('cachedAdapter()', options, { max: aCount, ttlMs: milliseconds }, ['max', 'ttlMs'])
  if (typeof adapter?.read !== 'function' || typeof adapter.write !== 'function')
    throw new TypeError(
      'cachedAdapter(): the adapter has no read and write methods. What an app writes by itself is not seen here, and would be answered from an old copy.',
    )
  const { max, ttlMs } = options
  const states = new LRUCache<string, Kept>({ max, ttl: Math.ceil(ttlMs) })
  /** Reads in progress, by key. Their results are kept only if nothing was written meanwhile. */
  const reading = new Map<string, object>()

  function forget(key?: string): void {
    if (key === undefined) {
      states.clear()
      reading.clear()
    } else {
      states.delete(key)
      reading.delete(key)
    }
  }

  function keep(key: string, state: ResourceState<T> | undefined): void {
    forget(key)
    // Missing resources are not cached, because another process may create them at any time. Files are not either,
    // because a file is more than its JSON.
    if (state === undefined || isStoredFile(state.value)) return
    const { value, lastModified, ...rest } = state
    const text = JSON.stringify(value)
    if (text !== undefined) states.set(key, { ...rest, text, modifiedMs: lastModified?.getTime() })
  }

  async function readCurrent(key: string): Promise<ResourceState<T> | undefined> {
    const mine = {}
    reading.set(key, mine)
    try {
      const state = await (adapter.readCurrent ? adapter.readCurrent(key) : adapter.read(key))
      if (reading.get(key) === mine) keep(key, state)
      return state
    } finally {
      if (reading.get(key) === mine) reading.delete(key)
    }
  }

  async function changed<R>(
    key: string,
    change: () => Promise<R>,
    stateIn: (result: R) => ResourceState<T> | undefined,
  ) {
    forget(key)
    try {
      const result = await change()
      keep(key, stateIn(result))
      return result
    } catch (error) {
      // The change may have been carried out.
      forget(key)
      throw error
    }
  }

  const stateOf = (result: WriteResult<T>) => (result.ok ? result.state : result.current)
  const { write, remove, create, transaction, readVersion, readSince } = adapter
  return {
    async read(key) {
      const kept = states.get(key)
      if (kept === undefined) return readCurrent(key)
      const { text, modifiedMs, ...rest } = kept
      const value = JSON.parse(text) as T
      return modifiedMs === undefined ? { ...rest, value } : { ...rest, value, lastModified: new Date(modifiedMs) }
    },
    readCurrent,
    forget,
    write: (key, value, expected) => changed(key, () => write.call(adapter, key, value, expected), stateOf),
    ...(remove && {
      remove: (key, expected) =>
        changed(
          key,
          () => remove.call(adapter, key, expected),
          (result) => (result.ok ? undefined : result.current),
        ),
    }),
    ...(create && {
      async create(value) {
        const created = await create.call(adapter, value)
        keep(created.key, created.state)
        return created
      },
    }),
    ...(transaction && {
      async transaction(run) {
        const keys = new Set<string>()
        try {
          return (await transaction.call(adapter, (tx) => run(noting(tx, keys)))) as never
        } finally {
          // Others may have read the old states in the meantime.
          for (const key of keys) forget(key)
        }
      },
    }),
    ...(readVersion && { readVersion: readVersion.bind(adapter) }),
    ...(readSince && { readSince: readSince.bind(adapter) }),
  }
}

/**
 * The same transaction, which also collects the keys that it may change. Its reads are not cached, because nobody else
 * may see yet what it sees.
 */
function noting<T, Handle>(tx: TransactionalAdapter<T, Handle>, keys: Set<string>): TransactionalAdapter<T, Handle> {
  const { write, remove, create } = tx
  return Object.create(tx, {
    ...(write && {
      write: {
        value: (key: string, ...rest: [T, string | null]) => {
          keys.add(key)
          return write.call(tx, key, ...rest)
        },
      },
    }),
    ...(remove && {
      remove: {
        value: (key: string, expected: string) => {
          keys.add(key)
          return remove.call(tx, key, expected)
        },
      },
    }),
    ...(create && {
      create: {
        async value(value: T) {
          const created = await create.call(tx, value)
          keys.add(created.key)
          return created
        },
      },
    }),
  })
}

const aCount = {
  holds: (value: unknown) => Number.isSafeInteger(value) && Number(value) > 0,
  what: 'a positive integer',
}
