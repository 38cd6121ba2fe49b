// The long form of spec/idempotency/processes.services.spec.ts:
// node bench/idempotency/prove.js [requests] [processes] [kills] [service…]
require('../../spec/ts-hook.js')
const { mkdtempSync, rmSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { arriveTogether, killAtEachStep, tables } = require('../../spec/idempotency/duplicates')
const { notesOf } = require('../../spec/idempotency/notes')

const [requests = '1000', processes = '8', kills = '100', ...named] = process.argv.slice(2)

const folder = mkdtempSync(join(tmpdir(), 'prove-'))
const services = {
  memory: '',
  redis: process.env.CONFLICT_REDIS_URL ?? 'redis://127.0.0.1:6379/0',
  postgres: process.env.CONFLICT_POSTGRES_URL ?? 'postgres://postgres@127.0.0.1:5432/test',
  mysql: process.env.CONFLICT_MARIADB_URL ?? 'mysql://root@127.0.0.1:3306/test',
  sqlite: join(folder, 'records.db'),
  file: join(folder, 'records'),
}
const isDatabase = (service) => ['postgres', 'mysql', 'sqlite'].includes(service)

async function prove(service, at) {
  const name = `prove_${process.pid}_${service}`
  const opened = isDatabase(service) ? await tables(service, at, name) : undefined
  let isRight = true
  try {
    if (Number(requests) > 0) {
      const count = service === 'memory' ? 1 : Number(processes)
      const seen = await arriveTogether(service, at, name, count, Number(requests))
      console.log(`${service}: ${requests} duplicates over ${count} processes: ${JSON.stringify(seen)}`)
      isRight = seen.runs === 1 && seen.others === 0 && seen.bodies === 1
    }
    if (service === 'postgres' || service === 'sqlite') {
      for (let killed = 0; killed < Number(kills); ) {
        const seen = await killAtEachStep(service, at, name, (title) => notesOf(opened.client, name, title))
        console.log(`${service}: SIGKILL: ${JSON.stringify(seen)}`)
        isRight &&= seen.lost === 0 && seen.twice === 0 && seen.unanswered === 0
        killed += seen.kills
      }
    }
  } finally {
    await opened?.close()
  }
  return isRight
}

async function run() {
  let isRight = true
  for (const [service, at] of Object.entries(services)) {
    if (named.length === 0 || named.includes(service)) isRight = (await prove(service, at)) && isRight
  }
  rmSync(folder, { recursive: true, force: true })
  process.exit(isRight ? 0 : 1)
}

run().catch((error) => {
  console.error(error)
  process.exit(1)
})
