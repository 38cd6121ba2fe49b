const { randomBytes } = require('node:crypto')
const Ajv2020 = require('ajv/dist/2020')
const addFormats = require('ajv-formats')
const express = require('express')
const { Kysely, PostgresDialect, SqliteDialect, sql } = require('kysely')
const { resourceRouter, respondToConflicts } = require('express-conflict')
const { sqlAdapter } = require('express-conflict/sql')
const { articleOf, schema, immutable } = require('./article')

/** A process of its own for each contender. All have the same driver behind the same Kysely, and a table of the same shape. */
const [name, database, address, table, resources] = process.argv.slice(2)

let statements = 0

function openPostgres() {
  const { Client, Pool } = require('pg')
  const { query } = Client.prototype
  Client.prototype.query = function counted(...args) {
    statements++
    return query.apply(this, args)
  }
  const client = new Pool({ connectionString: address, max: 8 })
  return { client, kysely: new Kysely({ dialect: new PostgresDialect({ pool: client }) }) }
}

/** A statement can be kept, and used again. */
function counted(statement) {
  for (const method of ['all', 'run']) {
    const carryOut = statement[method]
    statement[method] = (parameters) => {
      statements++
      return carryOut.call(statement, parameters)
    }
  }
  return statement
}

function openSqlite() {
  const client = new (require('better-sqlite3'))(address)
  client.pragma('journal_mode = WAL')
  client.pragma('synchronous = normal')
  const { prepare } = client
  client.prepare = (text) => counted(prepare.call(client, text))
  return { client, kysely: new Kysely({ dialect: new SqliteDialect({ database: client }) }) }
}

const validate = addFormats(new Ajv2020({ strictTypes: false })).compile(schema)

const CONTENDERS = {
  'express-conflict': ({ client }) => guarded(client, {}),
  'in a transaction': ({ client }) => guarded(client, { isolation: 'transaction' }),

  /** As somebody would write it who knows RFC 9110: a SELECT, the checks, and an UPDATE that names the version. */
  'hand-written': ({ kysely }) => {
    const app = express()
    const from = sql.table(table)
    const read = async (id) => {
      const { rows } = await sql`select value, version from ${from} where id = ${id}`.execute(kysely)
      const [row] = rows
      return row && { version: row.version, value: typeof row.value === 'string' ? JSON.parse(row.value) : row.value }
    }
    app.get('/articles/:id', async (req, res) => {
      const current = await read(req.params.id)
      if (current === undefined) return refuse(res, 404)
      res.set('ETag', `"${current.version}"`).json(current.value)
    })
    app.put('/articles/:id', express.json(), async (req, res) => {
      const { id } = req.params
      const current = await read(id)
      if (current === undefined) return refuse(res, 404)
      const { body } = req
      if (!validate(body)) return refuse(res, 422)
      if (body.id !== current.value.id || body.author !== current.value.author) return refuse(res, 409)
      const condition = req.get('If-Match')
      if (condition === undefined) return refuse(res, 428)
      if (condition !== `"${current.version}"`) return refuse(res, 412)
      const version = randomBytes(12).toString('base64url')
      const { rows } =
        await sql`update ${from} set value = ${JSON.stringify(body)}, version = ${version} where id = ${id} and version = ${current.version} returning value, version`.execute(
          kysely,
        )
      if (rows.length === 0) return refuse(res, 412)
      const { value } = rows[0]
      res.set('ETag', `"${version}"`).vary('Prefer')
      res.json(typeof value === 'string' ? JSON.parse(value) : value)
    })
    return app
  },
}

function guarded(client, options) {
  const app = express()
  const adapter = sqlAdapter({ client, table, json: 'value' })
  app.use('/articles', resourceRouter({ name: 'article', adapter, schema, immutable, ...options }))
  app.use(respondToConflicts())
  return app
}

function refuse(res, status) {
  res.status(status).type('application/problem+json').send(JSON.stringify({ status }))
}

async function serve() {
  const opened = database === 'SQLite' ? openSqlite() : openPostgres()
  const { kysely } = opened
  const json = database === 'SQLite' ? 'text' : 'json'
  const create = `create table ${table} (id text primary key, value ${json} not null, version text not null)`
  await sql.raw(create).execute(kysely)
  for (let id = 0; id < Number(resources); id++) {
    const value = JSON.stringify(articleOf(String(id), 0))
    await sql`insert into ${sql.table(table)} values (${String(id)}, ${value}, 'first')`.execute(kysely)
  }
  const server = CONTENDERS[name](opened).listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
  // Its connections are idle while it is the others' turn.
  server.keepAliveTimeout = 0
  process.on('message', async (message) => {
    if (message === 'end') {
      await sql.raw(`drop table ${table}`).execute(kysely)
      return process.exit()
    }
    const { user, system } = process.cpuUsage()
    process.send({ cpuUs: user + system, statements })
  })
}

process.on('disconnect', () => process.exit())
void serve()
