import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileAdapter, fileLocks, fileStore } from '../../lib/backends/file'
import type { ResourceAdapter, ResourceState } from '../../lib/contracts/adapter'
import type { LockManager } from '../../lib/contracts/lock'
import type { ExpiringStore } from '../../lib/contracts/store'
import { toyLocks, toyService } from './toy-locks'

/** What the processes of a case are told. */
export interface At {
  readonly folder: string
  /** Takes turns by a mutex in module scope, over files that every process shares. */
  readonly impostor?: boolean
}

let turn: Promise<unknown> = Promise.resolve()

/** The mutex: right in one process, and worth nothing between two. */
function inTurn<R>(work: () => R): Promise<R> {
  const done = turn.then(work)
  turn = done.catch(() => {})
  return done
}

const fileOf = (folder: string, key: string) =>
  join(folder, createHash('sha256').update(Buffer.from(key, 'utf16le')).digest('hex'))

/** Nobody reads half of it. */
function put(path: string, text: string): void {
  const draft = `${path}.${crypto.randomUUID()}`
  writeFileSync(draft, text)
  renameSync(draft, path)
}

function look<V>(path: string): V | undefined {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined
}

/** Reads, compares, writes. */
function impostorAdapter(folder: string): ResourceAdapter<unknown> {
  mkdirSync(folder, { recursive: true })
  return {
    read: (key) => inTurn(() => look<ResourceState<unknown>>(fileOf(folder, key))),
    write: (key, value, expected) =>
      inTurn(() => {
        if (value === undefined) throw new TypeError('undefined is no JSON')
        const path = fileOf(folder, key)
        const current = look<ResourceState<unknown>>(path)
        if ((current?.version ?? null) !== expected) return { ok: false, current }
        const text = JSON.stringify({ value, version: crypto.randomUUID() })
        put(path, text)
        return { ok: true, state: JSON.parse(text) }
      }),
  }
}

interface Kept {
  readonly value?: string
  readonly until: number
}

function impostorStore(folder: string): ExpiringStore {
  mkdirSync(folder, { recursive: true })
  const live = (path: string) => {
    const kept = look<Kept>(path)
    return kept && Date.now() < kept.until ? kept.value : undefined
  }
  const change = (key: string, expected: string | undefined, next: string | undefined, ttlMs: number) =>
    inTurn(() => {
      const path = fileOf(folder, key)
      if (live(path) !== expected) return false
      const kept = { until: Date.now() + ttlMs, ...(next !== undefined && { value: next }) }
      put(path, JSON.stringify(kept))
      return true
    })
  return {
    read: (key) => inTurn(() => live(fileOf(folder, key))),
    create: (key, value, ttlMs) => change(key, undefined, value, ttlMs),
    replace: (key, expected, value, ttlMs) => change(key, expected, value, ttlMs),
    remove: (key, expected) => change(key, expected, undefined, 0),
  }
}

const service = toyService()

export function makeAdapter({ folder, impostor }: At): ResourceAdapter<unknown> {
  return impostor ? impostorAdapter(folder) : fileAdapter({ folder })
}

export function makeManager({ folder, impostor }: At): LockManager {
  return impostor ? toyLocks(service, {}) : fileLocks({ folder })
}

export function makeStore({ folder, impostor }: At): ExpiringStore {
  return impostor ? impostorStore(folder) : fileStore({ folder })
}
