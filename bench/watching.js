// What those cost who look on: subscribers of events, and open change streams.
const { fork } = require('node:child_process')
const { connect } = require('node:net')
const { subscribe, unsubscribe } = require('node:diagnostics_channel')
const { commitChange, detectConflicts, memoryAdapter } = require('express-conflict')
const { articleOf, SIZES } = require('./article')
const { requestOf, run } = require('./request')
const { median, spread } = require('./statistics')

const CHANNELS = ['conflict', 'committed', 'retry', 'merge', 'replay', 'lock', 'edit-lock', 'read']
const REQUESTS = 500

/** Begins to listen, and gives what ends it. */
const LISTENERS = {
  'nobody listens': () => () => {},
  'a function on every channel': () => {
    const listener = () => {}
    for (const name of CHANNELS) subscribe(`express-conflict:${name}`, listener)
    return () => CHANNELS.forEach((name) => void unsubscribe(`express-conflict:${name}`, listener))
  },
  dashboard: () => require('express-conflict/dashboard').dashboard().stop,
}

const conditionOn = (version) => (version === null ? { 'if-none-match': '*' } : { 'if-match': `"${version}"` })

/** Microseconds of CPU of a PUT in the chain and its commit, with each listener in turn. */
async function events({ rounds }) {
  const adapter = memoryAdapter({ now: () => Date.now() - 60_000 })
  const chain = detectConflicts({ name: 'article', adapter })
  const commit = commitChange()
  const [[, bytes]] = Object.entries(SIZES)
  const costs = {}
  for (let round = 0; round < rounds; round++)
    for (const [name, listen] of Object.entries(LISTENERS)) {
      const end = listen()
      const before = process.cpuUsage()
      for (let id = 0; id < REQUESTS; id++) {
        const key = String(id)
        const { version = null } = (await adapter.read(key)) ?? {}
        const headers = { 'content-type': 'application/json', 'content-length': '2', ...conditionOn(version) }
        const put = requestOf({ method: 'PUT', id: key, headers, body: articleOf(key, bytes) })
        await run(chain, put)
        await run(commit, put)
      }
      const { user, system } = process.cpuUsage(before)
      costs[name] = [...(costs[name] ?? []), (user + system) / REQUESTS]
      end()
    }
  return Object.fromEntries(
    Object.entries(costs).map(([name, each]) => [name, { 'CPU of a PUT, µs': spread(each, 1) }]),
  )
}

/** Many clients hold a stream of one resource open, and each change is told to all. They are in a process of their own. */
async function watchers({ clients, changes }) {
  const server = fork(__filename, ['serve'], { execArgv: ['--expose-gc'] })
  const ask = (question) => new Promise((resolve) => server.once('message', resolve).send(question))
  try {
    const { port } = await ask('port')
    const before = await ask('memory')
    let told = 0
    let onTold = () => {}
    const count = (text) => {
      told += text.split('event: changed').length - 1
      onTold()
    }
    const until = (enough) =>
      new Promise((resolve) => {
        onTold = () => told >= enough && resolve()
        onTold()
      })
    const sockets = []
    for (let at = 0; at < clients; at++) {
      const socket = connect(port, '127.0.0.1').setEncoding('latin1').on('data', count)
      socket.write('GET /articles/1/changes HTTP/1.1\r\nHost: a\r\n\r\n')
      sockets.push(socket)
      // The backlog of a server is bounded.
      if (at % 100 === 99) await until(at + 1)
    }
    await until(clients)
    const after = await ask('memory')
    const [first, all, cpu] = [[], [], []]
    for (let change = 1; change <= changes; change++) {
      const [so, since] = [told, performance.now()]
      const { version } = await ask('change')
      await until(so + 1)
      first.push(performance.now() - since)
      await until(so + clients)
      all.push(performance.now() - since)
      cpu.push((await ask('cpu')).ms)
      if (told !== (change + 1) * clients || !version)
        throw new Error(`${told} events in place of ${(change + 1) * clients}`)
    }
    for (const socket of sockets) socket.destroy()
    const kb = (name) => ((after[name] - before[name]) / clients / 1024).toFixed(1)
    return {
      [`${clients} watchers of one resource`]: {
        'kB of heap each': kb('heapUsed'),
        'kB of the process each': kb('rss'),
        'first told, ms': median(first).toFixed(1),
        'all told, ms': median(all).toFixed(1),
        'CPU, ms': median(cpu).toFixed(1),
      },
    }
  } finally {
    server.kill()
  }
}

function serve() {
  const express = require('express')
  const { changeStream, defineResource } = require('express-conflict')
  const adapter = memoryAdapter()
  const article = defineResource({ name: 'article', adapter })
  const changes = changeStream(article)
  const app = express().get('/articles/:id/changes', changes)
  let used = process.cpuUsage()
  const answers = {
    memory() {
      globalThis.gc()
      return process.memoryUsage()
    },
    async change() {
      used = process.cpuUsage()
      const { version = null } = (await adapter.read('1')) ?? {}
      const { state } = await adapter.write('1', { title: version }, version)
      changes.changed('1')
      return { version: state.version }
    },
    cpu() {
      const { user, system } = process.cpuUsage(used)
      return { ms: (user + system) / 1000 }
    },
  }
  adapter.write('1', { title: 'first' }, null)
  const server = app.listen(0, '127.0.0.1')
  process.on('message', async (question) => {
    if (question === 'port' && !server.listening) await new Promise((resolve) => server.once('listening', resolve))
    process.send(question === 'port' ? { port: server.address().port } : await answers[question]())
  })
}

if (process.argv[2] === 'serve' && require.main === module) serve()

module.exports = { events, watchers }
