// The parser is no part of the public names: it is measured where it is.
require('../spec/ts-hook.js')
const { parseTagList } = require('../lib/http/entity-tag')
const { median } = require('./statistics')

const KIBIBYTES = [1, 2, 4, 8, 16]

/** Lists as honest clients send them, and as others would if a list could keep a server busy. */
const LISTS = {
  'tags of 64 bytes': (length) => repeated(`"${'x'.repeat(62)}",`, length),
  'one long tag': (length) => `"${'x'.repeat(length - 2)}"`,
  'a tag that never ends': (length) => `"${'x'.repeat(length - 1)}`,
  'nothing but commas': (length) => ','.repeat(length),
  'nothing but spaces': (length) => ' '.repeat(length),
  'W/ W/ W/ …': (length) => repeated('W/', length),
}

/** Nanoseconds for each byte of If-Match or If-None-Match: the same from 1 to 16 KiB where the cost is linear. */
function parsing({ rounds }) {
  const table = {}
  for (const [name, listOf] of Object.entries(LISTS)) {
    table[name] = Object.fromEntries(KIBIBYTES.map((size) => [`${size} KiB`, nsPerByte(listOf(size * 1024), rounds)]))
  }
  return table
}

function nsPerByte(field, rounds) {
  const repeats = Math.ceil((256 * 1024) / field.length)
  const costs = Array.from({ length: rounds }, () => {
    const before = process.hrtime.bigint()
    for (let repeat = 0; repeat < repeats; repeat++) parseTagList(field)
    return Number(process.hrtime.bigint() - before) / repeats / field.length
  })
  return median(costs).toFixed(2)
}

function repeated(text, length) {
  return text.repeat(Math.floor(length / text.length))
}

module.exports = { parsing }
