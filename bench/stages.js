const {
  checkPreconditions,
  commitChange,
  defineResource,
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

/** Microseconds of each stage by itself. `alone` is what the same work costs without us. */
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
  const article = defineResource({ name: 'article', adapter, schema, immutable })
  return {
    stages: [fetchState(article), validateChange(article), checkPreconditions(article)],
    chain: detectConflicts(article),
    PUT: commitChange(),
    GET: (req, res) => res.json(resourceOf(req, article).representation),
  }
}

async function oneRound(adapter, middlewares, { method, condition, hasHandler }) {
  const costs = {}
  /** Adds up wall time, for that of the process cannot be read so often. */
  const timed = async (step, work) => {
    const before = performance.now()
    await work()
    costs[step] = (costs[step] ?? 0) + ((performance.now() - before) * 1000) / REQUESTS
  }
  for (let id = 0; id < REQUESTS; id++) {
    // Each request is made when it is its turn and dropped behind it: those that are kept cost the collector of
    // garbage more than the chain costs.
    const next = () => nextRequest(adapter, String(id), method, condition)

    const staged = await next()
    for (const stage of middlewares.stages) await timed(stage.stages[0], () => run(stage, staged))

    const chained = await next()
    await timed('whole chain', () => run(middlewares.chain, chained))
    if (hasHandler) await timed('handler', () => run(middlewares[method], chained))

    const bare = await next()
    await timed('read alone', () => adapter.read(bare.id))
    if (hasHandler) await timed('answer alone', () => run((req, res) => res.json(req.body), bare))
    if (method === 'PUT') await timed('write alone', () => adapter.write(bare.id, bare.req.body, bare.state.version))
  }
  return costs
}

async function nextRequest(adapter, id, method, condition) {
  const state = await adapter.read(id)
  const body = { ...state.value, edits: state.value.edits + 1 }
  const headers = { 'content-type': 'application/json', 'content-length': '2' }
  if (condition) headers[condition] = `"${state.version}"`
  return { ...requestOf({ method, id, headers, body }), id, state }
}

module.exports = { stages }
