// Many clients add one to one resource of PostgreSQL, by commit(fn) and with isolation: 'lock'. The bound is a loop with
// plain pg: each change is a read and an UPDATE, and waits until the one before it is on the disk.
// npm run build && node bench/hot-key.js [clients] [seconds] [processes]
const { fork } = require('node:child_process')
const { Agent, request } = require('node:http')
const { Pool } = require('pg')

const ADDRESS = process.env.CONFLICT_POSTGRES_URL ?? 'postgres://postgres@127.0.0.1:5432/test'
const TABLE = { table: 'ec_hot_key', key: 'id', json: 'data' }

async function serve() {
  const express = require('express')
  const { detectConflicts, resourceOf, respondToConflicts } = require('express-conflict')
  const { sqlAdapter } = require('express-conflict/sql')
  const { postgresLocks } = require('express-conflict/postgres')
  const pool = new Pool({ connectionString: ADDRESS, max: 10 })
  const adapter = sqlAdapter({ client: pool, ...TABLE })
  let writes = 0
  const counted = {
    ...adapter,
    write(...args) {
      writes++
      return adapter.write(...args)
    },
  }
  const app = express()
  for (const isolation of ['compare-and-swap', 'lock']) {
    const lock = isolation === 'lock' && { isolation, lock: { manager: postgresLocks({ pool }), waitMs: 10_000 } }
    const chain = detectConflicts({ name: isolation, adapter: counted, ...lock })
    app.post(`/${isolation}/:id`, chain, (req, res, next) => {
      resourceOf(req, chain)
        .commit(({ count }) => ({ count: count + 1 }))
        .then(() => res.end(), next)
    })
  }
  app.use(respondToConflicts())
  const server = app.listen(0, () => process.send({ port: server.address().port }))
  process.on('message', () => {
    process.send({ writes })
    writes = 0
  })
}

const answerOf = (child) => new Promise((resolve) => child.once('message', resolve))

async function measure(children, ports, isolation, clients, seconds) {
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  const until = performance.now() + seconds * 1000
  const took = []
  const statuses = {}
  const one = (port) =>
    new Promise((resolve, reject) => {
      const since = performance.now()
      request({ port, agent, method: 'POST', path: `/${isolation}/1` }, (res) => {
        res.resume().on('end', () => {
          statuses[res.statusCode] = (statuses[res.statusCode] ?? 0) + 1
          took.push(performance.now() - since)
          resolve()
        })
      })
        .on('error', reject)
        .end()
    })
  const client = async (_, index) => {
    while (performance.now() < until) await one(ports[index % ports.length])
  }
  await Promise.all(Array.from({ length: clients }, client))
  const writes = await Promise.all(children.map((child) => child.send('writes') && answerOf(child)))
  agent.destroy()
  const done = statuses[200] ?? 0
  took.sort((a, b) => a - b)
  return {
    isolation,
    'per second': Math.round(done / seconds),
    'writes each': (writes.reduce((sum, each) => sum + each.writes, 0) / done).toFixed(2),
    '409 %': ((100 * (statuses[409] ?? 0)) / took.length).toFixed(1),
    'p99 ms': Math.round(took[Math.floor(took.length * 0.99)]),
    statuses: JSON.stringify(statuses),
  }
}

async function bound(pool, seconds) {
  const client = await pool.connect()
  const until = performance.now() + seconds * 1000
  let done = 0
  while (performance.now() < until) {
    const { rows } = await client.query(READ)
    const [{ data, version }] = rows
    const values = ['1', { count: data.count + 1 }, version]
    const { rowCount } = await client.query({ ...UPDATE, values })
    if (rowCount !== 1) throw new Error('The bound lost a race, and nobody else was there.')
    done++
  }
  client.release()
  return { isolation: 'the bound', 'per second': Math.round(done / seconds), 'writes each': '1.00' }
}

const READ = { name: 'read', text: `select data, version from ${TABLE.table} where id = $1`, values: ['1'] }
const UPDATE = {
  name: 'update',
  text: `update ${TABLE.table} set data = $2, version = gen_random_uuid()::text where id = $1 and version = $3 returning data, version`,
}

async function main() {
  const [clients = 64, seconds = 5, processes = 1] = process.argv.slice(2).map(Number)
  const { createTableStatements } = require('express-conflict/sql')
  const pool = new Pool({ connectionString: ADDRESS })
  await pool.query(`drop table if exists ${TABLE.table}`)
  for (const statement of createTableStatements('postgres', TABLE)) await pool.query(statement)
  const { sqlAdapter } = require('express-conflict/sql')
  await sqlAdapter({ client: pool, ...TABLE }).write('1', { count: 0 }, null)
  const children = Array.from({ length: processes }, () =>
    fork(__filename, [], { env: { ...process.env, SERVE: '1' } }),
  )
  const ports = await Promise.all(children.map(async (child) => (await answerOf(child)).port))
  const rows = []
  for (const isolation of ['compare-and-swap', 'lock']) {
    rows.push(await bound(pool, seconds))
    rows.push(await measure(children, ports, isolation, clients, seconds))
  }
  console.table(rows)
  for (const child of children) child.kill()
  await pool.query(`drop table ${TABLE.table}`)
  await pool.end()
}

if (process.env.SERVE) void serve()
else void main()
