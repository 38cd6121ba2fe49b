import { randomBytes } from 'node:crypto'
import type { ResourceAdapter, ResourceState, Version } from '../../contracts/adapter'
import { storeFault } from '../../contracts/store-fault'
import { jsonText } from '../../json/text'
import { refuseUnknown } from '../../options'
import { datingClock, laterDate } from '../../timing/later-date'
import { oneTransactionAtATime } from './transactions'

/** Options of a memory adapter. By default it is unbounded, keeps no tombstones, and uses the system's clock. */
export interface MemoryAdapterOptions {
  /**
   * The maximum number of resources; one more is refused with a store fault. Nothing is evicted: this is the app's
   * data.
   */
  readonly maxResources?: number
  /** `remove` leaves a tombstone, so that clients get 410. A tombstone counts as a resource. */
  readonly tombstones?: boolean
  /** How many versions before the current one are kept for each resource, for `readVersion`. Default: none. */
  readonly history?: number
  /** The clock behind `lastModified`, in milliseconds. */
  readonly now?: () => number
}

type Changing<T> = Pick<Required<ResourceAdapter<T>>, 'read' | 'write' | 'remove'> &
  Pick<ResourceAdapter<T>, 'readVersion' | 'readSince'>

/** A `ResourceAdapter` that always has `write`, `remove` and `transaction`, and can list what it holds. */
export interface MemoryAdapter<T> extends ResourceAdapter<T, Changing<T>> {
  readonly write: NonNullable<ResourceAdapter<T>['write']>
  readonly remove: NonNullable<ResourceAdapter<T>['remove']>
  /**
   * Transactions run one after another. What a transaction has read, others can write only after it ends. Its handle
   * reads and writes other resources of this adapter.
   */
  readonly transaction: NonNullable<ResourceAdapter<T, Changing<T>>['transaction']>
  /** All stored resources without tombstones, in the order of their creation. */
  entries(): Promise<Array<{ readonly key: string; readonly state: ResourceState<T> }>>
}

type Entries = ReturnType<typeof oneTransactionAtATime<Entry>>['outside']

interface Entry {
  readonly text: string
  readonly version: string
  readonly modifiedMs: number
  readonly gone: boolean
  /** The earlier states, latest last. They are removed with the resource. */
  readonly earlier: readonly Entry[]
}

/**
 * Keeps resources in the memory of this process, as JSON text. They end with the process, and no other process sees
 * them.
 */
export function memoryAdapter<T>(options: MemoryAdapterOptions = {}): MemoryAdapter<T> {
  const { maxResources = Number.POSITIVE_INFINITY, tombstones = false, history = 0, now = Date.now } = checked(options)
  const date = datingClock(now)
  const stored = new Map<string, Entry>()
  const nextVersion = versions()
  /** The latest date of a removed resource: a new one under the same key gets a later date too. */
  let latestRemovedMs: number | undefined

  function put(entries: Entries, key: string, text: string, gone: boolean): Entry {
    const before = entries.get(key)
    const modifiedMs = laterDate(before?.modifiedMs ?? latestRemovedMs, date())
    const entry = { text, version: nextVersion(), modifiedMs, gone, earlier: earlierOf(before, history) }
    entries.set(key, entry)
    return entry
  }

  // There is no `await` between reading, comparing and changing. That makes each method one atomic step.
  const changing = (entries: Entries): Changing<T> => ({
    async read(key) {
      const entry = entries.get(key)
      return entry && stateOf<T>(entry)
    },

    async write(key, value, expected) {
      const text = jsonText(value, 'memoryAdapter()')
      while (entries.isHeld(key)) await entries.free()
      const entry = entries.get(key)
      if ((entry ? entry.version : null) !== expected) return { ok: false, current: entry && stateOf<T>(entry) }
      if (!entry && entries.size >= maxResources) throw full(maxResources)
      return { ok: true, state: stateOf<T>(put(entries, key, text, false)) }
    },

    async remove(key, expected) {
      while (entries.isHeld(key)) await entries.free()
      const entry = entries.get(key)
      if (entry?.version !== expected) return { ok: false, current: entry && stateOf<T>(entry) }
      if (tombstones) put(entries, key, entry.text, true)
      else {
        entries.delete(key)
        latestRemovedMs = Math.max(latestRemovedMs ?? entry.modifiedMs, entry.modifiedMs)
      }
      return { ok: true }
    },

    ...(history > 0 && {
      async readVersion(key: string, version: Version) {
        const found = sinceVersion(entries.get(key), version)?.[0]
        return found && stateOf<T>(found)
      },
      async readSince(key: string, version: Version) {
        return sinceVersion(entries.get(key), version)?.map((each) => stateOf<T>(each))
      },
    }),
  })

  const { outside, transact } = oneTransactionAtATime(stored)
  return {
    ...changing(outside),

    transaction: (run) =>
      transact(({ inside, mustBeOpen, abandon }) => {
        const { read, write, remove, readVersion, readSince } = changing(inside)
        const handle: Changing<T> = {
          read: async (key) => read(mustBeOpen(key)),
          write: async (key, value, expected) => write(mustBeOpen(key), value, expected),
          remove: async (key, expected) => remove(mustBeOpen(key), expected),
          ...(readVersion && {
            readVersion: async (key: string, version: Version) => readVersion(mustBeOpen(key), version),
          }),
          ...(readSince && {
            readSince: async (key: string, version: Version) => readSince(mustBeOpen(key), version),
          }),
        }
        return run({ ...handle, transactionHandle: handle, abandon })
      }),

    async entries() {
      return [...stored].filter(([, { gone }]) => !gone).map(([key, entry]) => ({ key, state: stateOf<T>(entry) }))
    },
  }
}

function earlierOf(before: Entry | undefined, history: number): readonly Entry[] {
  return before && history > 0 ? [...before.earlier, { ...before, earlier: NONE }].slice(-history) : NONE
}

const NONE: readonly Entry[] = []

function sinceVersion(entry: Entry | undefined, version: Version): readonly Entry[] | undefined {
  if (!entry) return undefined
  const all = [...entry.earlier, entry]
  const at = all.findIndex((each) => each.version === version)
  return at === -1 ? undefined : all.slice(at)
}

function stateOf<T>({ text, version, modifiedMs, gone }: Entry): ResourceState<T> {
  const state = { value: JSON.parse(text) as T, version, lastModified: new Date(modifiedMs) }
  return gone ? { ...state, gone } : state
}

/**
 * One counter for all keys, so that a key that is removed and created again gets new versions. The prefix is different
 * in each process.
 */
function versions(): () => string {
  const prefix = randomBytes(6).toString('base64url')
  let count = 0
  return () => `${prefix}.${++count}`
}

function full(maxResources: number): Error {
  const message = `memoryAdapter(): full, it holds maxResources (${maxResources}) and evicts nothing.`
  return storeFault(new Error(message), { applied: 'no' })
}

function checked(options: MemoryAdapterOptions): MemoryAdapterOptions {
  refuseUnknown('memoryAdapter()', options, ['maxResources', 'tombstones', 'history', 'now'])
  const { maxResources, tombstones, history, now } = options
  if (maxResources !== undefined && !(Number.isSafeInteger(maxResources) && maxResources > 0)) {
    throw new TypeError(`memoryAdapter(): maxResources is ${maxResources}; give a positive integer, or leave it out.`)
  }
  if (tombstones !== undefined && typeof tombstones !== 'boolean') {
    throw new TypeError(`memoryAdapter(): tombstones is ${tombstones}; give true or false.`)
  }
  if (history !== undefined && !(Number.isSafeInteger(history) && history >= 0)) {
    throw new TypeError(`memoryAdapter(): history is ${history}; give how many versions to keep, or leave it out.`)
  }
  if (now !== undefined && typeof now !== 'function') {
    throw new TypeError(`memoryAdapter(): now is ${now}; give a function that returns milliseconds, such as Date.now.`)
  }
  return options
}
