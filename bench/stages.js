const {
  checkPreconditions,
  commitChange,
  detectConflicts,
  fetchState,
  memoryAdapter,
  resourceOf,
  validateChange,
} = require('express-conflict')
const { SIZES, articleOf, immutable, schema } = require('./article')
const { requestOf, run } = require('./request')
const { median } = require('./statistics')

const REQUESTS = 200

/** What clients ask. A 304 is answered by the chain itself. */
const KINDS = {
  PUT: { method: 'PUT', condition: 'if-match', hasHandler: true },
  GET: { method: 'GET', hasHandler: true },
  'GET → 304': { method: 'GET', condition: 'if-none-match', hasHandler: false },
}

/** Microseconds of CPU of each stage by itself. `alone` is what the same work costs without us. */
async function stages({ rounds }) {
  const table = {}
  for (const [size, bytes] of Object.entries(SIZES)) {
    const adapter = memoryAdapter({ now: () => Date.now() - 60_000 })
    for (let id = 0; id < REQUESTS; id++) await adapter.write(String(id), articleOf(String(id), bytes), null)
    const middlewares = middlewaresFor(adapter)
    for (const [name, kind] of Object.entries(KINDS)) {
      const costs = []
      for (let round = 0; round < rounds; round++) costs.push(await oneRound(adapter, middlewares, kind))
      table[`${name}, ${size}`] = mediansOf(costs)
    }
  }
  return table
}

function mediansOf(rounds) {
  const steps = Object.keys(rounds[0])
  return Object.fromEntries(steps.map((step) => [step, median(rounds.map((costs) => costs[step])).toFixed(1)]))
}

function middlewaresFor(adapter) {
  const options = { name: 'article', adapter, schema, immutable }
  return {
    stages: [fetchState(options), validateChange(options), checkPreconditions(options)],
    chain: detectConflicts(options),
    PUT: commitChange(),
    GET: (req, res) => res.json(resourceOf(req, adapter).representation),
  }
}

async function oneRound(adapter, middlewares, { method, condition, hasHandler }) {
  const costs = {}
  const staged = await requestsOf(adapter, method, condition)
  for (const stage of middlewares.stages)
    costs[stage.stages[0]] = await costOf(staged, (request) => run(stage, request))

  const chained = await requestsOf(adapter, method, condition)
  costs['whole chain'] = await costOf(chained, (request) => run(middlewares.chain, request))
  if (hasHandler) costs.handler = await costOf(chained, (request) => run(middlewares[method], request))

  const bare = await requestsOf(adapter, method, condition)
  costs['read alone'] = await costOf(bare, (_, id) => adapter.read(id))
  if (hasHandler)
    costs['answer alone'] = await costOf(bare, (request) => run((req, res) => res.json(req.body), request))
  if (method === 'PUT')
    costs['write alone'] = await costOf(bare, ({ req, state }, id) => adapter.write(id, req.body, state.version))
  return costs
}

async function requestsOf(adapter, method, condition) {
  const ids = Array.from({ length: REQUESTS }, (_, id) => String(id))
  return Promise.all(
    ids.map(async (id) => {
      const state = await adapter.read(id)
      const body = { ...state.value, edits: state.value.edits + 1 }
      const headers = { 'content-type': 'application/json', 'content-length': '2' }
      if (condition) headers[condition] = `"${state.version}"`
      return { ...requestOf({ method, id, headers, body }), state }
    }),
  )
}

async function costOf(requests, work) {
  const before = process.cpuUsage()
  for (const [index, request] of requests.entries()) await work(request, String(index))
  const { user, system } = process.cpuUsage(before)
  return (user + system) / requests.length
}

module.exports = { stages }
