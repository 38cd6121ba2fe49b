/**
 * What a database's refusal is about. `check` stands for all that the data itself may not be: a check constraint, NOT
 * NULL, a text too long, a number out of range. `refused` is any other error of the server's own.
 */
export type StoreErrorKind =
  | 'unique'
  | 'reference'
  | 'check'
  | 'serialization'
  | 'deadlock'
  | 'lock-timeout'
  | 'stale'
  | 'busy'
  | 'connection'
  | 'refused'

/** A name that no number stands for: the optimistic locks of the ORMs, and pools with nothing to give. */
export const NAMES: Readonly<Record<string, StoreErrorKind>> = {
  OptimisticLockVersionMismatchError: 'stale', // TypeORM
  SequelizeOptimisticLockError: 'stale',
  OptimisticLockError: 'stale', // MikroORM
  VersionError: 'stale', // Mongoose
  MongooseServerSelectionError: 'connection',
  MongoServerSelectionError: 'connection',
  MongoNetworkError: 'connection',
  MongoNetworkTimeoutError: 'connection',
  MongoWriteConcernError: 'connection', // written, but not where it was asked for
  MongoWaitQueueTimeoutError: 'busy',
  KnexTimeoutError: 'busy',
  SequelizeConnectionAcquireTimeoutError: 'busy',
  PrismaClientValidationError: 'check', // a value that is not of the field's type
}

/** Words in `code`: Prisma's, SQLite's, mysql2's and Node's. */
export const CODES: Readonly<Record<string, StoreErrorKind>> = {
  P2002: 'unique',
  P2003: 'reference',
  P2014: 'reference',
  P2000: 'check',
  P2004: 'check',
  P2011: 'check',
  P2020: 'check',
  P2034: 'serialization',
  P2025: 'stale', // an update whose where, version included, matched nothing
  P2024: 'busy',
  P2037: 'busy',
  P1001: 'connection',
  P1002: 'connection',
  P1008: 'connection',
  P1017: 'connection',
  SQLITE_CONSTRAINT_UNIQUE: 'unique',
  SQLITE_CONSTRAINT_PRIMARYKEY: 'unique',
  SQLITE_CONSTRAINT_ROWID: 'unique',
  SQLITE_CONSTRAINT_FOREIGNKEY: 'reference',
  SQLITE_BUSY_SNAPSHOT: 'serialization',
  SQLITE_BUSY: 'busy',
  SQLITE_LOCKED: 'busy',
  POOL_CLOSED: 'connection',
  POOL_NOCONNECTION: 'busy',
  POOL_ENQUEUELIMIT: 'busy',
  PROTOCOL_CONNECTION_LOST: 'connection',
  PROTOCOL_SEQUENCE_TIMEOUT: 'connection',
  ECONNREFUSED: 'connection',
  ENOTFOUND: 'connection',
  EAI_AGAIN: 'connection',
  EHOSTUNREACH: 'connection',
  ENETUNREACH: 'connection',
  ECONNRESET: 'connection',
  ECONNABORTED: 'connection',
  ETIMEDOUT: 'connection',
  EPIPE: 'connection',
}

/** SQLSTATEs of PostgreSQL; what is not here goes by its class, the first two characters. */
export const SQLSTATES: Readonly<Record<string, StoreErrorKind>> = {
  '23505': 'unique',
  '23P01': 'unique', // an exclusion constraint: another row is in the way
  '23503': 'reference',
  '23001': 'reference',
  '40001': 'serialization',
  '40P01': 'deadlock',
  '55P03': 'lock-timeout',
  '57014': 'busy', // statement_timeout: cancelled, and undone
  '57P01': 'connection',
  '57P02': 'connection',
  '57P03': 'connection',
  '57P05': 'connection',
  '25P03': 'connection',
  '08': 'connection',
  '22': 'check',
  '23': 'check',
  '53': 'busy',
  '54': 'check',
}

/** Numbers of MySQL and MariaDB. What they share with SQLSTATE is coarser: 23000 is three kinds. */
export const MYSQL: Readonly<Record<number, StoreErrorKind>> = {
  1062: 'unique',
  1586: 'unique',
  1216: 'reference',
  1217: 'reference',
  1451: 'reference',
  1452: 'reference',
  3819: 'check',
  4025: 'check',
  1048: 'check',
  1264: 'check',
  1265: 'check',
  1292: 'check',
  1364: 'check',
  1366: 'check',
  1406: 'check',
  1020: 'serialization', // MariaDB, innodb_snapshot_isolation: the record has changed since it was read
  1213: 'deadlock',
  1205: 'lock-timeout',
  3572: 'lock-timeout',
  1040: 'busy',
  1203: 'busy',
  1317: 'busy',
  1969: 'busy', // MariaDB, max_statement_time
  3024: 'busy',
  1053: 'connection',
  1927: 'connection',
}

/** Extended result codes of SQLite, as node:sqlite has them in `errcode`. */
export const SQLITE: Readonly<Record<number, StoreErrorKind>> = {
  2067: 'unique',
  1555: 'unique',
  2579: 'unique',
  787: 'reference',
  517: 'serialization',
  5: 'busy',
  6: 'busy',
  18: 'check',
  19: 'check',
}

/** MongoDB's: a duplicate key, a write conflict, no time left. */
export const MONGO: Readonly<Record<number, StoreErrorKind>> = { 11000: 'unique', 112: 'serialization', 50: 'busy' }

/** Codes and names of what is known to fail before anything is sent. */
export const NEVER_SENT = new Set(
  'ECONNREFUSED ENOTFOUND EAI_AGAIN EHOSTUNREACH ENETUNREACH POOL_CLOSED P1001 P1002 08001 08004 57P03 MongoServerSelectionError MongooseServerSelectionError'.split(
    ' ',
  ),
)
