import type { SqlClient, SqlDialect } from '../client'
import type { SqlColumnType } from './column-content'
import type { SqlKeyType } from './keys'
import type { SqlVersionType } from './versions'

/** The table, and what its columns hold. Names in statements come only from these options. */
export interface SqlTable {
  /** A table, or `schema.table`. */
  readonly table: string
  /**
   * The column of the key, or several columns. The key then consists of their values in this order, joined by
   * `keySeparator`. The first one may be a tenant. Default: `id`.
   */
  readonly key?: string | readonly string[]
  /**
   * How the key columns hold a key: one word for all columns, or one for each. `'text'` (default): as it is.
   * `'integer'` and `'uuid'`: in a column of that type; a key of another form is not found. `'sha256'`: as 64
   * hexadecimal digits, so that keys of any length fit.
   */
  readonly keyType?: SqlKeyType | readonly SqlKeyType[]
  /** Default: `/`. */
  readonly keySeparator?: string
  /** Columns with the same value in all rows of this adapter, such as a tenant. */
  readonly scope?: Readonly<Record<string, string | number>>
  /** The one column that holds the whole value as JSON, of type json, jsonb or text. Either this or `columns`. */
  readonly json?: string
  /**
   * The members of a value and their columns: a list of names if both have the same name, else `{ title:
   * 'article_title' }` or `{ done: { column: 'is_done', type: 'boolean' } }`. Other columns are left as they are.
   */
  readonly columns?:
    | readonly string[]
    | Readonly<Record<string, string | { readonly column?: string; readonly type: SqlColumnType }>>
  /**
   * The column of the version. `'text'` (the default for a plain name) holds random texts. `'bigint'` counts up from
   * the time of creation. `'integer'` counts up from 1: a resource that is removed and created again then has versions
   * that it had before, and a client that missed both overwrites what it never saw. Prevent that with `softDelete`, or
   * make the column a bigint.
   *
   * `false`: there is no such column. The version is a hash of the columns, and the WHERE compares all of them. A state
   * that comes back then has its old version, and writing the stored value again changes nothing.
   */
  readonly version?: string | { readonly column: string; readonly type: SqlVersionType } | false
  /** The column with the time of the last change: a date (ISO 8601 text in SQLite), or milliseconds as a number. */
  readonly lastModified?: string | { readonly column: string; readonly type: 'date' | 'ms' }
  /** A removal sets this column (to a date, or to true) and keeps the row. Clients then get 410. */
  readonly softDelete?: string | { readonly column: string; readonly type: 'date' | 'boolean' }
  /**
   * Keeps replaced versions for `readVersion`, as JSON in a table of their own, which no other table of resources may
   * share. A change then takes several statements, in one transaction where it needs one. A removal also removes the
   * history, unless `softDelete` keeps the row.
   */
  readonly history?: SqlHistory
}

/** Where replaced versions are kept, and how many. */
export interface SqlHistory {
  /** A table, or `schema.table`, made by `createTableStatements` or `addColumnStatements`. */
  readonly table: string
  /** How many versions before the current one are kept for each resource. Default: 100. */
  readonly keepVersions?: number
}

/** A table, and the client that reaches it. */
export interface SqlAdapterOptions extends SqlTable {
  /** A Kysely instance, a pool of `pg` or `mysql2`, or a database of `better-sqlite3` or `node:sqlite`. It stays the app's. */
  readonly client: SqlClient
  /**
   * A client of a replica, which may lag behind. GET and HEAD are answered from it. Everything that refuses or changes
   * something uses `client`, the primary.
   */
  readonly replica?: SqlClient
  /** The dialect of the client, for a Kysely instance with a custom dialect. */
  readonly dialect?: SqlDialect
  /** The database generates keys (serial, identity, AUTO_INCREMENT, a default): the adapter then has `create`. */
  readonly generatedKeys?: boolean
  /** The clock behind `lastModified`, in milliseconds. */
  readonly now?: () => number
}
