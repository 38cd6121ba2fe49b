// The long form of spec/load: node bench/load/prove.js [--seconds 60] [--processes 8] [--clients 32] [store… | flaws]
// For postgres: [--pool 4] [--isolation serializable] [--statement-timeout 100ms] [--pgbouncer]
require('../../spec/ts-hook.js')
const { parseArgs } = require('node:util')

const POSTGRES = {
  pool: { type: 'string' },
  isolation: { type: 'string' },
  'statement-timeout': { type: 'string' },
  pgbouncer: { type: 'boolean' },
}
const number = (value) => ({ type: 'string', default: value })
const { values, positionals } = parseArgs({
  options: {
    seconds: number('60'),
    processes: number('8'),
    clients: number('32'),
    flaw: { type: 'string' },
    ...POSTGRES,
  },
  allowPositionals: true,
})
const server = {
  ...(values.isolation && { default_transaction_isolation: values.isolation }),
  ...(values['statement-timeout'] && { statement_timeout: values['statement-timeout'] }),
}
const pool = values.pool && Number(values.pool)
// Before the stores are loaded, here and in the processes of a trial.
process.env.CONFLICT_PROVE_POSTGRES = JSON.stringify({ ...(pool && { pool }), server, pgbouncer: values.pgbouncer })
const { FLAWS } = require('../../spec/load/flaws')
const { STORES } = require('../../spec/load/stores')
const { FLAW_MS, runFlaw, runTrial } = require('../../spec/load/trial')

const processes = Number(values.processes)
const clients = Number(values.clients)
const SOUND = Object.keys(STORES).filter((name) => !/^[a-z]+Redis$/.test(name))

function report(what, { figures, findings, faults, tookMs }) {
  const { reads, accepted, refused, notDone, unknown, unknownDone, visible, slowestMs } = figures
  const broken = Object.entries(faults).map(([name, times]) => `${name} ${times}×`)
  console.log(`${what}: ${(tookMs / 1000).toFixed(1)} s, ${processes} processes, ${clients} clients, 5 keys`)
  console.log(
    `  ${accepted} accepted + ${unknownDone} of ${unknown} unknown = ${accepted + unknownDone}, visible ${visible}`,
  )
  console.log(
    `  ${refused} refused, ${notDone} told that nothing was written, ${reads} reads; slowest answer ${Math.round(slowestMs)} ms`,
  )
  if (broken.length > 0) console.log(`  ${broken.join(', ')}`)
  for (const finding of findings) console.log(`  WRONG ${finding}`)
  if (findings.length > 0) process.exitCode = 1
}

async function prove(store) {
  const terms = { store, processes, clients, keys: 5, ms: Number(values.seconds) * 1000 }
  report(`${store}, in peace`, await runTrial(terms))
  report(`${store}, under faults`, await runTrial({ ...terms, faultEveryMs: 700 }))
}

async function catchFlaws() {
  for (const flaw of Object.keys(FLAWS).filter((name) => !values.flaw || name === values.flaw)) {
    const { findings, tookMs } = await runFlaw(flaw, { processes, clients })
    const isCaught = findings.length > 0 && tookMs < FLAW_MS
    console.log(`${isCaught ? 'caught' : 'NOT CAUGHT'} after ${(tookMs / 1000).toFixed(1)} s: ${flaw}`)
    console.log(`  ${findings[0] ?? 'nothing was found'}`)
    if (!isCaught) process.exitCode = 1
  }
}

async function main() {
  const chosen = positionals.length > 0 ? positionals : [...SOUND, 'flaws']
  for (const name of chosen) await (name === 'flaws' ? catchFlaws() : prove(name))
}

void main()
