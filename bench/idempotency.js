const assert = require('node:assert/strict')
const { once } = require('node:events')
const { connect, requestText } = require('./connection')
const { OURS, present } = require('./idempotency/contenders')
const { memory, redis, redisClient, slow } = require('./idempotency/storages')
const { median, spread } = require('./statistics')

const CONNECTIONS = 16
const TEXT = 'x'.repeat(500)
let keys = 0

/** What a key costs: CPU of one process, client and server, against the same service without keys; in turns. */
async function overhead({ rounds, requests }) {
  const client = await redisClient()
  const table = {}
  for (const [place, make] of Object.entries({ memory, ...(client ? { Redis: () => redis(client) } : {}) })) {
    const servers = []
    for (const [name, appOf] of Object.entries(present())) servers.push(await start(name, appOf(make())))
    for (const server of servers) await drive(server, requests)
    const seen = Object.fromEntries(servers.map(({ name }) => [name, []]))
    for (let round = 0; round < rounds; round++) {
      for (const server of round % 2 ? servers : servers.toReversed()) {
        const before = process.cpuUsage()
        await drive(server, requests)
        const { user, system } = process.cpuUsage(before)
        seen[server.name].push((user + system) / requests)
      }
    }
    for (const { name } of servers) {
      const added = seen[name].map((us, round) => us - seen['no key'][round])
      table[`${name}, ${place}`] = {
        'µs a request': median(seen[name]).toFixed(0),
        'added by the key': spread(added, 0),
      }
    }
    for (const server of servers) stop(server)
  }
  client?.disconnect()
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

async function start(name, app, count = CONNECTIONS) {
  const listening = app.listen(0, '127.0.0.1')
  await once(listening, 'listening')
  const { port } = listening.address()
  return { name, listening, connections: await Promise.all(Array.from({ length: count }, () => connect(port))) }
}

function stop({ listening, connections }) {
  for (const connection of connections) connection.close()
  listening.close()
}

module.exports = { correctness, overhead }
