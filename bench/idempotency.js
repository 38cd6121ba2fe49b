const assert = require('node:assert/strict')
const { fork } = require('node:child_process')
const { once } = require('node:events')
const path = require('node:path')
const { connect, requestText } = require('./connection')
const { OURS, present } = require('./idempotency/contenders')
const { memory, redisClient, slow } = require('./idempotency/storages')
const { median, spread } = require('./statistics')

const CONNECTIONS = 16
const TEXT = 'x'.repeat(500)
let keys = 0

/**
 * What a key costs: CPU of the server, against the same service without keys. They take turns of a fraction of a second,
 * so that what else the machine does falls on all of them.
 */
async function overhead({ generations, rounds, requests }) {
  const table = {}
  for (const place of (await hasRedis()) ? ['memory', 'Redis'] : ['memory']) {
    const seen = Object.fromEntries(Object.keys(present()).map((name) => [name, []]))
    // Where a process puts its code and data makes it a few per cent faster or slower for life: take several.
    for (let generation = 0; generation < generations; generation++) {
      const servers = await Promise.all(Object.keys(seen).map((name) => startProcess(name, place)))
      for (const server of servers) await drive(server, requests * 4)
      for (let round = 0; round < rounds; round++) {
        for (const server of round % 2 ? servers : servers.toReversed()) {
          const before = await cpuOf(server)
          await drive(server, requests)
          seen[server.name].push(((await cpuOf(server)) - before) / requests)
        }
      }
      for (const server of servers) await stopProcess(server)
    }
    for (const [name, figures] of Object.entries(seen)) {
      table[`${name}, ${place}`] = {
        'µs a request': median(figures).toFixed(0),
        'added by the key': spread(
          figures.map((us, round) => us - seen['no key'][round]),
          0,
        ),
        'CPU: it / ours': spread(
          figures.map((us, round) => us / seen[OURS][round]),
          2,
        ),
      }
    }
  }
  return table
}

/** Duplicates at once over a store whose steps take 2 ms; and the key of one caller, sent by another. */
async function correctness({ rounds, duplicates }) {
  const table = {}
  for (const [name, appOf] of Object.entries(present())) {
    if (name === 'no key') continue
    const app = appOf(slow(memory(), 2))
    app.work = () => new Promise((resolve) => setTimeout(resolve, 5))
    const server = await start(name, app, duplicates)
    let crossed = 0
    for (let round = 0; round < rounds; round++) {
      const key = `"round ${round}"`
      await Promise.all(server.connections.map((connection) => pay(connection, key, 'ann')))
      const other = await pay(server.connections[0], key, 'bob')
      if (other.status === 201 && JSON.parse(other.body).payer === 'ann') crossed += 1
    }
    const runs = [...app.runs].filter(([key]) => key.startsWith('ann')).reduce((sum, [, count]) => sum + count, 0)
    table[name] = { keys: rounds, executions: runs, twice: runs - rounds, "answers of another's": crossed }
    stop(server)
  }
  const { twice, "answers of another's": crossed } = table[OURS]
  assert.deepEqual([twice, crossed], [0, 0], 'A key was carried out twice, or answered to another caller.')
  return table
}

async function drive({ connections }, requests) {
  let left = requests
  await Promise.all(
    connections.map(async (connection) => {
      while (left-- > 0) assert.equal((await pay(connection, `"key ${keys++}"`, 'ann')).status, 201)
    }),
  )
}

function pay(connection, key, user) {
  const body = JSON.stringify({ amount: 1, text: TEXT })
  return connection.send(requestText('POST', '/payments', { User: user, 'Idempotency-Key': key }, body))
}

async function start(name, app, count) {
  const listening = app.listen(0, '127.0.0.1')
  await once(listening, 'listening')
  return { name, listening, connections: await connected(listening.address().port, count) }
}

function stop({ listening, connections }) {
  for (const connection of connections) connection.close()
  listening.close()
}

async function startProcess(name, place) {
  const child = fork(path.join(__dirname, 'idempotency/server.js'), [name, place])
  const [{ port }] = await once(child, 'message')
  return { name, child, connections: await connected(port, CONNECTIONS) }
}

async function cpuOf({ child }) {
  child.send('cpu')
  const [{ cpuUs }] = await once(child, 'message')
  return cpuUs
}

async function stopProcess({ child, connections }) {
  for (const connection of connections) connection.close()
  child.kill()
  await once(child, 'exit')
}

function connected(port, count) {
  return Promise.all(Array.from({ length: count }, () => connect(port)))
}

async function hasRedis() {
  const client = await redisClient()
  client?.disconnect()
  return client !== undefined
}

module.exports = { correctness, overhead }

// node bench/idempotency.js [generations] [rounds] [requests]
if (require.main === module) {
  const [generations = 4, rounds = 30, requests = 200] = process.argv.slice(2).map(Number)
  void overhead({ generations, rounds, requests }).then(console.table)
}
