export { type PostgresLockClient, type PostgresLocksOptions, postgresLocks } from './locks'
