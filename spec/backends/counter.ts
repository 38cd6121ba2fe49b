import { fileAdapter } from '../../lib/backends/file'
import { redisAdapter } from '../../lib/backends/redis'
import { sqlAdapter } from '../../lib/backends/sql'
import type { ResourceAdapter } from '../../lib/contracts/adapter'

/** Each process counts its own part too: a process that is started again goes on where it was killed. */
export interface Count {
  readonly total: number
  readonly by: Readonly<Record<string, number>>
}

/** That a count was acknowledged, or that one which had been was not there any more. */
export type Report = { readonly counted: number } | { readonly lost: string }

/** Where the count is kept: what each process opens for itself. */
export interface Kept {
  readonly at: 'files' | 'PostgreSQL' | 'MariaDB' | 'SQLite' | 'Redis'
  readonly address: string
  /** Of the table, or in front of the keys. */
  readonly name?: string
}

/** Loaded only where they are asked for: not every machine could build better-sqlite3. */
export function adapterOn({ at, address, name = '' }: Kept): ResourceAdapter<Count> {
  const sqlOn = (client: never) => sqlAdapter<Count>({ client, table: name, json: 'value' })
  switch (at) {
    case 'files':
      return fileAdapter<Count>({ folder: address })
    case 'Redis':
      return redisAdapter<Count>({ client: new (require('ioredis').Redis)(address), prefix: name })
    case 'PostgreSQL':
      return sqlOn(new (require('pg').Pool)({ connectionString: address, max: 2 }) as never)
    case 'MariaDB':
      return sqlOn(require('mysql2').createPool({ uri: address, connectionLimit: 2 }) as never)
    case 'SQLite':
      return sqlOn(new (require('better-sqlite3'))(address) as never)
  }
}

async function count(adapter: ResourceAdapter<Count>, me: string, goal: number): Promise<void> {
  let last: number | undefined
  let heard = Promise.resolve()
  for (;;) {
    const state = await adapter.read('a/count')
    const { total, by } = state?.value ?? { total: 0, by: {} }
    const mine = by[me] ?? 0
    if (last !== undefined && mine !== last) process.send?.({ lost: `${me} read ${mine} after it had written ${last}` })
    if (mine >= goal) return heard
    const next = { total: total + 1, by: { ...by, [me]: mine + 1 } }
    const result = await adapter.write?.('a/count', next, state?.version ?? null)
    if (!result?.ok) continue
    last = mine + 1
    // One count ahead of the process that kills it, and no further: the kill falls into the next one, however fast that is.
    await heard
    heard = new Promise((resolve) => process.once('message', () => resolve()))
    process.send?.({ counted: last })
  }
}

if (process.send) {
  const [, , kept = '', me = '', goal] = process.argv
  count(adapterOn(JSON.parse(kept)), me, Number(goal)).then(
    () => process.exit(),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
  // A parent that is gone has no more use for it.
  process.on('disconnect', () => process.exit())
}
