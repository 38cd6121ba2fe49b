export { type MysqlLockConnection, type MysqlLocksOptions, mysqlLocks } from './locks'
