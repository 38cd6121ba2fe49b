import { randomInt, randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { sha256 } from '../../../json/sha256'
import type { Fragment, Fragments } from './fragments'

export type SqlVersionType = 'text' | 'bigint' | 'integer'

export type Row = Readonly<Record<string, unknown>>

export interface Versions {
  /** What to select in order to know the version, with aliases. */
  readonly selection: readonly Fragment[]
  versionOf(row: Row): string
  /**
   * A condition: the row still has this version. `row` is the row that was read, if `needsRow`. `undefined`: no row can
   * have this version.
   */
  isStill(expected: string, row: Row | undefined): Fragment | undefined
  /** What to write, and the version that the row then has; `undefined` if only a read can tell. */
  next(expected: string | null): {
    readonly set: ReadonlyArray<readonly [string, unknown]>
    readonly version: string | undefined
  }
  /** `isStill` is made from the row, so the row has to be read first. */
  readonly needsRow: boolean
}

export function columnVersions(column: string, type: SqlVersionType, fragments: Fragments): Versions {
  const { textOf, isExactly, nameOf } = fragments
  const following = versionsOfType(type)
  return {
    needsRow: false,
    selection: [sql`${textOf(column)} as ${sql.ref('version')}`],
    versionOf({ version }) {
      if (typeof version === 'string') return version
      throw new TypeError(`sqlAdapter(): a row has no version, "${column}" is NULL; make the column NOT NULL.`)
    },
    isStill: (expected) => (type !== 'text' && !INTEGER.test(expected) ? undefined : isExactly(column, expected)),
    next(expected) {
      const version = following(expected)
      const isCounted = type !== 'text' && expected !== null
      return { set: [[column, isCounted ? sql`${nameOf(column)} + 1` : version]], version }
    },
  }
}

const INTEGER = /^(?:0|-?[1-9]\d{0,18})$/

/**
 * The version after `expected`, or the first version of a new row. A key that was removed does not get an old version
 * again, unless the type is `integer`.
 */
function versionsOfType(type: SqlVersionType): (expected: string | null) => string {
  // Node keeps random UUIDs ready. To ask for random bytes one call at a time took a tenth of a write to SQLite.
  if (type === 'text') return () => randomUUID()
  const begin = type === 'integer' ? () => '1' : beginnings()
  return (expected) => (expected === null ? begin() : String(BigInt(expected) + 1n))
}

/**
 * Begins at the current time in microseconds. To reach a version that a later row of its key begins with, a row would
 * have to change a million times a second. An integer column is too small for this.
 */
function beginnings(): () => string {
  let latest = 0
  return () => {
    // In one process, two of them are at least a millisecond apart. Chance keeps those of several processes apart.
    latest = Math.max(latest + 1000, Date.now() * 1000)
    return String(latest + randomInt(1000))
  }
}

/** For a table without a version: a hash of all columns that this adapter knows. The WHERE compares these columns. */
export function hashVersions(columns: readonly string[], { fullTextOf, isStill }: Fragments): Versions {
  const textsOf = (row: Row) => columns.map((_, index) => row[`t${index}`] as string | null)
  return {
    needsRow: true,
    selection: columns.map((column, index) => sql`${fullTextOf(column)} as ${sql.ref(`t${index}`)}`),
    versionOf: (row) => sha256(JSON.stringify(textsOf(row)), 'base64url'),
    isStill(_, row) {
      if (!row) return undefined
      const texts = textsOf(row)
      return sql.join(
        columns.map((column, index) => isStill(column, texts[index] ?? null)),
        sql` and `,
      )
    },
    next: () => ({ set: [], version: undefined }),
  }
}
