export { type PostgresBusClient, type PostgresBusOptions, postgresBus } from './bus'
export { type PostgresLockClient, type PostgresLocksOptions, postgresLocks } from './locks'
