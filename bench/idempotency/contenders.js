const express = require('express')
const { honorIdempotencyKey, respondToConflicts } = require('express-conflict')

const [OURS, EXPRESS_IDEMPOTENCY, NODE_IDEMPOTENCY] = ['express-conflict', 'express-idempotency', '@node-idempotency']
const TTL_MS = 60_000

/** The same payment service, by what stands in front of it. `storage`: get, set, add (when missing) and remove. */
const CONTENDERS = {
  'no key': () => serviceBehind(() => []),

  [OURS]: (storage) =>
    serviceBehind(() => [
      honorIdempotencyKey({
        name: 'payment',
        idempotency: { store: storage.expiring, scope: (req) => req.get('User') },
      }),
    ]),

  /** As its README has it, with storage of the same speed. */
  [EXPRESS_IDEMPOTENCY]: (storage) => {
    const { idempotency, getSharedIdempotencyService } = peer('express-idempotency')
    const dataAdapter = {
      findByIdempotencyKey: async (key) => {
        const text = await storage.get(key)
        return text === undefined ? null : JSON.parse(text)
      },
      create: async (it) => {
        if (!(await storage.add(it.idempotencyKey, JSON.stringify(it), TTL_MS))) throw new Error('Duplicate')
      },
      update: (it) => storage.set(it.idempotencyKey, JSON.stringify(it), TTL_MS),
      delete: (key) => storage.remove(key),
    }
    return serviceBehind(() => [
      idempotency({ dataAdapter }),
      (req, _res, next) => {
        if (!getSharedIdempotencyService().isHit(req)) next()
      },
    ])
  },

  /** Its core, with what its plugins for other frameworks do around it. */
  [NODE_IDEMPOTENCY]: (storage) => {
    const { Idempotency } = peer('@node-idempotency/core')
    const idempotency = new Idempotency({
      setIfNotExists: (key, value) => storage.add(key, value, TTL_MS),
      set: (key, value) => storage.set(key, value, TTL_MS),
      get: (key) => storage.get(key),
    })
    return serviceBehind(() => [
      async (req, res, next) => {
        const asked = { headers: req.headers, path: req.path, body: req.body, method: req.method }
        try {
          const known = await idempotency.onRequest(asked)
          if (known) return res.status(known.additional.status).type('json').send(known.body)
        } catch (error) {
          return res.status(error.code === 'REQUEST_IN_PROGRESS' ? 409 : 422).json({ code: error.code })
        }
        const send = res.send
        res.send = (body) => {
          res.send = send
          idempotency
            .onResponse(asked, { body, additional: { status: res.statusCode } })
            .then(() => res.send(body), next)
          return res
        }
        next()
      },
    ])
  },
}

function serviceBehind(layers) {
  const runs = new Map()
  const app = express()
  app.post('/payments', express.json(), ...layers(), async (req, res) => {
    const key = `${req.get('User')} ${req.get('Idempotency-Key')}`
    runs.set(key, (runs.get(key) ?? 0) + 1)
    await app.work?.()
    res.status(201).json({ payer: req.get('User'), amount: req.body.amount, text: req.body.text })
  })
  app.use(respondToConflicts({ logger: { warn() {}, error() {} } }), refused)
  return Object.assign(app, { runs })
}

/** What a contender throws is its refusal. */
function refused(_error, _req, res, _next) {
  res.status(409).json({})
}

/** They are no dependency of the project: npm ci --prefix bench/peers */
function peer(name) {
  return require(require.resolve(name, { paths: [`${__dirname}/../peers`, __dirname] }))
}

function isThere(name) {
  try {
    if (name === EXPRESS_IDEMPOTENCY) peer(name)
    if (name === NODE_IDEMPOTENCY) peer('@node-idempotency/core')
    return true
  } catch {
    return false
  }
}

const present = () => Object.fromEntries(Object.entries(CONTENDERS).filter(([name]) => isThere(name)))

module.exports = { OURS, present }
