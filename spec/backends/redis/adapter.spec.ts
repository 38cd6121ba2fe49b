import { type RedisAdapterOptions, redisAdapter } from '../../../lib/backends/redis'
import { isStoreFault } from '../../../lib/contracts/store-fault'

const client = { evalsha: async () => null, eval: async () => null }

test.each([
  [{ client: {} }, 'client is no client of ioredis or node-redis.'],
  [{ prefix: '' }, 'prefix is ""; give 1 to 100 characters without braces.'],
  [{ prefix: 'a{b}' }, 'prefix is "a{b}"; give 1 to 100 characters without braces.'],
  [{ prefix: undefined }, 'prefix is undefined; give 1 to 100 characters without braces.'],
  [{ ttlMs: 0 }, 'ttlMs is 0; give a positive integer, or leave it out.'],
  [{ ttl: 5 }, 'there is no option "ttl". Did you mean "ttlMs"?'],
])('%j is refused at start-up', (options, message) => {
  const make = () => redisAdapter({ client, prefix: 'articles', ...options } as RedisAdapterOptions)
  expect(make).toThrow(new TypeError(`redisAdapter(): ${message}`))
})

test.each([
  ['READONLY You can’t write against a read only replica.', 'no'],
  ['OOM command not allowed', 'no'],
  ["Stream isn't writeable and enableOfflineQueue options is false", 'no'],
  ['The client is closed', 'no'],
  ['Connection is closed.', 'unknown'],
  ['Socket closed unexpectedly', 'unknown'],
  ['Command timed out', 'unknown'],
  ['read ECONNRESET', 'unknown'],
])('%j: applied is %s', async (message, applied) => {
  const evalsha = async () => Promise.reject(new Error(message))
  const error = await redisAdapter({ client: { ...client, evalsha }, prefix: 'articles' })
    .write('a', 1, null)
    .catch((reason: unknown) => reason)
  expect(isStoreFault(error) && error.applied).toBe(applied)
})
