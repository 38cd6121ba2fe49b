/** The members of an error that we read. Any of them may be missing. */
export interface ErrorShape {
  readonly name?: unknown
  readonly message?: unknown
  readonly code?: unknown
  readonly errno?: unknown
  readonly errcode?: unknown
  readonly severity?: unknown
  readonly routine?: unknown
  readonly sqlState?: unknown
  readonly constraint?: unknown
  readonly column?: unknown
  readonly keyPattern?: unknown
  readonly path?: unknown
  /** Set by Prisma's driver adapters. */
  readonly kind?: unknown
  readonly state?: unknown
  readonly originalCode?: unknown
  readonly extendedCode?: unknown
  readonly meta?: {
    readonly target?: unknown
    readonly driverAdapterError?: unknown
    readonly field_name?: unknown
    readonly column_name?: unknown
    readonly constraint?: unknown
  }
  readonly cause?: unknown
  readonly driverError?: unknown
  readonly parent?: unknown
  readonly previous?: unknown
  readonly errors?: unknown
}

/**
 * The driver's own message, without the statement that Knex and MikroORM put in front, and without the code of sqlite3.
 */
export function saidBy(message: unknown): string {
  if (typeof message !== 'string') return ''
  return message
    .slice(message.lastIndexOf(' - ') + 1)
    .replace(/^- /, '')
    .replace(/^SQLITE_[A-Z_]+: /, '')
}

/**
 * The constraint's name if the server reports it, else the columns as SQLite and Prisma list them: `articles.tenant,
 * articles.slug`.
 */
export function constraintOf({ constraint, column, message, meta, keyPattern }: ErrorShape): string | undefined {
  if (typeof constraint === 'string') return constraint
  const named = namedBy(constraint)
  if (named !== undefined) return named
  // In PostgreSQL a NOT NULL constraint has no name.
  if (typeof column === 'string') return column
  if (keyPattern && typeof keyPattern === 'object') return Object.keys(keyPattern).join(', ')
  const { cause } = Object(meta?.driverAdapterError) as { cause?: { constraint?: unknown } }
  const target = meta?.target ?? meta?.field_name ?? meta?.column_name ?? meta?.constraint ?? namedBy(cause?.constraint)
  if (Array.isArray(target)) return target.join(', ')
  if (typeof target === 'string') return target
  if (typeof message !== 'string') return undefined
  const said = message.replace(/^SQLITE_[A-Z_]+: /, '')
  return CONSTRAINT_IN_TEXT.map((pattern) => pattern.exec(said)?.[1]).find((name) => name !== undefined)
}

/** Prisma's driver adapters: `{ fields }` or `{ index }`. */
function namedBy(constraint: unknown): string | undefined {
  const { fields, index } = Object(constraint) as { fields?: unknown; index?: unknown }
  if (Array.isArray(fields)) return fields.join(', ')
  return typeof index === 'string' ? index : undefined
}

/**
 * MySQL and SQLite name the constraint only in the message. In front of it stands the duplicate value, which a client
 * chose, so only the last quoted word counts.
 */
const CONSTRAINT_IN_TEXT = [
  /^Duplicate entry '[\s\S]*' for key '([^']+)'$/,
  /CONSTRAINT `([^`]+)` FOREIGN KEY/,
  /^Check constraint '([^']+)' is violated/,
  /^CONSTRAINT `([^`]+)` failed/,
  /^Column '([^']+)' cannot be null$/,
  /^Field '([^']+)' doesn't have a default value$/,
  / for column (?:`[^`]+`\.`[^`]+`\.)?['`]([^'`]+)['`] at row \d+$/,
  // SQLite names an index over an expression in words.
  /^UNIQUE constraint failed: index '([^']+)'$/,
  /^(?:UNIQUE|CHECK|NOT NULL) constraint failed: ([\s\S]+)$/,
  // A STRICT table of SQLite.
  /^cannot store \w+ value in \w+ column ([^\s]+)$/,
]

/** By code or class: what the app's owner can do about a statement that the database cannot carry out. */
const MENDS: ReadonlyArray<readonly [codes: RegExp, mend: string]> = [
  [
    /^(?:42P01|42703|3D000|3F000|42883|1049|1054|1146|P1003|P2021|P2022)$/,
    'a table, column or function is missing; run the migrations, or correct the name',
  ],
  [
    /^(?:42501|28...|0P000|1044|1045|1130|1142|1143|1227|1370|P1000|P1010)$/,
    'the user of the database may not do this; grant the privilege, or correct the user and password',
  ],
  [
    /^(?:26000|42P05)$/,
    'a prepared statement is not there, or twice, on this connection; a pooler between needs statements without a name',
  ],
  [/^42P10$/, 'the key has no unique index; add one over the columns of scope and key'],
  [/^0A000$/, 'the table does not take this statement; a rule without RETURNING may stand in its way'],
  [/^25P02$/, 'a statement before it failed and ended the transaction; let its error through'],
]

/** What to fix, with the error code, for a log. It quotes neither values nor SQL. */
export function mendOf(error: unknown): string {
  const codes = codesOf(error)
  const mend = MENDS.find(([pattern]) => codes.some((code) => pattern.test(code)))?.[1]
  return `${mend ?? 'the statement cannot be carried out as it is; the cause says why'} (${codes[0] ?? 'no code'})`
}

function codesOf(error: unknown): string[] {
  const codes: string[] = []
  let next = error as ErrorShape | undefined
  for (let depth = 0; typeof next === 'object' && next !== null && depth < 8; depth++) {
    const { errno, cause, driverError, parent, previous, meta } = next
    const code = next.code ?? next.originalCode
    if (typeof errno === 'number' && errno > 0) codes.unshift(String(errno))
    else if (typeof code === 'string') codes.unshift(code)
    next = (cause ?? driverError ?? parent ?? previous ?? meta?.driverAdapterError) as ErrorShape | undefined
  }
  return codes
}
