// The long form of spec/backends/leases/processes.spec.ts: node bench/locks/prove.js [seconds] [processes] [rounds] [service…]
require('../../spec/ts-hook.js')
const { mkdtempSync, rmSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { countTogether, failOver } = require('../../spec/backends/leases/contest')
const { zookeeperServer } = require('../../spec/backends/leases/own-server')

const [seconds = '60', processes = '8', rounds = '5', ...named] = process.argv.slice(2)
const LEASE_MS = 1000

const zookeeper = zookeeperServer(25_000 + (process.pid % 1000))
const folder = mkdtempSync(join(tmpdir(), 'prove-'))
const services = {
  redis: process.env.CONFLICT_REDIS_URL ?? 'redis://127.0.0.1:6379/0',
  postgres: process.env.CONFLICT_POSTGRES_URL ?? 'postgres://postgres@127.0.0.1:5432/test',
  mysql: process.env.CONFLICT_MARIADB_URL ?? 'mysql://root@127.0.0.1:3306/test',
  file: folder,
  zookeeper: `127.0.0.1:${zookeeper.port}`,
}

const range = (values) => `${Math.round(Math.min(...values))} to ${Math.round(Math.max(...values))} ms`

async function prove(service, at) {
  const prefix = `prove_${process.pid}`
  const { grants, overlaps, counted } = await countTogether(service, at, prefix, Number(processes), seconds * 1000)
  console.log(
    `${service}: ${processes} processes, ${seconds} s: ${grants} grants, ${overlaps} overlaps, counted ${counted}`,
  )
  let isRight = overlaps === 0 && counted === grants
  for (const how of ['SIGKILL', 'SIGSTOP']) {
    const results = []
    for (let round = 0; round < rounds; round++) results.push(await failOver(service, at, prefix, how, LEASE_MS))
    const told = how === 'SIGSTOP' ? `; told ${range(results.map(({ toldAfterMs }) => toldAfterMs))} after SIGCONT` : ''
    console.log(
      `${service}: ${how}, lease ${LEASE_MS} ms: next holder after ${range(results.map((it) => it.takenAfterMs))}${told}`,
    )
    isRight &&= results.every(({ takenAfterMs, fences: [before, after] }) => {
      return takenAfterMs < LEASE_MS + 1000 && BigInt(after) > BigInt(before)
    })
  }
  if (service === 'file') isRight &&= await takeOver(at)
  return isRight
}

/** Six processes that all find the same lock run out, again and again. */
async function takeOver(at) {
  const seen = await countTogether('file', at, '', 6, seconds * 1000, at)
  console.log(
    `file: 6 processes, ${seconds} s: ${seen.grants} take-overs of locks that ran out, ${seen.overlaps} overlaps`,
  )
  return seen.overlaps === 0 && seen.counted === seen.grants
}

async function main() {
  const chosen = Object.entries(services).filter(([service]) => named.length === 0 || named.includes(service))
  if (chosen.some(([service]) => service === 'zookeeper')) await zookeeper.start()
  try {
    for (const [service, at] of chosen) if (!(await prove(service, at))) process.exitCode = 1
  } finally {
    await zookeeper.stop()
    rmSync(folder, { recursive: true })
  }
}

void main()
