import { readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileLocks } from '../../lib/backends/file'
import type { ResourceAdapter, ResourceState } from '../../lib/contracts/adapter'
import type { Counter } from './stores'

/** Excludes other writers rightly, and then writes the file in place. Who reads meanwhile, or after a kill, sees half of it. */
export function tornFiles(at: string): ResourceAdapter<Counter> {
  const folder = dirname(at)
  const locks = fileLocks({ folder: join(folder, 'locks') })
  const fileOf = (key: string) => join(folder, `${key}.json`)

  async function read(key: string): Promise<ResourceState<Counter> | undefined> {
    try {
      return JSON.parse(readFileSync(fileOf(key), 'utf8'))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  return {
    read,
    async write(key, value, expected) {
      const lease = await locks.acquire(key, { waitMs: 2000, leaseMs: 10_000, maxHoldMs: 10_000 })
      if (!lease) throw new Error('no lock')
      try {
        const current = await read(key)
        if ((current?.version ?? null) !== expected) return { ok: false, current }
        const state = { value, version: String(Number(expected ?? 0) + 1) }
        const text = JSON.stringify(state)
        const file = await open(fileOf(key), 'w')
        await file.write(text.slice(0, 10))
        await file.write(text.slice(10))
        await file.close()
        return { ok: true, state }
      } finally {
        await lease.release()
      }
    },
  }
}
