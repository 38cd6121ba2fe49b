import { recogniseStoreError, type StoreError } from '../../lib/conflicts/store-errors'
import { storeFault } from '../../lib/contracts/store-fault'

type Row = readonly [what: string, error: unknown, expected: StoreError | undefined]

const no = (kind: StoreError['kind'], constraint?: string): StoreError => ({ kind, constraint, applied: 'no' })
const unknown = (kind: StoreError['kind']): StoreError => ({ kind, constraint: undefined, applied: 'unknown' })

/** An error as the wire brings it: a message and own properties. */
const thrown = (name: string, message: string, fields: object = {}) =>
  Object.assign(new Error(message), { name }, fields)
const pg = (code: string, message = 'x', fields: object = {}) =>
  thrown('error', message, { severity: 'ERROR', code, ...fields })
const mysql = (errno: number, code: string, message = 'x', sqlState = 'HY000') =>
  thrown('Error', message, { errno, code, sqlState, sqlMessage: message })

const duplicate = pg('23505', 'duplicate key value violates unique constraint "articles_slug_key"', {
  constraint: 'articles_slug_key',
})

/** What the drivers throw of themselves is provoked in spec/backends/sql/store-errors.services.spec.ts. */
const drivers: readonly Row[] = [
  ['pg: an exclusion constraint', pg('23P01', 'x', { constraint: 'no_overlap' }), no('unique', 'no_overlap')],
  ['pg: a restriction', pg('23001'), no('reference')],
  ['pg: NUL in a text', pg('22021'), no('malformed')],
  ['pg: a serialization failure', pg('40001'), no('serialization')],
  ['pg: a lock that is not to be had', pg('55P03'), no('lock-timeout')],
  ['pg: statement_timeout', pg('57014'), no('busy')],
  ['pg: too many connections', thrown('error', 'x', { severity: 'FATAL', code: '53300' }), no('busy')],
  ['pg: starting up', thrown('error', 'x', { severity: 'FATAL', code: '57P03' }), no('connection')],
  ['pg: shut down under way', thrown('error', 'x', { severity: 'FATAL', code: '57P01' }), unknown('connection')],
  ['pg: a connection that failed', pg('08006'), unknown('connection')],
  [
    'pg: fewer parameters than the statement has',
    pg('08P01', 'bind message supplies 0 parameters, but prepared statement "" requires 1'),
    no('mistake'),
  ],
  [
    'pg: what a pooler says',
    thrown('error', 'query_wait_timeout', { severity: 'FATAL', code: '08P01' }),
    unknown('connection'),
  ],
  ['pg: a server that refuses connections', pg('08004'), no('connection')],
  ['pg: no such table', pg('42P01'), no('mistake')],
  ['pg: a connection that ended', new Error('Connection terminated unexpectedly'), unknown('connection')],
  ['pg: no answer in query_timeout', new Error('Query read timeout'), unknown('connection')],
  ['pg-pool: no connection in time', new Error('timeout exceeded when trying to connect'), no('connection')],
  [
    'pg-pool: a connect that took too long',
    new Error('Connection terminated due to connection timeout'),
    no('connection'),
  ],
  ['mysql2: a lock wait time-out', mysql(1205, 'ER_LOCK_WAIT_TIMEOUT'), no('lock-timeout')],
  // RAISE EXCEPTION with a code of the app's own.
  ['pg: a trigger, with a code of its own', pg('AB123', 'x', { routine: 'exec_stmt_raise' }), no('rule')],
  ['pg: an unknown code', pg('AB123'), no('mistake')],
  ['pg: a row policy', pg('42501', 'new row violates row-level security policy for table "a"'), no('denied')],
  ['pg: a privilege', pg('42501', 'permission denied for table a'), no('mistake')],
  ['pg: read-only after a fail-over', pg('25006'), no('busy')],
  ['pg: a commit with an unknown outcome', pg('40003'), unknown('ambiguous')],
  ['mysql2: SIGNAL with a number of its own', mysql(30001, 'ER_X', 'x', '45000'), no('rule')],
  ['mysql2: SIGNAL with the number of another error', mysql(1213, 'ER_LOCK_DEADLOCK', 'x', '45000'), no('rule')],
  ['mysql2: a table that was altered under a snapshot', mysql(1412, 'ER_TABLE_DEF_CHANGED'), no('serialization')],
  [
    'mysql2: a text that the character set of a column lacks',
    mysql(
      1267,
      'X',
      "Illegal mix of collations (latin1_swedish_ci,IMPLICIT) and (utf8mb4_general_ci,COERCIBLE) for operation '='",
    ),
    no('malformed'),
  ],
  [
    'mysql2: columns of two collations',
    mysql(
      1267,
      'X',
      "Illegal mix of collations (latin1_swedish_ci,IMPLICIT) and (utf8mb4_bin,IMPLICIT) for operation '='",
    ),
    no('mistake'),
  ],
  ['mysql2: an unknown number', mysql(9999, 'ER_X', 'x', 'HY000'), no('mistake')],
  [
    'mysql2: read-only after a fail-over',
    mysql(1290, 'ER_OPTION_PREVENTS_STATEMENT', 'The MySQL server is running with the --read-only option so it cannot'),
    no('busy'),
  ],
  [
    'mysql2: another option that forbids the statement',
    mysql(1290, 'ER_OPTION_PREVENTS_STATEMENT', 'The MySQL server is running with the --secure-file-priv option so'),
    no('mistake'),
  ],
  ...['Queue limit reached.', 'Pool is closed.', "Can't add new command when connection is in closed state"].map(
    (message) => [`mysql2: ${message}`, new Error(message), no('connection')] as const,
  ),
  ['pg-pool: closed', new Error('Cannot use a pool after calling end on the pool'), no('connection')],
  ['mysql2: a deadlock', mysql(1213, 'ER_LOCK_DEADLOCK', 'x', '40001'), no('deadlock')],
  ['mysql2: a record that has changed', mysql(1020, 'ER_CHECKREAD'), no('serialization')],
  ['mysql2: too many connections', mysql(1040, 'ER_CON_COUNT_ERROR', 'x', '08004'), no('busy')],
  ['mysql2: a server that goes', mysql(1053, 'ER_SERVER_SHUTDOWN', 'x', '08S01'), unknown('connection')],
  [
    'mysql2: a check of MySQL',
    mysql(3819, 'ER_CHECK_CONSTRAINT_VIOLATED', "Check constraint 'positive' is violated."),
    no('check', 'positive'),
  ],
  [
    'mysql2: a number of MariaDB that it has no word for',
    thrown('Error', 'x', { code: undefined, errno: 1969, sqlState: '70100' }),
    no('busy'),
  ],
  [
    'mysql2: NULL where none may be',
    mysql(1048, 'ER_BAD_NULL_ERROR', "Column 'slug' cannot be null", '23000'),
    no('check', 'slug'),
  ],
  [
    'mysql2: a text that is no number, quoted in the message',
    mysql(
      1366,
      'ER_TRUNCATED_WRONG_VALUE_FOR_FIELD',
      "Incorrect integer value: 'a for column 'b' at row 1' for column `test`.`a`.`n` at row 1",
    ),
    no('malformed', 'n'),
  ],
  ['pg: NULL where none may be', pg('23502', 'x', { table: 'a', column: 'slug' }), no('check', 'slug')],
  [
    'better-sqlite3: an index over an expression',
    thrown('SqliteError', "UNIQUE constraint failed: index 'a_slug'", { code: 'SQLITE_CONSTRAINT_UNIQUE' }),
    no('unique', 'a_slug'),
  ],
  ['mysql2: no such table', mysql(1146, 'ER_NO_SUCH_TABLE', 'x', '42S02'), no('mistake')],
  [
    'mysql2: a connection that ended',
    thrown('Error', 'x', { code: 'PROTOCOL_CONNECTION_LOST', fatal: true }),
    unknown('connection'),
  ],
  [
    'better-sqlite3: a trigger, in words of another error',
    thrown('SqliteError', 'UNIQUE constraint failed: a.slug', { code: 'SQLITE_CONSTRAINT_TRIGGER' }),
    no('rule', 'a.slug'),
  ],
  ['node:sqlite: a trigger', thrown('Error', 'x', { code: 'ERR_SQLITE_ERROR', errcode: 1811 }), no('rule')],
  ['better-sqlite3: busy', thrown('SqliteError', 'database is locked', { code: 'SQLITE_BUSY' }), no('busy')],
  [
    'better-sqlite3: an old snapshot',
    thrown('SqliteError', 'x', { code: 'SQLITE_BUSY_SNAPSHOT' }),
    no('serialization'),
  ],
  ['better-sqlite3: a full disk', thrown('SqliteError', 'x', { code: 'SQLITE_FULL' }), no('busy')],
  // https://nodejs.org/api/sqlite.html: code, errcode (SQLite's extended result code), errstr.
  [
    'node:sqlite: unique',
    thrown('Error', 'UNIQUE constraint failed: a.slug', { code: 'ERR_SQLITE_ERROR', errcode: 2067 }),
    no('unique', 'a.slug'),
  ],
  [
    'node:sqlite: foreign key',
    thrown('Error', 'FOREIGN KEY constraint failed', { code: 'ERR_SQLITE_ERROR', errcode: 787 }),
    no('reference'),
  ],
  [
    'node:sqlite: check',
    thrown('Error', 'CHECK constraint failed: positive', { code: 'ERR_SQLITE_ERROR', errcode: 275 }),
    no('check', 'positive'),
  ],
  ['node:sqlite: busy', thrown('Error', 'database is locked', { code: 'ERR_SQLITE_ERROR', errcode: 5 }), no('busy')],
  ['node:sqlite: syntax', thrown('Error', 'near "x"', { code: 'ERR_SQLITE_ERROR', errcode: 1 }), no('mistake')],
  [
    'Node: a port that nobody listens on',
    thrown('Error', 'connect', { code: 'ECONNREFUSED', errno: -111, syscall: 'connect' }),
    no('connection'),
  ],
  [
    'Node: both addresses of a name',
    Object.assign(new AggregateError([thrown('Error', 'x', { code: 'ECONNREFUSED' })]), { code: 'ECONNREFUSED' }),
    no('connection'),
  ],
  ['Node: a name that is not known', thrown('Error', 'x', { code: 'ENOTFOUND' }), no('connection')],
  ['Node: reset', thrown('Error', 'x', { code: 'ECONNRESET', syscall: 'read' }), unknown('connection')],
]

/** Shapes of the ORMs, from their documentation and sources. */
const orms: readonly Row[] = [
  // https://www.prisma.io/docs/orm/reference/error-reference
  [
    'Prisma: unique',
    thrown('PrismaClientKnownRequestError', 'x', {
      code: 'P2002',
      meta: { modelName: 'A', target: ['tenant', 'slug'] },
    }),
    no('unique', 'tenant, slug'),
  ],
  [
    'Prisma: too long',
    thrown('PrismaClientKnownRequestError', 'x', { code: 'P2000', meta: { column_name: 'title' } }),
    no('check', 'title'),
  ],
  [
    'Prisma: NOT NULL',
    thrown('PrismaClientKnownRequestError', 'x', { code: 'P2011', meta: { constraint: ['title'] } }),
    no('check', 'title'),
  ],
  [
    'Prisma 7, driver adapter: unique',
    thrown('PrismaClientKnownRequestError', 'x', {
      code: 'P2002',
      meta: { driverAdapterError: { cause: { kind: 'UniqueConstraintViolation', constraint: { fields: ['slug'] } } } },
    }),
    no('unique', 'slug'),
  ],
  [
    'Prisma 7, driver adapter: what has no code of its own',
    thrown('PrismaClientKnownRequestError', 'x', {
      code: 'P2039',
      meta: { driverAdapterError: { cause: { kind: 'postgres', code: '22021', severity: 'ERROR' } } },
    }),
    no('malformed'),
  ],
  [
    'Prisma: a value of another type',
    thrown(
      'PrismaClientValidationError',
      'Argument `id`: Invalid value provided. Expected IntFilter or Int, provided String.',
    ),
    no('malformed'),
  ],
  ['Prisma: a field that is none', thrown('PrismaClientValidationError', 'Unknown argument `titel`.'), no('mistake')],
  ...['P2007', 'P2023'].map(
    (code) =>
      [
        `Prisma: ${code}, a malformed uuid`,
        thrown('PrismaClientKnownRequestError', 'x', { code }),
        no('malformed'),
      ] as const,
  ),
  ...['P2028', 'P1018'].map(
    (code) =>
      [
        `Prisma: ${code}, a transaction that took too long`,
        thrown('PrismaClientKnownRequestError', 'x', { code }),
        no('busy'),
      ] as const,
  ),
  [
    'Prisma over mysql: a trigger',
    thrown('PrismaClientKnownRequestError', 'x', {
      code: 'P2039',
      meta: { driverAdapterError: { cause: { kind: 'mysql', code: 1644, state: '45000', message: 'x' } } },
    }),
    no('rule'),
  ],
  // A driver adapter has words of its own for what it knows, and keeps the code of the driver.
  ...(
    [
      ['TransactionWriteConflict', { originalCode: '40001' }, no('serialization')],
      ['TransactionWriteConflict', { originalCode: '40P01' }, no('deadlock')],
      ['TooManyConnections', { originalCode: '53300' }, no('busy')],
      [
        'UniqueConstraintViolation',
        { originalCode: '23505', constraint: { fields: ['tenant', 'slug'] } },
        no('unique', 'tenant, slug'),
      ],
      ['UniqueConstraintViolation', { originalCode: '1062', constraint: { index: 'a_slug' } }, no('unique', 'a_slug')],
      ['ForeignKeyConstraintViolation', { originalCode: 'SQLITE_CONSTRAINT_TRIGGER' }, no('rule')],
      ['postgres', { originalCode: 'AB123', code: 'AB123', severity: 'ERROR' }, no('rule')],
      ['DatabaseNotReachable', { host: '127.0.0.1', port: 1 }, no('connection')],
      ['ConnectionClosed', {}, unknown('connection')],
    ] as const
  ).map(
    ([kind, facts, expected]) =>
      [
        `Prisma: ${kind} of a statement of the app`,
        thrown('PrismaClientKnownRequestError', 'x', {
          code: 'P2010',
          meta: { driverAdapterError: Object.assign(new Error(kind), { cause: { kind, ...facts } }) },
        }),
        expected,
      ] as const,
  ),
  ['TypeORM: closed', thrown('TypeORMError', 'Connection is not established with mysql database'), no('connection')],
  [
    'mariadb: no connection of the pool',
    thrown('SqlError', 'x', { errno: 45028, sqlState: 'HY000', code: 'ER_GET_CONNECTION_TIMEOUT' }),
    no('busy'),
  ],
  [
    'Prisma over sqlite: a full disk',
    thrown('PrismaClientKnownRequestError', 'x', {
      code: 'P2039',
      meta: { driverAdapterError: { cause: { kind: 'sqlite', extendedCode: 13, message: 'x' } } },
    }),
    no('busy'),
  ],
  [
    'Mongoose: a key that is no ObjectId',
    thrown('CastError', 'Cast to ObjectId failed for value "x"'),
    no('malformed'),
  ],
  [
    'sqlite3, as Knex and Sequelize use it: unique',
    thrown('Error', 'SQLITE_CONSTRAINT: UNIQUE constraint failed: a.slug', { code: 'SQLITE_CONSTRAINT', errno: 19 }),
    no('unique', 'a.slug'),
  ],
  [
    'Prisma: foreign key',
    thrown('PrismaClientKnownRequestError', 'x', { code: 'P2003', meta: { field_name: 'author_fkey' } }),
    no('reference', 'author_fkey'),
  ],
  [
    'Prisma: a relation that is required',
    thrown('PrismaClientKnownRequestError', 'x', { code: 'P2014' }),
    no('reference'),
  ],
  ['Prisma: a constraint', thrown('PrismaClientKnownRequestError', 'x', { code: 'P2004' }), no('check')],
  [
    'Prisma: a write conflict or a deadlock',
    thrown('PrismaClientKnownRequestError', 'x', { code: 'P2034' }),
    no('serialization'),
  ],
  ['Prisma: nothing matched an update', thrown('PrismaClientKnownRequestError', 'x', { code: 'P2025' }), no('stale')],
  ['Prisma: no connection of the pool', thrown('PrismaClientKnownRequestError', 'x', { code: 'P2024' }), no('busy')],
  ['Prisma: no server', thrown('PrismaClientInitializationError', 'x', { code: 'P1001' }), no('connection')],
  [
    'Prisma: the server closed the connection',
    thrown('PrismaClientKnownRequestError', 'x', { code: 'P1017' }),
    unknown('connection'),
  ],
  // Knex throws what the driver threw, with the SQL in front of the message.
  [
    'Knex: unique',
    pg('23505', 'insert into "a" … - duplicate key value', { constraint: 'a_slug_unique' }),
    no('unique', 'a_slug_unique'),
  ],
  [
    'Knex: a connection that ended',
    thrown('Error', 'update "a" set "b" = $1 - Connection terminated unexpectedly'),
    { kind: 'connection', applied: 'unknown' },
  ],
  ['Knex: no connection of the pool', thrown('KnexTimeoutError', 'Knex: Timeout acquiring a connection.'), no('busy')],
  ['Kysely: unique, as the driver threw it', duplicate, no('unique', 'articles_slug_key')],
  // drizzle-orm/src/errors.ts: DrizzleQueryError(query, params, cause).
  [
    'Drizzle: unique',
    Object.assign(new Error('Failed query: insert', { cause: duplicate }), { query: 'insert', params: [] }),
    no('unique', 'articles_slug_key'),
  ],
  // typeorm/src/error/QueryFailedError.ts copies the driver's fields and keeps it as driverError.
  [
    'TypeORM: unique',
    thrown('QueryFailedError', 'x', { ...duplicate, query: 'insert', parameters: [], driverError: duplicate }),
    no('unique', 'articles_slug_key'),
  ],
  [
    'TypeORM: an optimistic lock',
    thrown(
      'OptimisticLockVersionMismatchError',
      'The optimistic lock on entity A failed, version 1 was expected, but is actually 2.',
    ),
    no('stale'),
  ],
  // sequelize/src/errors: parent and original are the driver's.
  [
    'Sequelize: unique',
    thrown('SequelizeUniqueConstraintError', 'Validation error', {
      parent: duplicate,
      original: duplicate,
      fields: { slug: 'x' },
    }),
    no('unique', 'articles_slug_key'),
  ],
  [
    'Sequelize: foreign key',
    thrown('SequelizeForeignKeyConstraintError', 'x', { parent: pg('23503', 'x', { constraint: 'a_fk' }) }),
    no('reference', 'a_fk'),
  ],
  [
    'Sequelize: an optimistic lock',
    thrown('SequelizeOptimisticLockError', 'Attempting to update a stale model instance: A'),
    no('stale'),
  ],
  [
    'Sequelize: no connection of the pool',
    thrown('SequelizeConnectionAcquireTimeoutError', 'Operation timeout', { parent: new Error('Operation timeout') }),
    no('busy'),
  ],
  [
    'Sequelize: no server',
    thrown('SequelizeConnectionRefusedError', 'x', { parent: thrown('Error', 'x', { code: 'ECONNREFUSED' }) }),
    no('connection'),
  ],
  // @mikro-orm/core, exceptions.ts: DriverException copies the own properties of what the driver threw.
  [
    'MikroORM: unique',
    thrown('UniqueConstraintViolationException', 'x', { ...duplicate }),
    no('unique', 'articles_slug_key'),
  ],
  [
    'MikroORM: a deadlock',
    thrown('DeadlockException', 'x', { errno: 1213, code: 'ER_LOCK_DEADLOCK', sqlState: '40001' }),
    no('deadlock'),
  ],
  [
    'MikroORM: an optimistic lock',
    thrown('OptimisticLockError', 'The optimistic lock on entity A failed'),
    no('stale'),
  ],
  [
    'MikroORM: a connection that ended',
    thrown('DriverException', 'update "a" set "b" = 1 - Connection terminated unexpectedly', { code: undefined }),
    { kind: 'connection', applied: 'unknown' },
  ],
  // mongoose/lib/error/version.js; mongodb: MongoServerError with a numeric code.
  [
    'Mongoose: a version',
    thrown('VersionError', 'No matching document found for id "1" version 2 modifiedPaths "title"'),
    no('stale'),
  ],
  [
    'Mongoose: unique',
    thrown('MongoServerError', 'E11000 duplicate key error', { code: 11000, keyPattern: { tenant: 1, slug: 1 } }),
    no('unique', 'tenant, slug'),
  ],
  [
    'Mongoose: a write conflict',
    thrown('MongoServerError', 'WriteConflict', { code: 112, errorLabels: ['TransientTransactionError'] }),
    no('serialization'),
  ],
  ['Mongoose: no server', thrown('MongooseServerSelectionError', 'connect ECONNREFUSED'), no('connection')],
  ['MongoDB: no server', thrown('MongoServerSelectionError', 'connect ECONNREFUSED'), no('connection')],
  ['MongoDB: a pool with nothing to give', thrown('MongoWaitQueueTimeoutError', 'Timed out'), no('busy')],
  ...['MongoNetworkError', 'MongoNetworkTimeoutError', 'MongoWriteConcernError'].map(
    (name) =>
      [`MongoDB: ${name}`, thrown(name, 'x', { code: 64 }), { kind: 'connection', applied: 'unknown' }] as const,
  ),
]

describe.each([
  ['a driver', drivers],
  ['an ORM', orms],
])('what %s throws is recognised', (_, rows) => {
  test.each(rows)('%s', (_, error, expected) => {
    expect(recogniseStoreError(error)).toEqual(expected)
    expect(recogniseStoreError(storeFault(error, { applied: 'no' }))).toEqual(expected)
  })
})

test.each([
  ['an error of the app', new Error('x')],
  ['an error with a code of the app', Object.assign(new Error('x'), { code: 'LIMIT' })],
  ['an error with a code of five characters', Object.assign(new Error('x'), { code: 'ABCDE' })],
  ['an error with a number', Object.assign(new Error('x'), { code: 11000 })],
  ['a missing file', Object.assign(new Error('x'), { code: 'ENOENT', errno: -2 })],
  ['an error named like a member of every object', thrown('toString', 'x', { code: 'constructor' })],
  ['an error that quotes what a lost connection says', new Error('Connection terminated - or so they say')],
  ['text', '23505'],
  ['nothing', undefined],
  ['a code of something else', Object.assign(new Error('x'), { originalCode: 'E1234' })],
])('%s is not one of a database', (_, error) => {
  expect(recogniseStoreError(error)).toBeUndefined()
})

test('a cause that leads back to itself ends', () => {
  const one = new Error('one')
  const two = new Error('two', { cause: one })
  one.cause = two
  expect(recogniseStoreError(one)).toBeUndefined()
})

test('a value that looks like a key is not taken for the name of a constraint', () => {
  const sly = mysql(1062, 'ER_DUP_ENTRY', "Duplicate entry 'x' for key 'PRIMARY' for key 'articles.slug'", '23000')
  expect(recogniseStoreError(sly)).toEqual(no('unique', 'articles.slug'))
})
