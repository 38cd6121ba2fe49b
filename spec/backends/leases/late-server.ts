import type { AddressInfo } from 'node:net'
import express from 'express'
import { Redis } from 'ioredis'
import { Pool } from 'pg'
import { detectConflicts, resourceOf, respondToConflicts } from '../../../lib'
import { redisLocks } from '../../../lib/backends/redis'
import { sqlAdapter } from '../../../lib/backends/sql'

/**
 * A server whose handler stands still before it commits, so that it can be stopped there. With `blocks` it comes to the
 * commit in the very turn in which it goes on: before any timer can tell that the lease is over.
 */
const [, , table = '', how = '', leaseMs = '', postgres = '', redis = ''] = process.argv

const pool = new Pool({ connectionString: postgres })
const manager = redisLocks({ client: new Redis(redis), prefix: table })
const adapter = sqlAdapter<{ title: string }>({ client: pool, table, json: 'value' })
const chain = detectConflicts({
  name: 'note',
  adapter,
  isolation: 'lock',
  lock: { manager, leaseMs: Number(leaseMs), waitMs: 20_000 },
})

const goneOn = new Promise<void>((resolve) => process.on('message', () => resolve()))

async function standStill(): Promise<void> {
  process.send?.({ at: 'work' })
  if (how === 'waits') await goneOn
  if (how === 'blocks') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500)
}

const app = express()
app.use(express.json())
app.put('/notes/:id', chain, async (req, res) => {
  const { commit, lease, proposed } = resourceOf(req, chain)
  const fence = lease?.fence
  await standStill()
  const committed = commit().then(
    () => undefined,
    (error: unknown) => error,
  )
  // The app's own statement, which carries the fence: no version of ours guards it.
  const { rowCount } = await pool.query(`update ${table}_own set title = $1, fence = $2 where fence <= $2`, [
    proposed?.title,
    fence,
  ])
  res.set('X-Own-Rows', String(rowCount))
  const error = await committed
  if (error) throw error
  res.sendStatus(204)
})
app.use(respondToConflicts({ logger: { warn: () => {}, error: () => {} } }))

const server = app.listen(0, () => process.send?.({ at: 'port', port: (server.address() as AddressInfo).port }))
process.on('disconnect', () => process.exit())
