const assert = require('node:assert/strict')
const { once } = require('node:events')
const { setTimeout: sleep } = require('node:timers/promises')
const express = require('express')
const { resourceRouter, respondToConflicts } = require('express-conflict')
const preconditions = require('express-preconditions')
const { connect, requestText } = require('./connection')

const STORE_MS = 2

/**
 * All clients hold the same tag and save at once, each with one more edit than it saw. In every round the store lets
 * nobody's read end before all have read: the interleaving that a busy server meets by chance, met each time.
 */
async function race({ rounds, clients }) {
  const table = {}
  for (const [name, appOf] of Object.entries(RACERS)) table[name] = await raceOn(appOf, rounds, clients)
  const { lost } = table['express-conflict']
  assert.equal(lost, 0, `express-conflict lost ${lost} updates.`)
  return table
}

const RACERS = {
  'express-conflict': (store) => {
    const adapter = {
      read: (key) => store.read(key),
      write: (key, value, expected) => store.compareAndSwap(key, value, expected),
    }
    const app = express()
    app.use('/articles', resourceRouter({ name: 'article', adapter }))
    return app.use(respondToConflicts({ logger: { warn() {}, error() {} } }))
  },

  /** As its README has it: the check in front, then a handler that saves. */
  'express-preconditions': (store) => {
    const stateAsync = async (req) => ({ etag: tagOf(await store.read(req.params.id)) })
    return appThatSaves(store, preconditions({ stateAsync }))
  },

  /** As it is most often written by hand. */
  'If-Match compared by hand': (store) =>
    appThatSaves(store, async (req, res, next) => {
      const state = await store.read(req.params.id)
      if (req.get('If-Match') !== tagOf(state)) return res.sendStatus(412)
      next()
    }),

  /** It looks whether the article is there, and then saves. */
  'Express alone': (store) =>
    appThatSaves(store, async (req, res, next) => {
      if (await store.read(req.params.id)) return next()
      res.sendStatus(404)
    }),
}

function appThatSaves(store, check) {
  const app = express()
  app.use(express.json())
  app.get('/articles/:id', async (req, res) => {
    const state = await store.read(req.params.id)
    res.set('ETag', tagOf(state)).json(state.value)
  })
  return app.put('/articles/:id', check, async (req, res) => {
    const state = await store.save(req.params.id, req.body)
    res.set('ETag', tagOf(state)).json(state.value)
  })
}

async function raceOn(appOf, rounds, count) {
  const store = slowStore()
  await store.save('1', { edits: 0 })
  const server = appOf(store).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const connections = await Promise.all(Array.from({ length: count }, () => connect(server.address().port)))
  let accepted = 0
  for (let round = 0; round < rounds; round++) {
    const seen = await connections[0].send(requestText('GET', '/articles/1', {}))
    const edits = JSON.parse(seen.body).edits + 1
    // Each writes something else: the same value twice would be one change, already applied.
    const saves = connections.map((_, by) =>
      requestText('PUT', '/articles/1', { 'If-Match': seen.header('ETag') }, JSON.stringify({ edits, by })),
    )
    store.holdReadsUntil(count)
    const answers = await Promise.all(connections.map((connection, by) => connection.send(saves[by])))
    for (const { status } of answers) assert.ok(status === 200 || status === 412, `unexpected status ${status}`)
    accepted += answers.filter(({ status }) => status === 200).length
  }
  const { value } = await store.read('1')
  for (const connection of connections) connection.close()
  server.close()
  return { writes: rounds * count, accepted, 'should be accepted': rounds, lost: accepted - value.edits }
}

/** A store behind a network of 2 ms. */
function slowStore() {
  const stored = new Map()
  let writes = 0
  let gate = { left: 0, open: Promise.resolve(), pass: () => undefined }

  const put = (key, value) => {
    const state = { value, version: String(++writes) }
    stored.set(key, state)
    return state
  }

  return {
    holdReadsUntil(count) {
      const { promise, resolve } = deferred()
      gate = { left: count, open: promise, pass: resolve }
    },
    async read(key) {
      await sleep(STORE_MS)
      const state = stored.get(key)
      if (--gate.left === 0) gate.pass()
      await gate.open
      return state
    },
    async save(key, value) {
      await sleep(STORE_MS)
      return put(key, value)
    },
    async compareAndSwap(key, value, expected) {
      await sleep(STORE_MS)
      const current = stored.get(key)
      if (current?.version !== expected) return { ok: false, current }
      return { ok: true, state: put(key, value) }
    },
  }
}

function deferred() {
  let resolve
  const promise = new Promise((done) => {
    resolve = done
  })
  return { promise, resolve }
}

function tagOf({ version }) {
  return `"${version}"`
}

module.exports = { race }
