const Ajv2020 = require('ajv/dist/2020')
const addFormats = require('ajv-formats')
const express = require('express')
const { resourceRouter, respondToConflicts } = require('express-conflict')
const preconditions = require('express-preconditions')
const { schema, immutable } = require('./article')

const validate = addFormats(new Ajv2020({ strictTypes: false })).compile(schema)

/** The same service three times, over one kind of adapter. */
module.exports = {
  'express-conflict': (adapter) => {
    const app = express()
    app.use('/articles', resourceRouter({ name: 'article', adapter, schema, immutable }))
    app.use(respondToConflicts())
    return app
  },

  /** As somebody would write it who knows RFC 9110 and keeps to what this resource needs. */
  'hand-written': (adapter) => {
    const app = express()
    const articles = express.Router()
    app.use('/articles', articles)

    articles.get('/:id', async (req, res) => {
      const current = await adapter.read(req.params.id)
      if (current === undefined) return refuse(res, 404, 'Not found')
      const tag = showValidators(res, current)
      res.set('Cache-Control', 'no-cache')
      if (req.get('If-None-Match') === tag) return res.status(304).end()
      res.json(current.value)
    })

    articles.put('/:id', express.json(), async (req, res) => {
      const current = await adapter.read(req.params.id)
      if (current === undefined) return refuse(res, 404, 'Not found')
      const refusal = refusalOf(req.body, current.value)
      if (refusal) return refuse(res, ...refusal)
      const condition = req.get('If-Match')
      if (condition === undefined) return refuse(res, 428, 'Send If-Match')
      if (condition !== tagOf(current)) return refuse(res, 412, 'It has changed')
      const written = await adapter.write(req.params.id, req.body, current.version)
      if (!written.ok) return refuse(res, 412, 'It has changed')
      showValidators(res, written.state)
      res.vary('Prefer').json(written.state.value)
    })
    return app
  },

  /** The middleware in front, and behind it a handler that takes the state which the middleware has read. */
  'express-preconditions': (adapter) => {
    const app = express()
    const articles = express.Router()
    app.use('/articles', articles)

    const readOnce = async (req) => {
      req.current ??= await adapter.read(req.params.id)
      return req.current
    }
    const stateAsync = async (req) => {
      const current = await readOnce(req)
      return { etag: current && showValidators(req.res, current), lastModified: current?.lastModified }
    }

    articles.get('/:id', preconditions({ stateAsync }), async (req, res) => {
      const current = await readOnce(req)
      if (current === undefined) return refuse(res, 404, 'Not found')
      showValidators(res, current)
      res.set('Cache-Control', 'no-cache').json(current.value)
    })

    articles.put('/:id', express.json(), preconditions({ stateAsync }), async (req, res) => {
      const { current } = req
      const refusal = refusalOf(req.body, current.value)
      if (refusal) return refuse(res, ...refusal)
      // It has no word for a write that insists on a version: this much the handler does by itself.
      const written = await adapter.write(req.params.id, req.body, current.version)
      if (!written.ok) return refuse(res, 412, 'It has changed')
      showValidators(res, written.state)
      res.vary('Prefer').json(written.state.value)
    })
    return app
  },
}

function tagOf({ version }) {
  return `"${version}"`
}

/** Last-Modified only once its second is over: two writes in one second have one date (RFC 9110 §8.8.2.2). */
function showValidators(res, state) {
  const tag = tagOf(state)
  res.set('ETag', tag)
  const second = Math.floor(state.lastModified.getTime() / 1000)
  if (second < Math.floor(Date.now() / 1000)) res.set('Last-Modified', state.lastModified.toUTCString())
  return tag
}

function refusalOf(proposed, stored) {
  if (!validate(proposed)) return [422, 'It does not keep to the schema']
  if (proposed.id !== stored.id || proposed.author !== stored.author) return [409, 'id and author cannot be changed']
  return undefined
}

function refuse(res, status, title) {
  res.status(status).type('application/problem+json').send(JSON.stringify({ status, title }))
}
