// Judges the recorded histories of Porcupine, whose verdicts are known: node bench/load/verdicts.js <a checkout of it>
// https://github.com/anishathalye/porcupine, MIT. None of them are kept here.
require('../../spec/ts-hook.js')
const { readFileSync, readdirSync } = require('node:fs')
const { join } = require('node:path')
const { isLinearizable } = require('../../spec/load/linearizability')

const [checkout = '.'] = process.argv.slice(2)
const folder = join(checkout, 'test_data/jepsen')
const verdicts = new Map(
  [...readFileSync(join(checkout, 'porcupine_test.go'), 'utf8').matchAll(/checkJepsen\(t, (\d+), (true|false)\)/g)].map(
    ([, number, verdict]) => [`etcd_${number.padStart(3, '0')}.log`, verdict === 'true'],
  ),
)

/** A line: who, :invoke or :ok or :fail or :info, :read or :write or :cas, and what. */
const LINE = /^INFO\s+jepsen\.util - (\d+)\s+:(invoke|ok|fail|info)\s+:(read|write|cas)\s+(.*)$/

function operationsOf(text) {
  const open = new Map()
  const operations = []
  for (const [index, line] of text.split('\n').entries()) {
    const [, who, what, kind, value] = LINE.exec(line) ?? []
    if (who === undefined) continue
    if (what === 'invoke') {
      open.set(who, { startMs: index, kind, value })
      continue
    }
    const begun = open.get(who)
    open.delete(who)
    operations.push({ ...begun, outcome: what, endMs: what === 'info' ? undefined : index, answer: value })
  }
  for (const begun of open.values()) operations.push({ ...begun, outcome: 'info', endMs: undefined })
  return operations.flatMap(({ startMs, endMs, kind, value, outcome, answer }) => {
    const [from, to] = value.match(/\d+/g) ?? []
    if (kind === 'read') return outcome === 'ok' ? [{ startMs, endMs, effect: { kind, value: answer } }] : []
    if (kind === 'write') return outcome === 'fail' ? [] : [{ startMs, endMs, effect: { kind, value } }]
    return [{ startMs, endMs, effect: outcome === 'fail' ? { kind: 'refused', from } : { kind: 'swap', from, to } }]
  })
}

let right = 0
let slowestMs = 0
let count = 0
const files = readdirSync(folder).filter((name) => verdicts.has(name))
for (const name of files) {
  const operations = operationsOf(readFileSync(join(folder, name), 'utf8'))
  count += operations.length
  const from = performance.now()
  const verdict = isLinearizable(operations, 'nil')
  slowestMs = Math.max(slowestMs, performance.now() - from)
  if (verdict === verdicts.get(name)) right += 1
  else console.log(`${name}: ${verdict}, and it should be ${verdicts.get(name)}`)
}
console.log(
  `${right} of ${files.length} verdicts are right, over ${count} operations; the slowest took ${Math.round(slowestMs)} ms`,
)
process.exitCode = right === files.length && right > 0 ? 0 : 1
