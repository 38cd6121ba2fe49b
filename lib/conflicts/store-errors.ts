import { isStoreFault } from '../contracts/store-fault'
import {
  CODES,
  MONGO,
  MYSQL,
  NAMES,
  NEVER_SENT,
  SQLITE,
  SQLITE_EXTENDED,
  SQLITE_WORDS,
  SQLSTATES,
  type StoreErrorKind,
} from './store-error-codes'
import { constraintOf, type ErrorShape, saidBy } from './store-error-shape'

export type { StoreErrorKind }

/** The meaning of an error from a database client or ORM, without its text. */
export interface StoreError {
  readonly kind: StoreErrorKind
  /** The constraint, index or columns as the server named them. For configuration and logs, not for clients. */
  readonly constraint?: string | undefined
  /** Whether the statement may have been carried out. */
  readonly applied: 'no' | 'unknown'
}

/**
 * Recognises by shape what pg, mysql2, better-sqlite3 and node:sqlite throw, and what Prisma, Knex, Kysely, Drizzle,
 * TypeORM, Sequelize, MikroORM and Mongoose make of it. `undefined`: not an error of a database.
 *
 * ORMs wrap the driver's error, and the driver knows best, so the innermost error that is recognised counts.
 */
export function recogniseStoreError(error: unknown): StoreError | undefined {
  return recognised(error, 0)
}

/**
 * A mistake in the app's code, or a statement that no database would carry out, is not a fault of the back end: a 503
 * would hide it and make clients retry for ever.
 */
export function isMistake(error: unknown): boolean {
  if (isStoreFault(error) && error.applied === 'unknown') return false
  // better-sqlite3 says by a TypeError that the database is closed.
  if (error instanceof TypeError && isKnownMessage(error)) return false
  return (
    recogniseStoreError(error)?.kind === 'mistake' ||
    error instanceof TypeError ||
    error instanceof ReferenceError ||
    error instanceof RangeError ||
    error instanceof SyntaxError
  )
}

/**
 * How deep wrapped errors are followed: a store fault may wrap an ORM's error, which wraps the driver's. A cause may
 * lead back to itself.
 */
const DEEPEST = 8

function recognised(error: unknown, depth: number): StoreError | undefined {
  if (typeof error !== 'object' || error === null || depth > DEEPEST) return undefined
  const shape = error as ErrorShape
  for (const inner of innerErrors(shape)) {
    const found = recognised(inner, depth + 1)
    if (found) return found
  }
  const kind = kindOf(shape)
  return kind && { kind, constraint: constraintOf(shape), applied: isUnanswered(shape, kind) ? 'unknown' : 'no' }
}

/** TypeORM: driverError; Sequelize: parent; MikroORM: previous; Node, of an address that resolves twice: errors. */
function innerErrors({ cause, driverError, parent, previous, errors, meta }: ErrorShape): unknown[] {
  return [
    cause,
    driverError,
    parent,
    previous,
    meta?.driverAdapterError,
    ...(Array.isArray(errors) ? errors.slice(0, 4) : []),
  ]
}

/** Inverts a table: from kind → codes to code → kind. */
function kindsIn(table: Readonly<Partial<Record<StoreErrorKind, string>>>): ReadonlyMap<string, StoreErrorKind> {
  const rows = Object.entries(table) as Array<[StoreErrorKind, string]>
  return new Map(rows.flatMap(([kind, codes]) => codes.split(' ').map((code) => [code, kind] as const)))
}

const [ofSqlState, ofMysql, ofSqlite, ofCode, ofName, ofMongo] = [SQLSTATES, MYSQL, SQLITE, CODES, NAMES, MONGO].map(
  kindsIn,
) as [Kinds, Kinds, Kinds, Kinds, Kinds, Kinds]
type Kinds = ReturnType<typeof kindsIn>

function kindOf(error: ErrorShape): StoreErrorKind | undefined {
  const { name, errno, errcode, severity, sqlState } = error
  // Prisma's driver adapters give both. Other errors may have a member of this name for something else.
  const originalCode = typeof error.kind === 'string' ? error.originalCode : undefined
  const code = error.code ?? originalCode
  if (typeof name === 'string' && ofName.has(name)) return ofName.get(name)
  const word = code ?? error.kind
  if (typeof word === 'string' && ofCode.has(word)) return ofCode.get(word)
  // Checked before `code`, because mysql2 has no name for errors that only MariaDB has.
  if (typeof errno === 'number' && typeof sqlState === 'string') return mysqlKind(errno, sqlState, error)
  if (typeof code === 'number') return numberKind(code, error)
  // pg has no code for a connection that ended, and pg-pool has none for one that it did not get in time.
  if (typeof code !== 'string') return sqliteKind(error.extendedCode, error) ?? kindByMessage(error)
  if (code === 'ERR_SQLITE_ERROR') return sqliteKind(errcode, error)
  if (code.startsWith('SQLITE_')) return sqliteKind(numberOf(code.slice('SQLITE_'.length)), error)
  const isOriginal = code === originalCode
  if (isOriginal && /^\d{4}$/.test(code)) return mysqlKind(Number(code), 'HY000', error)
  if (!(isOriginal || severity !== undefined) || !/^[0-9A-Z]{5}$/.test(code))
    return isKnownMessage(error) ? 'connection' : undefined
  return postgresKind(code, error)
}

function postgresKind(code: string, error: ErrorShape): StoreErrorKind {
  if (code === '42501' && isPrivilege(error)) return 'mistake'
  // PostgreSQL says this of a statement with too few parameters. A pooler ends the connection with the same code.
  if (code === '08P01' && error.severity === 'ERROR') return 'mistake'
  const kind = ofSqlState.get(code) ?? ofSqlState.get(code.slice(0, 2))
  // The app's own code, raised by a trigger that refused the change. Prisma's driver adapter drops the routine.
  return kind ?? (error.routine === 'exec_stmt_raise' || error.kind === 'postgres' ? 'rule' : 'mistake')
}

/** The database user lacks a privilege. This has the same code as a row policy's refusal, but is a different thing. */
function isPrivilege({ routine, message }: ErrorShape): boolean {
  return routine === 'aclcheck_error' || /^(?:permission denied (?:for|to)|must be )/.test(saidBy(message))
}

function mysqlKind(number: number, sqlState: string, { message }: ErrorShape): StoreErrorKind {
  // MySQL uses this number for every option that forbids a statement. Only read-only mode ends by itself.
  if (number === 1290 && /--(?!(?:super[-_]|innodb[-_])?read[-_]only)/.test(saidBy(message))) return 'mistake'
  // A value that the character set of its column cannot hold. Of two columns it is a mistake in the statement.
  if (number === 1267 && /,COERCIBLE\)/.test(saidBy(message))) return 'malformed'
  // SIGNAL may bring the number of another error.
  if (sqlState.startsWith('45')) return 'rule'
  return ofMysql.get(String(number)) ?? ofSqlState.get(sqlState.slice(0, 2)) ?? 'mistake'
}

/** MongoDB's codes, and MySQL's as Prisma's driver adapters report them. */
function numberKind(code: number, { name, kind, state }: ErrorShape): StoreErrorKind | undefined {
  if (kind === 'mysql') return mysqlKind(code, typeof state === 'string' ? state : 'HY000', {})
  const isMongo = typeof name === 'string' && name.startsWith('Mongo')
  return isMongo ? (ofMongo.get(String(code)) ?? 'mistake') : undefined
}

function numberOf(words: string): number | undefined {
  return SQLITE_EXTENDED[words] ?? SQLITE_WORDS[words.split('_')[0] ?? '']
}

function sqliteKind(number: unknown, { message }: ErrorShape): StoreErrorKind | undefined {
  if (typeof number !== 'number') return undefined
  const kind = ofSqlite.get(String(number)) ?? ofSqlite.get(String(number & 0xff)) ?? 'mistake'
  if (kind !== 'check') return kind
  // sqlite3 reports only the primary code; the rest is in the message.
  const [, words] = /\b(UNIQUE|FOREIGN KEY) constraint failed/.exec(saidBy(message)) ?? []
  return words === 'UNIQUE' ? 'unique' : words === undefined ? 'check' : 'reference'
}

const LOST = /^Connection terminated|^Client has encountered a connection error|^Query read timeout/
const NOT_GOT =
  /^timeout exceeded when trying to connect|^Connection terminated due to connection timeout|^Cannot use a pool after|^Client was closed|^Queue limit reached|^Pool is closed|^Can't add new command when connection is in closed state|^The database connection is not open$|^database is not open$|^driver has already been destroyed|^Unable to acquire a connection|was called after the connection manager was closed|^Driver not Connected|^Connection is not established with|buffering timed out after/

function isKnownMessage({ message }: ErrorShape): boolean {
  const said = saidBy(message)
  return LOST.test(said) || NOT_GOT.test(said)
}

/** Prisma's validation error has neither code nor fields: the value has the wrong type, or the name does not exist. */
const OF_ANOTHER_TYPE = /Invalid value|Unable to fit|is not a valid|Provided value|invalid/i

function kindByMessage(error: ErrorShape): StoreErrorKind | undefined {
  if (error.name === 'PrismaClientValidationError')
    return OF_ANOTHER_TYPE.test(String(error.message)) ? 'malformed' : 'mistake'
  return isKnownMessage(error) ? 'connection' : undefined
}

/**
 * If the server answered with an error, nothing was done. If the connection ended without an answer, that is unknown.
 */
function isUnanswered({ name, code, message, kind: word }: ErrorShape, kind: StoreErrorKind): boolean {
  if (kind === 'ambiguous') return true
  if (kind !== 'connection' || NOT_GOT.test(saidBy(message))) return false
  return ![code, name, word].some((each) => NEVER_SENT.has(String(each)))
}
