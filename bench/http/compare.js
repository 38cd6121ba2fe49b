const assert = require('node:assert/strict')
const { fork } = require('node:child_process')
const { once } = require('node:events')
const path = require('node:path')
const { SIZES } = require('../article')
const { connect } = require('../connection')
const { drive, newClient, OPERATIONS } = require('../load')
const { median, spread } = require('../statistics')

const CONNECTIONS = 16
const [OURS, AGAIN, CAREFUL, PLAIN, PEER] = ['ours', 'ours again', 'careful', 'plain', 'express-preconditions']

/** What is measured, and the least that careful / ours should be. */
const AIMS = {
  small: {
    PUT: 1,
    PATCH: 1,
    GET: 1,
    'GET → 304': 0.97,
    POST: 0.97,
    DELETE: 0.97,
    'PUT → 412': 0.95,
    'PUT → 428': 0.95,
  },
  '10 KiB': { PUT: 1, GET: 1 },
  '98 KiB': { PUT: 0.97, GET: 0.97 },
}
const OF_PEER = ['PUT', 'GET', 'GET → 304']

/**
 * CPU of a server for each request. All servers take turns of a fraction of a second, so that what else the machine does
 * falls on all of them; a figure is the median over the rounds of what two turns of one round gave.
 */
async function compareHttp({ generations, rounds, requests }) {
  const table = {}
  for (const [size, bytes] of Object.entries(SIZES)) {
    const operations = Object.keys(AIMS[size])
    const results = Object.fromEntries(operations.map((operation) => [operation, []]))
    // A large article takes long enough to be measured with fewer requests.
    const turn = Math.ceil(bytes > 50_000 ? requests / 8 : requests)
    // Where a process puts its code and data makes it a few per cent faster or slower for life: take several.
    for (let generation = 0; generation < generations; generation++)
      await withServers([OURS, AGAIN, CAREFUL, PLAIN, PEER], bytes, [], async (servers) => {
        const doing = (operation) => servers.filter(({ name }) => name !== PEER || OF_PEER.includes(operation))
        // Before anything is measured: the peer counts fewer edits, and later on they would differ in their number of digits.
        for (const operation of operations) await compareAnswers(doing(operation), operation)
        for (const operation of operations) {
          const those = doing(operation)
          // After a thousand requests the compiler is still at work, and it has more to do where there is more code.
          for (const server of those) await drive(server.clients, operation, turn * rounds)
          for (let round = 0; round < rounds; round++)
            results[operation].push(await oneRound(round % 2 ? those : those.toReversed(), operation, turn))
        }
      })
    const bytesEach = await allocated(operations, bytes, Math.ceil(turn / 2))
    for (const operation of operations)
      table[`${operation}, ${size}`] = summaryOf(results[operation], bytesEach[operation], AIMS[size][operation])
  }
  return table
}

async function oneRound(servers, operation, requests) {
  const figures = {}
  for (const server of servers) {
    // DELETE removes what POST created: as much of it is there as is removed.
    if (operation === 'DELETE') await drive(server.clients, 'POST', requests)
    const before = await told(server, 'cpuUs')
    await drive(server.clients, operation, requests)
    figures[server.name] = ((await told(server, 'cpuUs')) - before) / requests
  }
  return figures
}

/** Bytes of the heap for each request, in processes whose heap is not tidied in between. */
async function allocated(operations, bytes, requests) {
  const figures = {}
  const roomy = ['--expose-gc', '--min-semi-space-size=256', '--max-semi-space-size=256']
  await withServers([OURS, CAREFUL], bytes, roomy, async (servers) => {
    for (const operation of operations) {
      figures[operation] = {}
      for (const server of servers) {
        await drive(server.clients, 'POST', requests * 2)
        await drive(server.clients, operation, requests)
        const before = await told(server, 'tidyHeapBytes')
        await drive(server.clients, operation, requests)
        figures[operation][server.name] = ((await told(server, 'heapBytes')) - before) / requests
      }
    }
  })
  return figures
}

function summaryOf(rounds, bytes, aim) {
  const cpu = (name) => median(rounds.map((round) => round[name])).toFixed(0)
  const ratios = (other) => rounds.map((round) => round[other] / round[OURS])
  const kB = (name) => (bytes[name] / 1000).toFixed(1)
  return {
    'ours, µs': cpu(OURS),
    'careful, µs': cpu(CAREFUL),
    'plain, µs': cpu(PLAIN),
    'careful / ours': spread(ratios(CAREFUL), 2),
    aim,
    met: median(ratios(CAREFUL)) >= aim ? 'yes' : 'no',
    'plain / ours': spread(ratios(PLAIN), 2),
    'control: ours / ours': spread(ratios(AGAIN), 2),
    'express-preconditions / ours': rounds[0][PEER] === undefined ? '' : spread(ratios(PEER), 2),
    'ours, kB': kB(OURS),
    'careful, kB': kB(CAREFUL),
  }
}

/** They can be compared only as long as they do the same: field by field the same answer, to everything that is measured. */
async function compareAnswers(servers, operation) {
  const [ours, ...others] = await Promise.all(
    servers.map(async ({ name, clients: [client] }) => {
      if (operation === 'DELETE') await OPERATIONS.POST(client)
      return { name, answer: await OPERATIONS[operation](client) }
    }),
  )
  for (const { name, answer } of others) {
    // A refusal by hand may say less, or say it in other words. A 304 of express-preconditions has its tag alone.
    const isRefusal = ours.answer.status >= 400
    if ((isRefusal && name === PLAIN) || (name === PEER && operation === 'GET → 304')) continue
    assert.deepEqual(comparable(answer, isRefusal), comparable(ours.answer, isRefusal), `${operation} of ${name}`)
  }
}

function comparable({ head, body }, isRefusal) {
  const drawn = /^(Date|ETag|Last-Modified|Location|Connection|Keep-Alive): .*/
  const fields = head.split('\r\n').map((line) => line.replace(drawn, '$1'))
  if (isRefusal)
    return {
      fields: fields.filter((line) => !/^Content-Length/.test(line)).sort(),
      members: Object.keys(JSON.parse(body)).sort(),
    }
  return { fields: fields.sort(), body: body.replace(/"(id|edits)":("[^"]*"|\d+)/g, '"$1"') }
}

async function withServers(names, bytes, execArgv, work) {
  const servers = await Promise.all(names.map((name) => start(name, bytes, execArgv)))
  try {
    await work(servers)
  } finally {
    for (const server of servers) await stop(server)
  }
}

async function start(name, bytes, execArgv) {
  const child = fork(path.join(__dirname, 'server.js'), [name, String(CONNECTIONS), String(bytes)], { execArgv })
  const [{ port }] = await once(child, 'message')
  const created = []
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => connect(port)))
  const clients = await Promise.all(connections.map((connection, id) => newClient(connection, id, created)))
  return { name, child, clients }
}

async function told({ child }, what) {
  child.send(what)
  const [figure] = await once(child, 'message')
  return figure
}

async function stop({ child, clients }) {
  for (const { connection } of clients) connection.close()
  child.kill()
  await once(child, 'exit')
}

module.exports = { compareHttp }
