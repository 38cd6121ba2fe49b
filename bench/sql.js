const { fork } = require('node:child_process')
const { once } = require('node:events')
const { mkdtempSync, rmSync } = require('node:fs')
const { connect: dial } = require('node:net')
const { tmpdir } = require('node:os')
const path = require('node:path')
const { connect } = require('./connection')
const { drive, newClient } = require('./load')
const { median, spread } = require('./statistics')

const CONNECTIONS = 8
const NAMES = ['express-conflict', 'hand-written', 'in a transaction']
const [OURS, BY_HAND, IN_TRANSACTION] = NAMES
const POSTGRES = process.env.CONFLICT_POSTGRES_URL ?? 'postgres://postgres@127.0.0.1:5432/test'

/**
 * One guarded PUT against the same statements written by hand, over the same driver. The servers take turns; a figure is
 * the median over the rounds of what two turns of one round gave.
 */
async function sqlThroughput({ rounds, requests }) {
  const table = {}
  const folder = mkdtempSync(path.join(tmpdir(), 'express-conflict-bench-'))
  try {
    for (const database of ['PostgreSQL', 'SQLite']) {
      const missing = await whatIsMissing(database)
      table[`PUT on ${database}`] = missing
        ? { skipped: missing }
        : await compared(database, (name) => addressOf(database, folder, name), rounds, requests)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
  return table
}

async function compared(database, addressFor, rounds, requests) {
  const servers = await Promise.all(NAMES.map((name) => start(name, database, addressFor(name))))
  try {
    // Code that is not compiled yet is what would be measured.
    for (const server of servers) await drive(server.clients, 'PUT', requests * 10)
    const results = []
    for (let round = 0; round < rounds; round++) {
      const figures = {}
      for (const server of round % 2 ? servers : servers.toReversed())
        figures[server.name] = await oneTurn(server, requests)
      results.push(figures)
    }
    return summaryOf(results)
  } finally {
    for (const server of servers) await stop(server)
  }
}

async function oneTurn(server, requests) {
  const before = await told(server)
  const begun = process.hrtime.bigint()
  await drive(server.clients, 'PUT', requests)
  const seconds = Number(process.hrtime.bigint() - begun) / 1e9
  const after = await told(server)
  return {
    cpuUs: (after.cpuUs - before.cpuUs) / requests,
    perSecond: requests / seconds,
    statements: (after.statements - before.statements) / requests,
  }
}

function summaryOf(rounds) {
  const of = (name, figure) => median(rounds.map((round) => round[name][figure]))
  const ratio = (of) => spread(rounds.map(of))
  return {
    'statements: ours': of(OURS, 'statements'),
    'by hand': of(BY_HAND, 'statements'),
    'in a transaction': of(IN_TRANSACTION, 'statements'),
    'ours, µs': of(OURS, 'cpuUs').toFixed(0),
    'by hand, µs': of(BY_HAND, 'cpuUs').toFixed(0),
    'CPU: by hand / ours': ratio((round) => round[BY_HAND].cpuUs / round[OURS].cpuUs),
    'req/s: ours / by hand': ratio((round) => round[OURS].perSecond / round[BY_HAND].perSecond),
    'req/s: transaction / by hand': ratio((round) => round[IN_TRANSACTION].perSecond / round[BY_HAND].perSecond),
  }
}

async function start(name, database, address) {
  const table = `ec_bench_${process.pid}_${NAMES.indexOf(name)}`
  const child = fork(path.join(__dirname, 'sql-server.js'), [name, database, address, table, String(CONNECTIONS)])
  const [{ port }] = await once(child, 'message')
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => connect(port)))
  return { name, child, clients: await Promise.all(connections.map((connection, id) => newClient(connection, id))) }
}

async function told({ child }) {
  child.send('figures')
  const [figures] = await once(child, 'message')
  return figures
}

async function stop({ child, clients }) {
  for (const { connection } of clients) connection.close()
  child.send('end')
  await once(child, 'exit')
}

function addressOf(database, folder, name) {
  return database === 'SQLite' ? path.join(folder, `${NAMES.indexOf(name)}.db`) : POSTGRES
}

/** What is not there is told by name, not left out. */
async function whatIsMissing(database) {
  if (database === 'SQLite') {
    try {
      ;new (require('better-sqlite3'))(':memory:').close()
      return undefined
    } catch {
      return 'better-sqlite3 could not be loaded'
    }
  }
  const { hostname, port, host } = new URL(POSTGRES)
  const socket = dial(Number(port || 5432), hostname)
  const isThere = await new Promise((resolve) => {
    socket.setTimeout(1000, () => resolve(false))
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
  })
  socket.destroy()
  return isThere ? undefined : `no server at ${host}`
}

module.exports = { sqlThroughput }
