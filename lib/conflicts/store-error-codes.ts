/** What an error of a database, its driver or an ORM means. `docs/database-errors.md` has the same table in words. */
export type StoreErrorKind =
  // Final: the same request would fail again at any time.
  | 'unique'
  | 'reference'
  /** A check constraint, NOT NULL, a text that is too long, a number that is out of range. */
  | 'check'
  /** A value that does not fit the type of its column, such as `abc` for an integer. As a key it means "not found". */
  | 'malformed'
  /** A trigger or a procedure refused the change. */
  | 'rule'
  /** A row policy refused the change. */
  | 'denied'
  /** The optimistic lock of an ORM failed: the row now has another version, or was removed. */
  | 'stale'
  // Temporary: nothing was changed, and the request may succeed later.
  | 'serialization'
  | 'deadlock'
  | 'lock-timeout'
  /** Out of space, out of time, out of connections, or temporarily read-only. */
  | 'busy'
  /** The connection was lost, or never opened. Only a lost one may have carried out the statement: see `NEVER_SENT`. */
  | 'connection'
  /** The server itself does not know whether the statement was carried out. */
  | 'ambiguous'
  /**
   * The statement, the settings or the privileges are wrong, or the code is not in the table. Only the app's owner can
   * fix it.
   */
  | 'mistake'

type Codes = Readonly<Partial<Record<StoreErrorKind, string>>>

/**
 * SQLSTATEs as PostgreSQL sends them. A code that is not listed is looked up by its class, the first two characters.
 */
export const SQLSTATES: Codes = {
  unique: '23505 23P01',
  reference: '23503 23001',
  check: '22 23 40002 44 54000',
  malformed: '22003 22007 22008 22009 22015 22018 22021 22023 22032 22P02 22P03 22P05',
  rule: '09 45 P0001 P0002',
  denied: '42501',
  serialization: '40 40001 72',
  deadlock: '40P01',
  'lock-timeout': '55P03',
  busy: '25006 53 55006 57 57014 58',
  connection: '08 25P03 25P04 57P01 57P02 57P03 57P05 HV00N',
  ambiguous: '08007 40003',
  mistake:
    '02 03 0A 0B 0F 0L 0P 0Z 10 20 21 2200H 24 25 26 27 28 2B 2D 2F 34 38 39 3B 3D 3F 42 53400 54 55 57P04 58P01 58P02 F0 HV P0 XX',
}

/**
 * Error numbers of MySQL and MariaDB. Their SQLSTATEs are coarser: 23000 means three kinds. A number that is not listed
 * is looked up by its SQLSTATE's class.
 */
export const MYSQL: Codes = {
  unique: '1022 1062 1169 1586 1761 1762 1859',
  reference: '1216 1217 1451 1452 1557',
  check:
    '1048 1118 1138 1139 1153 1162 1263 1264 1265 1301 1364 1365 1369 1406 1526 1690 1748 1863 3157 3751 3752 3819 4025',
  malformed: '1292 1300 1366 1367 1411 1416 1441 1525 3140 3141 3143 3156 3903 3988',
  rule: '1643 1644',
  serialization: '1020 1412 1615 3101',
  deadlock: '1213 1614 3058',
  'lock-timeout': '1205 1613 1689 3572',
  busy: '1021 1026 1028 1037 1038 1040 1041 1047 1114 1129 1135 1203 1206 1223 1226 1290 1317 1792 1811 1836 1874 1878 1969 3015 3019 3024 3032 3100 3168 3989',
  connection: '1053 1077 1079 1080 1152 1158 1159 1160 1161 1184 1927 3169 4031',
  ambiguous: '1180 1181',
  mistake: '1044 1045 1046 1049 1054 1064 1130 1142 1143 1146 1227 1370',
}

/**
 * Result codes of SQLite: the extended code where it says more, else the primary code, which is its last eight bits.
 */
export const SQLITE: Readonly<Partial<Record<StoreErrorKind, string>>> = {
  unique: '1555 2067 2579',
  reference: '787',
  check: '18 19',
  malformed: '20',
  rule: '1811',
  serialization: '4 17 517',
  busy: '5 6 7 8 9 13 14 15',
  ambiguous: '10',
  mistake: '1 2 3 11 12 16 21 22 23 24 25 26',
}

/**
 * Words that Prisma, mysql2, node:sqlite and Node put into `code`, and Prisma's driver adapters into `kind`. `SQLITE_WORDS`
 * has those of SQLite.
 */
export const CODES: Codes = {
  unique: 'P2002',
  reference: 'P2003 P2014 P2018',
  check: 'P2000 P2004 P2011 P2012 P2013',
  malformed: 'P2005 P2006 P2007 P2020 P2023 P2033',
  serialization: 'P2034',
  // An update whose `where`, which includes the version, matched nothing; or a read that had to find a row.
  stale: 'P2001 P2015 P2025',
  busy: 'P1018 P2024 P2028 P2037 POOL_NOCONNECTION POOL_ENQUEUELIMIT ER_GET_CONNECTION_TIMEOUT TransactionAlreadyClosed',
  connection:
    'P1001 P1002 P1008 P1017 POOL_CLOSED PROTOCOL_CONNECTION_LOST PROTOCOL_SEQUENCE_TIMEOUT PROTOCOL_ENQUEUE_AFTER_FATAL_ERROR PROTOCOL_ENQUEUE_AFTER_QUIT ECONNREFUSED ENOTFOUND EAI_AGAIN EHOSTUNREACH ENETUNREACH ECONNRESET ECONNABORTED ETIMEDOUT EPIPE DatabaseNotReachable TlsConnectionError ConnectionClosed SocketTimeout',
  mistake:
    'P1000 P1003 P1009 P1010 P1011 P1012 P1013 P1014 P1015 P1016 P2008 P2009 P2016 P2017 P2019 P2021 P2022 P2026 P2029',
}

/** The primary codes of SQLite by name, as better-sqlite3 and others report them. */
export const SQLITE_WORDS: Readonly<Record<string, number>> = Object.fromEntries(
  'OK ERROR INTERNAL PERM ABORT BUSY LOCKED NOMEM READONLY INTERRUPT IOERR CORRUPT NOTFOUND FULL CANTOPEN PROTOCOL EMPTY SCHEMA TOOBIG CONSTRAINT MISMATCH MISUSE NOLFS AUTH FORMAT RANGE NOTADB'
    .split(' ')
    .map((word, number) => [word, number]),
)

/** The extended codes of SQLite that `SQLITE` lists, by name. */
export const SQLITE_EXTENDED: Readonly<Record<string, number>> = {
  CONSTRAINT_UNIQUE: 2067,
  CONSTRAINT_PRIMARYKEY: 1555,
  CONSTRAINT_ROWID: 2579,
  CONSTRAINT_FOREIGNKEY: 787,
  CONSTRAINT_TRIGGER: 1811,
  BUSY_SNAPSHOT: 517,
}

/** Names of errors without a code: optimistic locks, exhausted pools, malformed keys. */
export const NAMES: Codes = {
  // TypeORM, Sequelize, MikroORM, Mongoose
  stale: 'OptimisticLockVersionMismatchError SequelizeOptimisticLockError OptimisticLockError VersionError',
  // Mongoose, the driver of MongoDB
  malformed: 'CastError BSONError BSONTypeError',
  check: 'SequelizeValidationError',
  busy: 'KnexTimeoutError SequelizeConnectionAcquireTimeoutError MongoWaitQueueTimeoutError',
  connection:
    'MongooseServerSelectionError MongoServerSelectionError MongoNetworkError MongoNetworkTimeoutError MongoWriteConcernError MongoNotConnectedError MongoTopologyClosedError MongoClientClosedError MongoPoolClosedError MongoPoolClearedError ConnectionNotFoundError CannotExecuteNotConnectedError',
}

/**
 * MongoDB's codes: duplicate key, failed validation, document too large, write conflict, time limit, step-down of the
 * primary.
 */
export const MONGO: Codes = {
  unique: '11000 11001',
  check: '52 121 10334 17280 17419',
  serialization: '112 225 244 246 251',
  'lock-timeout': '24',
  busy: '50 134 189 262 290 10058 10107 11600 11602 13435 13436',
  connection: '6 7 89 91 9001',
  ambiguous: '64 79',
  mistake: '2 9 13 18 20 26 48 59',
}

/** Codes and names of errors that occur before anything has been sent. */
export const NEVER_SENT: ReadonlySet<string> = new Set(
  'ECONNREFUSED ENOTFOUND EAI_AGAIN EHOSTUNREACH ENETUNREACH POOL_CLOSED P1001 P1002 DatabaseNotReachable TlsConnectionError 08001 08004 57P03 HV00N PROTOCOL_ENQUEUE_AFTER_FATAL_ERROR PROTOCOL_ENQUEUE_AFTER_QUIT MongoServerSelectionError MongooseServerSelectionError MongoNotConnectedError MongoTopologyClosedError MongoClientClosedError MongoPoolClosedError ConnectionNotFoundError CannotExecuteNotConnectedError'.split(
    ' ',
  ),
)
