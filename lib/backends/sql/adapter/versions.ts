import { createHash, randomInt, randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { Fragment, Fragments } from './fragments'

export type SqlVersionType = 'text' | 'bigint' | 'integer'

export type Row = Readonly<Record<string, unknown>>

export interface Versions {
  /** What has to be read to know the version, with its aliases. */
  readonly selection: readonly Fragment[]
  versionOf(row: Row): string
  /** The row still has this version. `row` is the one that had it. `undefined`: no row ever has it. */
  isStill(expected: string, row: Row | undefined): Fragment | undefined
  /** What to write, and the version that makes of the row; `undefined` where only a read can tell. */
  next(expected: string | null): {
    readonly set: ReadonlyArray<readonly [string, unknown]>
    readonly version: string | undefined
  }
  /** The condition is made of a row that has to be read before. */
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

/** What follows a version, and where a new row begins: never with one that its key has had before it was removed. */
function versionsOfType(type: SqlVersionType): (expected: string | null) => string {
  // Node has them ready; random bytes asked for one by one took a tenth of a write to SQLite.
  if (type === 'text') return () => randomUUID()
  const begin = type === 'integer' ? () => '1' : beginnings()
  return (expected) => (expected === null ? begin() : String(BigInt(expected) + 1n))
}

/**
 * The microseconds of this moment. To meet a version that its key had before, a row would have had to change a million
 * times a second. An integer has no room for that.
 */
function beginnings(): () => string {
  let latest = 0
  return () => {
    // A millisecond apart at least, in this process; chance tells processes apart.
    latest = Math.max(latest + 1000, Date.now() * 1000)
    return String(latest + randomInt(1000))
  }
}

/** For a table without a version: a hash of all columns that this adapter knows, which the WHERE then repeats. */
export function hashVersions(columns: readonly string[], { fullTextOf, isStill }: Fragments): Versions {
  const textsOf = (row: Row) => columns.map((_, index) => row[`t${index}`] as string | null)
  return {
    needsRow: true,
    selection: columns.map((column, index) => sql`${fullTextOf(column)} as ${sql.ref(`t${index}`)}`),
    versionOf: (row) =>
      createHash('sha256')
        .update(JSON.stringify(textsOf(row)))
        .digest('base64url'),
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
