const { setTimeout: sleep } = require('node:timers/promises')
const { memoryStore } = require('express-conflict')
const { redisStore } = require('express-conflict/redis')

/** One back end in the words of each contender. */
function memory() {
  const kept = new Map()
  return {
    expiring: memoryStore(),
    get: async (key) => kept.get(key),
    set: async (key, value) => void kept.set(key, value),
    add: async (key, value) => !kept.has(key) && Boolean(kept.set(key, value)),
    remove: async (key) => void kept.delete(key),
    close() {},
  }
}

function redis(client) {
  const prefix = `bench:${process.pid}:`
  return {
    expiring: redisStore({ client, prefix: `${prefix}store` }),
    get: async (key) => (await client.get(prefix + key)) ?? undefined,
    set: (key, value, ttlMs) => client.set(prefix + key, value, 'PX', ttlMs),
    add: async (key, value, ttlMs) => (await client.set(prefix + key, value, 'PX', ttlMs, 'NX')) === 'OK',
    remove: (key) => client.del(prefix + key),
  }
}

/** Each step takes some time, as over a network. */
function slow(storage, ms) {
  const late =
    (call) =>
    async (...args) => {
      await sleep(ms)
      return call(...args)
    }
  const { expiring, ...rest } = storage
  const all = (of) => Object.fromEntries(Object.entries(of).map(([name, call]) => [name, late(call)]))
  const { read, create, replace, remove } = expiring
  return { ...all(rest), expiring: all({ read, create, replace, remove }) }
}

/** Undefined where there is none. */
async function redisClient() {
  const { Redis } = require('ioredis')
  const client = new Redis(process.env.CONFLICT_REDIS_URL ?? 'redis://127.0.0.1:6379/0', {
    lazyConnect: true,
    retryStrategy: () => null,
  })
  client.on('error', () => {})
  return client.connect().then(
    () => client,
    () => undefined,
  )
}

module.exports = { memory, redis, redisClient, slow }
