const { mkdtempSync, mkdirSync, rmSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { createHash } = require('node:crypto')
const { memoryLocks } = require('express-conflict')
const { fileLocks } = require('express-conflict/file')
const { postgresLocks } = require('express-conflict/postgres')
const { redisLocks } = require('express-conflict/redis')
require('../../spec/ts-hook.js')
const { lockQueue } = require('../../lib/timing/line')

const REDIS = process.env.CONFLICT_REDIS_URL ?? 'redis://127.0.0.1:6379/0'
const POSTGRES = process.env.CONFLICT_POSTGRES_URL ?? 'postgres://postgres@127.0.0.1:5432/test'
const TERMS = { waitMs: 60_000, leaseMs: 10_000, maxHoldMs: 60_000 }

/** From a package of its own, so that nobody who works on something else has to install it. */
const peer = (name) => require(`../peers/node_modules/${name}`)

/** Ours, as holdLock takes it: one line for each key in the process, of which only the head asks the manager. */
function ours(manager) {
  const queue = lockQueue()
  const { signal } = new AbortController()
  return {
    acquire: async (key) => {
      const { done } = await queue.wait(key, { waitMs: TERMS.waitMs, maxWaiting: Number.POSITIVE_INFINITY, signal })
      return { lease: await manager.acquire(key, TERMS), done }
    },
    release: ({ lease, done }) => lease.release().finally(done),
  }
}

function memory() {
  const { Mutex } = peer('async-mutex')
  const mutexes = new Map()
  const locks = memoryLocks()
  return {
    // It queues by itself, so nothing stands in front of it.
    ours: { acquire: (key) => locks.acquire(key, TERMS), release: (lease) => lease.release() },
    peer: {
      acquire: (key) => {
        // It knows no keys. A map that never forgets one is the least that an app would write.
        if (!mutexes.has(key)) mutexes.set(key, new Mutex())
        return mutexes.get(key).acquire()
      },
      release: (free) => free(),
    },
    close: () => {},
  }
}

function redis() {
  const { Redis } = require('ioredis')
  const Redlock = peer('redlock')
  const client = new Redis(REDIS)
  const prefix = `bench-${process.pid}`
  // Its own waits between tries are 200 ms; as short as ours, it is compared at its best.
  const redlock = new Redlock([client], { retryCount: -1, retryDelay: 20, retryJitter: 20 })
  return {
    ours: ours(redisLocks({ client, prefix })),
    peer: { acquire: (key) => redlock.lock(`${prefix}:${key}`, TERMS.leaseMs), release: (lock) => lock.unlock() },
    close: () => client.del(`{${prefix}}:fence`).then(() => client.quit()),
  }
}

function files() {
  const lockfile = peer('proper-lockfile')
  const folder = mkdtempSync(join(tmpdir(), 'bench-locks-'))
  const resources = join(folder, 'peer')
  mkdirSync(resources)
  const retries = { forever: true, minTimeout: 4, maxTimeout: 50, randomize: true }
  return {
    ours: ours(fileLocks({ folder: join(folder, 'ours') })),
    peer: {
      acquire: (key) => lockfile.lock(join(resources, key), { stale: TERMS.leaseMs, retries, realpath: false }),
      release: (free) => free(),
    },
    close: () => rmSync(folder, { recursive: true }),
  }
}

function postgres() {
  const { Pool } = require('pg')
  const pool = new Pool({ connectionString: POSTGRES, max: 20 })
  const locks = postgresLocks({ pool, prefix: `bench-${process.pid}` })
  const idOf = (key) => createHash('sha256').update(key).digest().readBigInt64BE().toString()
  return {
    ours: ours(locks),
    /** As one writes it by hand: a connection of the pool for each lock, which waits in the server. */
    peer: {
      acquire: async (key) => {
        const client = await pool.connect()
        const id = idOf(key)
        await client.query('select pg_advisory_lock($1)', [id])
        return { client, id }
      },
      release: async ({ client, id }) => {
        await client.query('select pg_advisory_unlock($1)', [id])
        client.release()
      },
    },
    close: async () => {
      locks.close()
      await pool.end()
    },
  }
}

module.exports = {
  'memory, async-mutex': memory,
  'Redis, redlock': redis,
  'files, proper-lockfile': files,
  'PostgreSQL, advisory locks by hand': postgres,
}
