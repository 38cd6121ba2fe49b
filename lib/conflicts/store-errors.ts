import { CODES, MONGO, MYSQL, NAMES, NEVER_SENT, SQLITE, SQLSTATES, type StoreErrorKind } from './store-error-codes'

export type { StoreErrorKind }

/** What an error of a database client or ORM says, without its text. */
export interface StoreError {
  readonly kind: StoreErrorKind
  /** The name of the constraint, index or columns that the server gave. For configuration and logs, not for clients. */
  readonly constraint?: string | undefined
  /** Whether what was sent may have been carried out. */
  readonly applied: 'no' | 'unknown'
}

/**
 * Recognises by shape what pg, mysql2, better-sqlite3 and node:sqlite throw, and what Prisma, Knex, Kysely, Drizzle,
 * TypeORM, Sequelize, MikroORM and Mongoose make of it. `undefined`: not an error of a database.
 *
 * ORMs wrap the driver's error, and the driver knows best: the innermost that is recognised counts.
 */
export function recogniseStoreError(error: unknown): StoreError | undefined {
  return recognised(error, 0)
}

/** Wrappers wrap wrappers: storeFault around an ORM around a driver, and a cause may lead back to itself. */
const DEEPEST = 8

function recognised(error: unknown, depth: number): StoreError | undefined {
  if (typeof error !== 'object' || error === null || depth > DEEPEST) return undefined
  const shape = error as ErrorShape
  for (const inner of innerErrors(shape)) {
    const found = recognised(inner, depth + 1)
    if (found) return found
  }
  const kind = kindOf(shape)
  return kind && { kind, constraint: constraintOf(shape), applied: isUnanswered(shape) ? 'unknown' : 'no' }
}

/** What is looked at. Nothing of it is certain to be there. */
interface ErrorShape {
  readonly name?: unknown
  readonly message?: unknown
  readonly code?: unknown
  readonly errno?: unknown
  readonly errcode?: unknown
  readonly severity?: unknown
  readonly sqlState?: unknown
  readonly constraint?: unknown
  readonly column?: unknown
  readonly keyPattern?: unknown
  readonly meta?: { readonly target?: unknown; readonly driverAdapterError?: unknown; readonly field_name?: unknown }
  readonly cause?: unknown
  readonly driverError?: unknown
  readonly parent?: unknown
  readonly previous?: unknown
  readonly errors?: unknown
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

function kindOf(error: ErrorShape): StoreErrorKind | undefined {
  const { name, code, errno, errcode, sqlState } = error
  if (typeof name === 'string' && Object.hasOwn(NAMES, name)) return NAMES[name]
  // First: mysql2 has no word in `code` for what MariaDB alone says.
  if (typeof errno === 'number' && typeof sqlState === 'string') return MYSQL[errno] ?? 'refused'
  // pg has no code for a connection that ended, nor pg-pool for one that it could not get in time.
  if (typeof code !== 'string') return typeof code === 'number' && isMongo(error) ? MONGO[code] : lostByMessage(error)
  if (code === 'ERR_SQLITE_ERROR' && typeof errcode === 'number')
    return SQLITE[errcode] ?? SQLITE[errcode & 0xff] ?? 'refused'
  if (Object.hasOwn(CODES, code)) return CODES[code]
  if (code.startsWith('SQLITE_')) return sqliteClass(code)
  if (!/^[0-9A-Z]{5}$/.test(code) || error.severity === undefined) return undefined
  return SQLSTATES[code] ?? SQLSTATES[code.slice(0, 2)] ?? 'refused'
}

function sqliteClass(code: string): StoreErrorKind {
  if (/^SQLITE_(CONSTRAINT|TOOBIG|MISMATCH)/.test(code)) return 'check'
  return /^SQLITE_(BUSY|LOCKED)/.test(code) ? 'busy' : 'refused'
}

function isMongo({ name }: ErrorShape): boolean {
  return typeof name === 'string' && name.startsWith('Mongo')
}

const LOST = /^Connection terminated|^Client has encountered a connection error|^Query read timeout/
const NOT_GOT =
  /^timeout exceeded when trying to connect|^Connection terminated due to connection timeout|^Cannot use a pool after/

function lostByMessage({ message }: ErrorShape): StoreErrorKind | undefined {
  const said = saidBy(message)
  return LOST.test(said) || NOT_GOT.test(said) ? 'connection' : undefined
}

/** What the driver said: Knex and MikroORM put the statement in front of it. */
function saidBy(message: unknown): string {
  return typeof message === 'string' ? message.slice(message.lastIndexOf(' - ') + 1).replace(/^- /, '') : ''
}

/** A server that answered has not done it. A connection that ended, in whatever way, leaves it open. */
function isUnanswered(error: ErrorShape): boolean {
  const { name, code, message } = error
  if (kindOf(error) !== 'connection') return false
  if (typeof code === 'string') return !NEVER_SENT.has(code)
  return !(NEVER_SENT.has(String(name)) || NOT_GOT.test(saidBy(message)))
}

/** A name where the server gives one, else the columns as SQLite and Prisma list them: `articles.tenant, articles.slug`. */
function constraintOf({ constraint, column, message, meta, keyPattern }: ErrorShape): string | undefined {
  if (typeof constraint === 'string') return constraint
  // NOT NULL has no name in PostgreSQL.
  if (typeof column === 'string') return column
  if (keyPattern && typeof keyPattern === 'object') return Object.keys(keyPattern).join(', ')
  const target = meta?.target ?? meta?.field_name ?? prismaFields(meta?.driverAdapterError)
  if (Array.isArray(target)) return target.join(', ')
  if (typeof target === 'string') return target
  if (typeof message !== 'string') return undefined
  return CONSTRAINT_IN_TEXT.map((pattern) => pattern.exec(message)?.[1]).find((name) => name !== undefined)
}

/** Prisma 7 over a driver adapter: `meta.driverAdapterError.cause.constraint`. */
function prismaFields(driverAdapterError: unknown): unknown {
  const { cause } = (driverAdapterError ?? {}) as { cause?: { constraint?: { fields?: unknown; index?: unknown } } }
  return cause?.constraint?.fields ?? cause?.constraint?.index
}

/**
 * MySQL and SQLite name it in the text alone. The value of a duplicate entry stands in front of the key and is the
 * client's: the last quoted word counts.
 */
const CONSTRAINT_IN_TEXT = [
  /^Duplicate entry '[\s\S]*' for key '([^']+)'$/,
  /CONSTRAINT `([^`]+)` FOREIGN KEY/,
  /^Check constraint '([^']+)' is violated/,
  /^CONSTRAINT `([^`]+)` failed/,
  /^Column '([^']+)' cannot be null$/,
  / for column (?:`[^`]+`\.`[^`]+`\.)?['`]([^'`]+)['`] at row \d+$/,
  // An index over an expression is named in words.
  /^UNIQUE constraint failed: index '([^']+)'$/,
  /^(?:UNIQUE|CHECK|NOT NULL) constraint failed: ([\s\S]+)$/,
]
