export { type RedisAdapter, type RedisAdapterOptions, redisAdapter } from './adapter'
export { type RedisLocksOptions, redisLocks } from './locks'
export type { IoredisScripts, NodeRedisScripts } from './scripts'
export { type RedisStoreOptions, redisStore } from './store'
