import { appendFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { honorIdempotencyKey, resourceRouter, respondToConflicts } from '../../lib'
import type { SqlClient } from '../../lib/backends/sql'
import type { ExpiringStore } from '../../lib/contracts/store'

/** A process of its own that serves payments, and notes in transactions where its store is a database. */
export interface WorkerOptions {
  readonly service: 'memory' | 'redis' | 'postgres' | 'mysql' | 'sqlite' | 'file'
  readonly at: string
  /** A prefix, or the name of a table. */
  readonly name: string
  /** Each run of the handler appends a line. */
  readonly file: string
  /** Kills itself at this step: before a statement is sent, or when its result is there. */
  readonly dieAt?: number
}

const options = JSON.parse(process.argv[2] ?? '{}') as WorkerOptions
let steps = 0

function step(): void {
  if (steps++ === options.dieAt) process.kill(process.pid, 'SIGKILL')
}

function stepping<A extends unknown[]>(call: (...args: A) => unknown): (...args: A) => unknown {
  return function (this: unknown, ...args: A) {
    step()
    const result = call.apply(this, args)
    if (!(result instanceof Promise)) {
      step()
      return result
    }
    return result.then((value) => {
      step()
      return value
    })
  }
}

function clientOf({ service, at }: WorkerOptions): SqlClient {
  if (service === 'postgres') {
    const { Client, Pool } = require('pg') as typeof import('pg')
    if (options.dieAt !== undefined) Client.prototype.query = stepping(Client.prototype.query as never) as never
    return new Pool({ connectionString: at, max: 4 })
  }
  if (service === 'mysql')
    return (require('mysql2') as typeof import('mysql2')).createPool({ uri: at, connectionLimit: 4 })
  const Database = require('better-sqlite3')
  const database = new Database(at, { timeout: 20_000 })
  database.pragma('journal_mode = WAL')
  if (options.dieAt === undefined) return database
  const prepare = database.prepare.bind(database)
  database.prepare = (text: string) => {
    const statement = prepare(text)
    for (const method of ['run', 'all']) statement[method] = stepping(statement[method].bind(statement))
    return statement
  }
  return database
}

function storeOf({ service, at, name }: WorkerOptions): ExpiringStore {
  if (service === 'memory') return (require('../../lib') as typeof import('../../lib')).memoryStore()
  if (service === 'redis') {
    const { Redis } = require('ioredis') as typeof import('ioredis')
    const { redisStore } = require('../../lib/backends/redis') as typeof import('../../lib/backends/redis')
    return redisStore({ client: new Redis(at), prefix: name })
  }
  if (service === 'file') {
    const { fileStore } = require('../../lib/backends/file') as typeof import('../../lib/backends/file')
    return fileStore({ folder: at })
  }
  const { sqlStore } = require('../../lib/backends/sql') as typeof import('../../lib/backends/sql')
  return sqlStore({ client, table: `${name}_records` })
}

const isSql = options.service === 'postgres' || options.service === 'mysql' || options.service === 'sqlite'
const client = isSql ? clientOf(options) : (undefined as never)
const idempotency = { store: storeOf(options), scope: () => 'all' }
const app = express()
app.use(express.json())

app.post('/payments', honorIdempotencyKey({ name: 'payment', idempotency }), async (_req, res) => {
  appendFileSync(options.file, `${process.pid}\n`)
  await new Promise((resolve) => setTimeout(resolve, 20))
  res.status(201).json({ by: process.pid })
})

if (isSql) {
  const { sqlAdapter } = require('../../lib/backends/sql') as typeof import('../../lib/backends/sql')
  const adapter = sqlAdapter<{ title: string }>({ client, table: options.name, json: 'value' })
  app.use(
    '/notes',
    resourceRouter({
      name: 'note',
      adapter,
      isolation: 'transaction',
      idempotency: { ...idempotency, leaseMs: 150, onUnknown: 'run-again' },
    }),
  )
}

app.use(respondToConflicts({ logger: { warn: () => undefined, error: () => undefined } }))
const server = app.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
// A parent that is gone has no more use for it.
process.on('disconnect', () => process.exit())
