import { storeFault } from '../../lib'
import type { Flaw } from './world'

/** Back ends that are broken on purpose, each in a way that was seen somewhere. The simulation has to find every one. */
export const FLAWS: Readonly<Record<string, Flaw>> = {
  'an adapter that writes without comparing': ({ adapter, ...rest }) => ({
    ...rest,
    adapter: {
      ...adapter,
      async write(key, value) {
        const current = await adapter.read(key)
        return adapter.write?.(key, value, current?.version ?? null) as never
      },
    },
  }),
  'an adapter that compares in one step and writes in the next': ({ adapter, ...rest }, { step }) => ({
    ...rest,
    adapter: {
      ...adapter,
      async write(key, value, expected) {
        const current = await adapter.read(key)
        if ((current?.version ?? null) !== expected) return { ok: false, current }
        await step('write, later')
        const now = await adapter.read(key)
        return adapter.write?.(key, value, now?.version ?? null) as never
      },
    },
  }),
  'an adapter that says it has written, and has not': ({ adapter, ...rest }) => ({
    ...rest,
    adapter: {
      ...adapter,
      async write(key, value, expected) {
        const current = await adapter.read(key)
        if (!current || current.version !== expected) return { ok: false, current }
        return { ok: true, state: { ...current, value } }
      },
    },
  }),
  'an adapter that writes, and says it has lost': ({ adapter, ...rest }) => ({
    ...rest,
    adapter: {
      ...adapter,
      async write(key, value, expected) {
        const written = await adapter.write?.(key, value, expected)
        return written?.ok ? { ok: false, current: written.state } : (written as never)
      },
    },
  }),
  'an adapter that writes, and says that nothing was written': ({ adapter, ...rest }) => ({
    ...rest,
    adapter: {
      ...adapter,
      async write(key, value, expected) {
        await adapter.write?.(key, value, expected)
        throw storeFault(new Error('cut'), { applied: 'no' })
      },
    },
  }),
  'an adapter that writes twice': ({ adapter, ...rest }) => ({
    ...rest,
    adapter: {
      ...adapter,
      async write(key, value, expected) {
        const written = await adapter.write?.(key, value, expected)
        if (!written?.ok) return written as never
        const { log } = value
        return adapter.write?.(
          key,
          { log: [...log, ...log.slice(-1)], count: log.length + 1 },
          written.state.version,
        ) as never
      },
    },
  }),
  'an adapter that shows one version for all states': ({ adapter, ...rest }) => {
    const shown = <S>(state: S) => state && { ...state, version: '1' }
    return {
      ...rest,
      adapter: {
        ...adapter,
        read: async (key) => shown(await adapter.read(key)),
        async write(key, value, expected) {
          const current = await adapter.read(key)
          if (expected !== '1') return { ok: false, current: shown(current) }
          const written = await adapter.write?.(key, value, current?.version ?? null)
          return (written?.ok ? { ok: true, state: shown(written.state) } : written) as never
        },
      },
    }
  },
  'a store whose create overwrites': ({ store, ...rest }) => ({
    ...rest,
    store: {
      ...store,
      async create(key, value, ttlMs) {
        const seen = await store.read(key)
        return seen === undefined ? store.create(key, value, ttlMs) : store.replace(key, seen, value, ttlMs)
      },
    },
  }),
  'a store whose create looks in one step and writes in the next': ({ store, ...rest }, { step }) => ({
    ...rest,
    store: {
      ...store,
      async create(key, value, ttlMs) {
        if ((await store.read(key)) !== undefined) return false
        await step('claim, later')
        const seen = await store.read(key)
        return seen === undefined ? store.create(key, value, ttlMs) : store.replace(key, seen, value, ttlMs)
      },
    },
  }),
  'a store whose create always says yes': ({ store, ...rest }) => ({
    ...rest,
    store: { ...store, create: async (...args) => (await store.create(...args)) || true },
  }),
  'a store that forgets a record with every step of the clock': ({ store, ...rest }) => ({
    ...rest,
    store: {
      ...store,
      create: (key, value, ttlMs) => store.create(key, value, Math.min(ttlMs, 1_000_000_000)),
      replace: (key, expected, value, ttlMs) => store.replace(key, expected, value, Math.min(ttlMs, 1_000_000_000)),
    },
  }),
  'a store that sees nothing of what it keeps': ({ store, ...rest }) => ({
    ...rest,
    store: { ...store, create: async () => true, read: async () => undefined },
  }),
  'a store that gives one record for all keys': ({ store, ...rest }) => ({
    ...rest,
    store: {
      read: () => store.read('k'),
      create: (key, ...args) => (key.includes('lease') ? store.create(key, ...args) : store.create('k', ...args)),
      replace: (_key, ...args) => store.replace('k', ...args),
      remove: (_key, ...args) => store.remove('k', ...args),
    },
  }),
  'locks that any number may hold': ({ locks, ...rest }) => {
    let count = 0
    return { ...rest, locks: { acquire: (key, terms) => locks.acquire(`${key} ${++count}`, terms) } }
  },
  'locks that are given to all who wait at once': ({ locks, ...rest }) => {
    let held: Promise<void> | undefined
    return {
      ...rest,
      locks: {
        async acquire(key, terms) {
          await held
          let end: () => void = () => undefined
          held = new Promise((resolve) => {
            end = resolve
          })
          const lease = await locks.acquire(`${key} ${Math.random()}`, terms)
          return lease && { signal: lease.signal, release: async () => end() }
        },
      },
    }
  },
  'locks that nobody gives back': ({ locks, ...rest }) => ({
    ...rest,
    locks: {
      async acquire(key, terms) {
        const lease = await locks.acquire(key, terms)
        return lease && { signal: lease.signal, release: async () => undefined }
      },
    },
  }),
}
