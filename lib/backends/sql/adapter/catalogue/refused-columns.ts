import { recogniseStoreError } from '../../../../conflicts/store-errors'
import type { SqlDialect } from '../../client'
import type { Constraints } from './constraints'
import type { Column } from './usable-types'

/** What is known about the table that a statement wrote to. */
export interface RefusingTable {
  readonly constraints: Constraints
  readonly columns: ReadonlyMap<string, Column>
  /** No trigger and no view: only this table can have refused what was written to it. */
  readonly isAlone: boolean
}

/** What was to be written. */
export type Contents = ReadonlyArray<readonly [column: string, content: unknown]>

/**
 * The columns that caused an INSERT or UPDATE to be refused, as far as the error and the catalogue tell. None if the
 * error may be about another table, to which a trigger wrote.
 */
export function refusedColumns(
  error: unknown,
  table: RefusingTable,
  contents: Contents,
  dialect: SqlDialect,
): readonly string[] {
  const kind = recogniseStoreError(error)?.kind
  if (kind === undefined || !KINDS.has(kind)) return []
  return { postgres, mysql, sqlite }[dialect](error as DriverError, table, contents)
}

const KINDS = new Set(['unique', 'reference', 'check', 'malformed'])

/** The members of an error of pg. For mysql2 and better-sqlite3, only the message is of use. */
interface DriverError {
  readonly code?: unknown
  readonly message?: unknown
  readonly schema?: unknown
  readonly table?: unknown
  readonly column?: unknown
  readonly constraint?: unknown
  readonly detail?: unknown
}

function postgres(error: DriverError, { constraints, columns }: RefusingTable, contents: Contents): readonly string[] {
  const { code, schema, table, column, constraint, detail } = error
  if (table === undefined) return typeof code === 'string' && code.startsWith('22') ? unfitting(contents, columns) : []
  if (!constraints.isOwn(table, schema)) return []
  if (typeof column === 'string') return [column]
  const found = constraints.columnsOf(constraint, table, schema)
  // If others refer to the row, the error names the table that refers, which may be the same one. The columns tell the
  // two cases apart.
  if (code !== '23503') return found
  const [, said = ''] = /\(([^()]+)\)=\(/.exec(String(detail)) ?? []
  return found.length > 0 && sameNames(found, said.split(', ')) ? found : []
}

function sameNames(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((name) => others.includes(name))
}

/** PostgreSQL does not name the column, but the catalogue knows how long a text and how large a number may be. */
function unfitting(contents: Contents, columns: ReadonlyMap<string, Column>): readonly string[] {
  return contents.flatMap(([name, content]) => {
    const type = columns.get(name)?.full
    const isPlain = typeof content === 'string' || typeof content === 'number'
    return type !== undefined && isPlain && !fits(String(content), type) ? [name] : []
  })
}

const MOST: Readonly<Record<string, bigint>> = { smallint: 2n ** 15n, integer: 2n ** 31n, bigint: 2n ** 63n }
const UUID = /^\{?(?:[0-9a-f]{4}-?){8}\}?$/i

function fits(text: string, type: string): boolean {
  const [, base = type, first, second = '0'] = /^([a-z ]+)\((\d+)(?:,(\d+))?\)$/.exec(type) ?? []
  const most = MOST[base]
  if (most !== undefined) {
    const trimmed = text.trim()
    return (
      /^[+-]?\d+$/.test(trimmed) && BigInt(trimmed.replace('+', '')) < most && BigInt(trimmed.replace('+', '')) >= -most
    )
  }
  if (base === 'uuid') return UUID.test(text)
  if (base === 'numeric' && first !== undefined) return Math.abs(Number(text)) < 10 ** (Number(first) - Number(second))
  // PostgreSQL cuts off surplus blanks at the end.
  if (base.startsWith('character') && first !== undefined) return [...text.replace(/ +$/, '')].length <= Number(first)
  return true
}

const FOREIGN_KEY = /\(`([^`]+)`\.`([^`]+)`, CONSTRAINT `[^`]+` FOREIGN KEY \(`([^)]+)`\)/
const CHECK = /^CONSTRAINT `(?:[^`.]+\.)?([^`]+)` failed for `([^`]+)`\.`([^`]+)`/
/** Matched at the end of the message, because the value in front of it comes from the client. */
const COLUMN_OF_TABLE = / for column `([^`]+)`\.`([^`]+)`\.`([^`]+)` at row \d+$/
const COLUMN = /^(?:Column|Field) '([^']+)' (?:cannot be null|doesn't have)| for column '([^']+)' at row \d+$/
const NAME = /^Check constraint '([^']+)' is violated|^Duplicate entry '[\s\S]*' for key '(?:[^'.]+\.)?([^'.]+)'$/

function mysql({ message }: DriverError, { constraints, isAlone }: RefusingTable): readonly string[] {
  const said = String(message)
  const [, fromSchema, fromTable, references] = said.startsWith('Cannot add') ? (FOREIGN_KEY.exec(said) ?? []) : []
  if (references !== undefined) return constraints.isOwn(fromTable, fromSchema) ? references.split('`, `') : []
  const [, check, ofSchema, ofTable] = CHECK.exec(said) ?? []
  if (check !== undefined) return constraints.isOwn(ofTable, ofSchema) ? constraints.columnsOf(check) : []
  const [, schema, table, columnThere] = COLUMN_OF_TABLE.exec(said) ?? []
  if (columnThere !== undefined) return constraints.isOwn(table, schema) ? [columnThere] : []
  if (!isAlone) return []
  const column = COLUMN.exec(said)?.slice(1).find(Boolean)
  return column === undefined ? constraints.columnsOf(NAME.exec(said)?.slice(1).find(Boolean)) : [column]
}

const SQLITE_COLUMNS =
  /^(?:UNIQUE|NOT NULL) constraint failed: ((?!index ')[\s\S]+)$|^cannot store \w+ value in \w+ column (\S+)$/

function sqlite({ message }: DriverError, { constraints, isAlone }: RefusingTable): readonly string[] {
  const said = String(message)
  const places = SQLITE_COLUMNS.exec(said)?.slice(1).find(Boolean)?.split(', ') ?? []
  const named = places.map((place) => [place.slice(0, place.lastIndexOf('.')), place.slice(place.lastIndexOf('.') + 1)])
  if (named.length > 0) return named.flatMap(([table, column = '']) => (constraints.isOwn(table) ? [column] : []))
  if (!isAlone) return []
  const [, index, check] =
    /^UNIQUE constraint failed: index '([^']+)'$|^CHECK constraint failed: ([\s\S]+)$/.exec(said) ?? []
  const columns = constraints.columnsOf(index ?? check)
  // A check without a name is called by its expression.
  return columns.length === 0 && check !== undefined ? constraints.columnsIn(check) : columns
}
