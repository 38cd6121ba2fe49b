import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { defineResource, detectConflicts, resourceOf } from '../../lib'
import type { ResourceAdapter } from '../../lib/contracts/adapter'
import { respondToConflicts } from '../../lib/middleware/handlers/respond-to-conflicts'
import { resourceRouter } from '../../lib/resource-router'
import { flawNamed } from './flaws'
import { type Counter, STORES, type StoreName } from './stores'

/** What the parent is told: that requests can come. */
export interface Ready {
  readonly port: number
}

/** A process of an app: counters over HTTP, on a store that others use too. */
async function serve(store: StoreName, at: string, deadlineMs: number, flaw: string): Promise<void> {
  const { open, adapter: around, before, options } = flawNamed(flaw) ?? {}
  const sound = open ? open(at) : STORES[store].open(at)
  const adapter = (around && isWritable(sound) ? around(sound) : sound) as ResourceAdapter<Counter>
  const quiet = { warn: () => {}, error: () => {} }
  const app = express().set('env', 'test')
  if (before) app.use(before)
  const counter = defineResource<Counter>({ name: 'counter', adapter, deadlineMs, ...options })
  app.post('/counters/:id', express.json(), detectConflicts(counter), async (req, res) => {
    const { last } = req.body as Counter
    const committed = await resourceOf(req, counter).commit((stored) => ({ count: (stored?.count ?? 0) + 1, last }))
    res.json(committed.state?.value)
  })
  app.use('/counters', resourceRouter<Counter>(counter))
  app.use(respondToConflicts({ logger: quiet }))
  await isReachable(adapter)
  // A client that comes back after five seconds must not meet a connection that is just being closed.
  const server = createServer({ keepAliveTimeout: 120_000 }, app)
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port } satisfies Ready))
  // A parent that is gone has no more use for it.
  process.on('disconnect', () => process.exit())
}

function isWritable<A extends ResourceAdapter<Counter>>(
  adapter: A,
): adapter is A & Required<Pick<A, 'read' | 'write'>> {
  return adapter.write !== undefined
}

/** A client of a server takes a moment to connect. In a storm it may fail for longer, and then requests fail. */
async function isReachable(adapter: ResourceAdapter<Counter>): Promise<void> {
  for (const until = Date.now() + 2000; Date.now() < until; await new Promise((resolve) => setTimeout(resolve, 20))) {
    const isThere = await adapter.read('anything').then(
      () => true,
      () => false,
    )
    if (isThere) return
  }
}

const [, , store, at, deadlineMs, flaw] = process.argv
void serve(store as StoreName, at ?? '', Number(deadlineMs), flaw ?? '')
