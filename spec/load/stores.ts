import { join } from 'node:path'
import type { ResourceAdapter } from '../../lib/contracts/adapter'
import { ownPgbouncer } from '../backends/sql/own-pgbouncer'
import { type OwnDatabase, ownDatabase } from './own-databases'

export interface Counter {
  readonly count: number
  /** Names the write that made it; no two writes have the same. */
  readonly last: string
}

/** What is put to the proof: how a store of its own comes about, and how a process opens it. */
interface Store {
  /** Its server, where it has one. `folder` is empty. */
  server?(folder: string): Promise<OwnDatabase>
  /** Where it is, for `open`: behind a proxy that is another port than the server's. */
  at(folder: string, port: number): string
  /** Makes the table, in a process that is not one of the contenders. */
  prepare?(at: string): Promise<void>
  open(at: string): ResourceAdapter<Counter>
}

/** How PostgreSQL is set up, for bench/load/prove.js. The processes of a trial inherit it. */
interface PostgresSettings {
  /** Connections a process. */
  readonly pool?: number
  /** What `alter system` sets. */
  readonly server?: Readonly<Record<string, string>>
  /** With pgbouncer in transaction mode in front. */
  readonly pgbouncer?: boolean
}

const settings: PostgresSettings = JSON.parse(process.env.CONFLICT_PROVE_POSTGRES ?? '{}')

const TABLE = { table: 'counters', json: 'value', lastModified: 'modified' }
const CONNECTIONS = 4

const sqlite: Store = {
  at: (folder) => join(folder, 'counters.db'),
  async prepare(at) {
    const { createTableStatements } = await import('../../lib/backends/sql')
    const database = sqliteAt(at)
    database.pragma('journal_mode = WAL')
    for (const statement of createTableStatements('sqlite', TABLE)) database.exec(statement)
    database.close()
  },
  open: (at) => sqlAdapterOver(sqliteAt(at)),
}

const postgres: Store = {
  async server(folder) {
    const database = await ownDatabase('postgres', folder)
    if (!settings.pgbouncer) return database
    const { url, stop } = await ownPgbouncer(`postgres://postgres@127.0.0.1:${database.port}/postgres`, CONNECTIONS)
    return { ...database, port: Number(new URL(url).port), end: stop }
  },
  at: (_, port) => `postgres://postgres@127.0.0.1:${port}/postgres`,
  async prepare(at) {
    const { createTableStatements } = await import('../../lib/backends/sql')
    const pool = postgresPool(at)
    for (const statement of createTableStatements('postgres', TABLE)) await whenReady(() => pool.query(statement))
    for (const [name, value] of Object.entries(settings.server ?? {}))
      await pool.query(`alter system set ${name} = '${value}'`)
    await pool.query('select pg_reload_conf()')
    await pool.end()
  },
  open: (at) => sqlAdapterOver(postgresPool(at)),
}

const mariadb: Store = {
  server: (folder) => ownDatabase('mariadb', folder),
  at: (_, port) => `mysql://root@127.0.0.1:${port}/counters`,
  async prepare(at) {
    const { createTableStatements } = await import('../../lib/backends/sql')
    const { createPool } = await import('mysql2/promise')
    const anywhere = createPool(at.replace(/\/counters$/, '/mysql'))
    await whenReady(() => anywhere.query('create database counters'))
    await anywhere.end()
    const pool = createPool(at)
    for (const statement of createTableStatements('mysql', TABLE)) await pool.query(statement)
    await pool.end()
  },
  open(at) {
    const { createPool } = require('mysql2') as typeof import('mysql2')
    return sqlAdapterOver(createPool({ uri: at, connectionLimit: CONNECTIONS }))
  },
}

const redis: Store = {
  server: (folder) => ownDatabase('redis', folder),
  at: (_, port) => `redis://127.0.0.1:${port}`,
  open: (at) => redisAdapterOver(at, {}),
}

/** Its client does not send a command again when the connection ends: then the app is told that the outcome is unknown. */
const strictRedis: Store = { ...redis, open: (at) => redisAdapterOver(at, { autoResendUnfulfilledCommands: false }) }

/** Acknowledges what it keeps in memory alone: what a setting can take away from any adapter. */
const forgetfulRedis: Store = { ...redis, server: (folder) => ownDatabase('forgetfulRedis', folder) }

const file: Store = {
  at: (folder) => join(folder, 'files'),
  open(at) {
    const { fileAdapter } = require('../../lib/backends/file') as typeof import('../../lib/backends/file')
    return fileAdapter<Counter>({ folder: at })
  },
}

export const STORES = { sqlite, postgres, mariadb, redis, file, strictRedis, forgetfulRedis }

export type StoreName = keyof typeof STORES

function sqlAdapterOver(client: import('../../lib/backends/sql').SqlClient): ResourceAdapter<Counter> {
  const { sqlAdapter } = require('../../lib/backends/sql') as typeof import('../../lib/backends/sql')
  return sqlAdapter<Counter>({ client, ...TABLE })
}

function redisAdapterOver(at: string, more: { autoResendUnfulfilledCommands?: false }): ResourceAdapter<Counter> {
  const { Redis } = require('ioredis') as typeof import('ioredis')
  const { redisAdapter } = require('../../lib/backends/redis') as typeof import('../../lib/backends/redis')
  const settings = { enableOfflineQueue: false, maxRetriesPerRequest: 0, retryStrategy: () => 50, ...more }
  const client = new Redis(at, settings)
  client.on('error', () => {})
  return redisAdapter({ client, prefix: 'counters' })
}

function sqliteAt(at: string) {
  return new (require('better-sqlite3'))(at)
}

function postgresPool(at: string) {
  const { Pool } = require('pg') as typeof import('pg')
  const pool = new Pool({ connectionString: at, max: settings.pool ?? CONNECTIONS })
  // A connection that ends while it is idle is news for the pool alone.
  pool.on('error', () => {})
  return pool
}

/** It listens a moment before it answers. */
async function whenReady(call: () => Promise<unknown>): Promise<void> {
  for (const until = Date.now() + 20_000; ; ) {
    try {
      await call()
      return
    } catch (error) {
      if (Date.now() > until) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}
