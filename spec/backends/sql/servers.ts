import { createPool } from 'mysql2'
import { Pool } from 'pg'
import type { SqlClient, SqlDialect } from '../../../lib/backends/sql'
import type { ServiceName } from '../../services'

/** A connection of a spec's own to one of the three. */
export interface Opened {
  readonly client: SqlClient
  run(statement: string): Promise<unknown>
  close(): Promise<void>
}

export interface SqlServer {
  readonly service: ServiceName
  readonly dialect: SqlDialect
  /** `most`: how many connections it may make. */
  open(url: string, most?: number): Opened
  /** A client whose server is not there. */
  readonly closed: () => Opened
  /** A type for keys that tells all of them apart, its default where the database has to give one, and for JSON. */
  readonly types: { readonly key: string; readonly ownKey: string; readonly json: string; readonly date: string }
}

const postgres: SqlServer = {
  service: 'PostgreSQL',
  dialect: 'postgres',
  open(url, max = 4) {
    const pool = new Pool({ connectionString: url, max })
    // A connection that ends while it is idle is news for the pool, not for a spec.
    pool.on('error', () => {})
    return { client: pool, run: (statement) => pool.query(statement), close: () => pool.end() }
  },
  closed: () => postgres.open('postgres://postgres@127.0.0.1:1/test'),
  types: {
    key: 'text',
    ownKey: 'text default gen_random_uuid()::text',
    json: 'json',
    date: 'timestamptz(3)',
  },
}

const mysql: SqlServer = {
  service: 'MariaDB',
  dialect: 'mysql',
  open(url, connectionLimit = 4) {
    const pool = createPool({ uri: url, connectionLimit })
    return { client: pool, run: (statement) => pool.promise().query(statement), close: () => pool.promise().end() }
  },
  closed: () => mysql.open('mysql://root@127.0.0.1:1/test'),
  types: { key: 'varbinary(1100)', ownKey: 'varbinary(1100)', json: 'longtext', date: 'datetime(3)' },
}

const sqlite: SqlServer = {
  service: 'SQLite',
  dialect: 'sqlite',
  open(url) {
    // Not every machine could build it: loaded only where the look-up found it.
    const Database = require('better-sqlite3')
    const database = new Database(url)
    database.pragma('journal_mode = WAL')
    // Two connections of one process: who waits in SQLite keeps the other from ever going on.
    database.pragma('busy_timeout = 0')
    return {
      client: database,
      run: async (statement) => database.exec(statement),
      close: async () => database.close(),
    }
  },
  closed: () => {
    const opened = sqlite.open(':memory:')
    void opened.close()
    return opened
  },
  types: { key: 'text', ownKey: 'text default (lower(hex(randomblob(16))))', json: 'text', date: 'text' },
}

export const SQL_SERVERS: readonly SqlServer[] = [postgres, mysql, sqlite]
