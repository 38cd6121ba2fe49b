import type { RequestHandler } from 'express'
import type { ResourceAdapter, ResourceState } from '../../lib/contracts/adapter'
import { isStoreFault, storeFault } from '../../lib/contracts/store-fault'
import type { ConflictOptions } from '../../lib/middleware/options/options'
import type { FaultName } from './faults'
import { tornFiles } from './flawed-files'
import { flawedSqlite } from './flawed-sqlite'
import type { Counter, StoreName } from './stores'

type Adapter = Required<Pick<ResourceAdapter<Counter>, 'read' | 'write'>>

/** A mistake that has to show. Each was made by somebody: in a library, in an app, or here on the way. */
export interface Flaw {
  readonly store: StoreName
  /** It shows under these alone. */
  readonly faults?: readonly FaultName[]
  /** In place of the adapter. */
  readonly open?: (at: string) => ResourceAdapter<Counter>
  /** Around the sound adapter. */
  readonly adapter?: (sound: Adapter) => Adapter
  /** In front of the chain. */
  readonly before?: RequestHandler
  readonly options?: Partial<ConflictOptions<Counter>>
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Writes over whatever is there. No adapter has this; each flaw that needs it takes it from here. */
async function overwrite({ read, write }: Adapter, key: string, value: Counter) {
  for (;;) {
    const now = await read(key)
    const result = await write(key, value, now?.version ?? null)
    if (result.ok) return result
  }
}

/** Nothing is wrong with these: what is found in the others is the mistake's. */
const CONTROLS: Readonly<Record<string, Flaw>> = {
  'by hand, without a mistake': { store: 'sqlite', open: flawedSqlite({}) },
}

export const FLAWS: Readonly<Record<string, Flaw>> = {
  'reads, compares, then writes': {
    store: 'sqlite',
    open: flawedSqlite({ where: 'id = :id', comparesFirst: true }),
  },
  'takes every version from the one expected on': {
    store: 'sqlite',
    open: flawedSqlite({ where: 'id = :id and version >= :expected' }),
  },
  'does not change the version': {
    store: 'sqlite',
    open: flawedSqlite({ set: 'value = :value' }),
  },
  'BEGIN DEFERRED around a read and a write': {
    store: 'sqlite',
    open: flawedSqlite({ begin: 'begin deferred', comparesFirst: true }),
  },
  'writes a file in place': { store: 'sqlite', open: tornFiles },
  'locks within its own process alone': {
    store: 'sqlite',
    adapter(sound) {
      const turns = new Map<string, Promise<unknown>>()
      return {
        read: sound.read,
        write(key, value, expected) {
          const turn = (turns.get(key) ?? Promise.resolve()).then(async () => {
            const current = await sound.read(key)
            if ((current?.version ?? null) !== expected) return { ok: false as const, current }
            return overwrite(sound, key, value)
          })
          turns.set(
            key,
            turn.catch(() => undefined),
          )
          return turn
        },
      }
    },
  },
  'reads what it has kept for a moment': {
    store: 'sqlite',
    adapter(sound) {
      const kept = new Map<string, { readonly atMs: number; readonly state: ResourceState<Counter> }>()
      return {
        write: sound.write,
        async read(key) {
          const known = kept.get(key)
          if (known && Date.now() - known.atMs < 50) return known.state
          const state = await sound.read(key)
          if (state) kept.set(key, { atMs: Date.now(), state })
          return state
        },
      }
    },
  },
  'acknowledges, and writes a moment later': {
    store: 'sqlite',
    adapter: (sound) => ({
      read: sound.read,
      async write(key, value, expected) {
        const current = await sound.read(key)
        if ((current?.version ?? null) !== expected) return { ok: false, current }
        void pause(5).then(() => sound.write(key, value, expected))
        return { ok: true, state: { value, version: 'soon' } }
      },
    }),
  },
  'takes a lost swap for a success': {
    store: 'sqlite',
    adapter: (sound) => ({
      read: sound.read,
      async write(key, value, expected) {
        const result = await sound.write(key, value, expected)
        return result.ok || !result.current ? result : { ok: true, state: result.current }
      },
    }),
  },
  'accepts weak tags': { store: 'sqlite', options: { preconditions: { weak: 'accept' } } },
  'creates for If-Match: *': {
    store: 'sqlite',
    before(req, _res, next) {
      if (req.headers['if-match'] === '*') req.headers['if-match'] = undefined
      next()
    },
    options: { preconditions: { required: false } },
  },
  'demands no condition': { store: 'sqlite', options: { preconditions: { required: false } } },
  'carries out again what may have been carried out': {
    store: 'strictRedis',
    faults: ['answers dropped'],
    adapter: (sound) => ({
      read: sound.read,
      async write(key, value, expected) {
        for (;;) {
          try {
            return await sound.write(key, value, expected)
          } catch (error) {
            if (!isStoreFault(error) || error.applied === 'no') throw error
            await pause(50)
            return overwrite(sound, key, value)
          }
        }
      },
    }),
  },
  'says "not carried out" of what nobody knows': {
    store: 'strictRedis',
    faults: ['answers dropped'],
    adapter: (sound) => ({
      read: sound.read,
      write: (key, value, expected) =>
        sound.write(key, value, expected).catch((error: unknown) => {
          throw storeFault(error, { applied: 'no' })
        }),
    }),
  },
  'a store that forgets when it is killed': { store: 'forgetfulRedis', faults: ['the database killed'] },
}

export const flawNamed = (name: string): Flaw | undefined => FLAWS[name] ?? CONTROLS[name]
