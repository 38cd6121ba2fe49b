import type { SqlClient, SqlDialect } from '../client'
import type { SqlKeyType } from './keys'
import type { SqlColumnType } from './values'
import type { SqlVersionType } from './versions'

/** Where the value is, and what stands beside it. All names come from here and from nowhere else. */
export interface SqlTable {
  /** A table, or `schema.table`. */
  readonly table: string
  /**
   * The column of the key, or several. The parts of a key of several columns stand in it in this order, separated by
   * `keySeparator`; a tenant may be the first of them.
   */
  readonly key?: string | readonly string[]
  /**
   * How the key columns hold a key, one word for all or one each. `'text'` (default) as it is; `'integer'` and `'uuid'`
   * in such a column: what is none finds nothing; `'sha256'` as 64 hexadecimal digits: keys of any length fit.
   */
  readonly keyType?: SqlKeyType | readonly SqlKeyType[]
  /** Default: `/`. */
  readonly keySeparator?: string
  /** Columns that are the same for all resources of this adapter, such as a tenant. */
  readonly scope?: Readonly<Record<string, string | number>>
  /** The one column that holds the whole value as JSON, of type json, jsonb or text. Either this or `columns`. */
  readonly json?: string
  /**
   * The members of a value and their columns: names alone where both are the same, else `{ title: 'article_title' }` or
   * `{ done: { column: 'is_done', type: 'boolean' } }`. Columns that are not named stay what they are.
   */
  readonly columns?:
    | readonly string[]
    | Readonly<Record<string, string | { readonly column?: string; readonly type: SqlColumnType }>>
  /**
   * The column of the version. `'text'` (what a name alone means) holds random texts. `'bigint'` counts up from the time
   * of its creation. `'integer'` counts up from 1: a resource that is removed and made again then has versions that it
   * had before, and a client that slept through both overwrites what it never saw. Close that with `softDelete`, or by
   * making the column a bigint.
   *
   * `false`: there is none. The version is a hash of the columns, and the WHERE repeats them. Then a state that comes
   * back has the version that it had, and writing what is there already changes nothing.
   */
  readonly version?: string | { readonly column: string; readonly type: SqlVersionType } | false
  /** The column of the last change: a date (ISO 8601 text in SQLite), or milliseconds as a number. */
  readonly lastModified?: string | { readonly column: string; readonly type: 'date' | 'ms' }
  /** A removal sets this column (a date, or true) and keeps the row: clients get 410. */
  readonly softDelete?: string | { readonly column: string; readonly type: 'date' | 'boolean' }
  /**
   * Keeps what a change replaces, for `readVersion`: as JSON in a table beside this one, which no other table of
   * resources may share. A change is then several statements, in one transaction where it needs one. A removal takes the history along, unless
   * `softDelete` keeps the row.
   */
  readonly history?: SqlHistory
}

/** Where the versions that were replaced are kept, and how many. */
export interface SqlHistory {
  /** A table, or `schema.table`, made by `createTableStatements` or `addColumnStatements`. */
  readonly table: string
  /** How many versions before the current one are kept of each resource. 100 if left out. */
  readonly keepVersions?: number
}

/** A table, and the client that reaches it. */
export interface SqlAdapterOptions extends SqlTable {
  /** A Kysely instance, a pool of `pg` or `mysql2`, or a database of `better-sqlite3` or `node:sqlite`. It stays the app's. */
  readonly client: SqlClient
  /**
   * A client of a replica, which may be behind: GET and HEAD are answered from it. Whatever refuses a request or changes
   * something looks at `client`, the primary.
   */
  readonly replica?: SqlClient
  /** For a Kysely instance with a dialect of its own. */
  readonly dialect?: SqlDialect
  /** The database gives keys (serial, identity, AUTO_INCREMENT, a default): the adapter then has `create`. */
  readonly generatedKeys?: boolean
  /** The clock behind `lastModified`, in milliseconds. */
  readonly now?: () => number
}
