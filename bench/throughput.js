const assert = require('node:assert/strict')
const { fork } = require('node:child_process')
const { once } = require('node:events')
const path = require('node:path')
const { SIZES } = require('./article')
const { connect } = require('./connection')
const { drive, newClient, OPERATIONS } = require('./load')
const { median, spread } = require('./statistics')

const CONNECTIONS = 16
const [OURS, BY_HAND, PEER] = ['express-conflict', 'hand-written', 'express-preconditions']

/**
 * CPU time and requests per second of the three servers. They take turns of a fraction of a second, so that what else
 * the machine does falls on all of them; a figure is the median over the rounds of what two turns of one round gave.
 */
async function throughput({ generations, rounds, requests }) {
  const table = {}
  for (const [size, bytes] of Object.entries(SIZES)) {
    const results = Object.fromEntries(Object.keys(OPERATIONS).map((operation) => [operation, []]))
    // Where a process puts its code and data makes it a few per cent faster or slower for life: take several.
    for (let generation = 0; generation < generations; generation++) {
      const servers = await Promise.all([OURS, BY_HAND, PEER].map((name) => start(name, bytes)))
      await compareAnswers(servers)
      for (const operation of Object.keys(OPERATIONS)) {
        for (const server of servers) await drive(server.clients, operation, requests * 4)
        for (let round = 0; round < rounds; round++)
          results[operation].push(await oneRound(round % 2 ? servers : servers.toReversed(), operation, requests))
      }
      for (const server of servers) await stop(server)
    }
    for (const [operation, rows] of Object.entries(results)) table[`${operation}, ${size}`] = summaryOf(rows)
  }
  return table
}

async function oneRound(servers, operation, requests) {
  const figures = {}
  for (const server of servers) {
    const cpuBefore = await cpuOf(server)
    const before = process.hrtime.bigint()
    await drive(server.clients, operation, requests)
    const seconds = Number(process.hrtime.bigint() - before) / 1e9
    figures[server.name] = { cpuUs: ((await cpuOf(server)) - cpuBefore) / requests, perSecond: requests / seconds }
  }
  return figures
}

function summaryOf(rounds) {
  const cpu = (name) => median(rounds.map((round) => round[name].cpuUs)).toFixed(0)
  const cpuRatio = (other) => spread(rounds.map((round) => round[other].cpuUs / round[OURS].cpuUs))
  const rateRatio = (other) => spread(rounds.map((round) => round[OURS].perSecond / round[other].perSecond))
  return {
    'ours, µs': cpu(OURS),
    'by hand, µs': cpu(BY_HAND),
    'peer, µs': cpu(PEER),
    'CPU: by hand / ours': cpuRatio(BY_HAND),
    'req/s: ours / by hand': rateRatio(BY_HAND),
    'CPU: peer / ours': cpuRatio(PEER),
    'ours, req/s': median(rounds.map((round) => round[OURS].perSecond)).toFixed(0),
  }
}

/** They can be compared only as long as they do the same: field by field the same answer, to everything that is measured. */
async function compareAnswers(servers) {
  for (const operation of Object.values(OPERATIONS)) {
    const [ours, byHand] = await Promise.all(servers.map(({ clients }) => operation(clients[0])))
    assert.deepEqual(comparable(byHand), comparable(ours))
  }
}

function comparable({ head, body }) {
  const fields = head.split('\r\n').map((line) => line.replace(/^(Date|ETag|Last-Modified): .*/, '$1'))
  return { fields: fields.sort(), body }
}

async function start(name, bytes) {
  const child = fork(path.join(__dirname, 'server.js'), [name, String(CONNECTIONS), String(bytes)])
  const [{ port }] = await once(child, 'message')
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => connect(port)))
  const clients = await Promise.all(connections.map(newClient))
  return { name, child, clients }
}

async function cpuOf({ child }) {
  child.send('cpu')
  const [{ cpuUs }] = await once(child, 'message')
  return cpuUs
}

async function stop({ child, clients }) {
  for (const { connection } of clients) connection.close()
  child.kill()
  await once(child, 'exit')
}

module.exports = { throughput }
