const express = require('express')
const { resourceRouter, respondToConflicts } = require('express-conflict')
const preconditions = require('express-preconditions')
const { schema, immutable } = require('../article')
const { careful } = require('./careful')
const { plain, readOf, refuse, refusalOf, showValidators } = require('./plain')

function ours(adapter) {
  const app = express()
  app.use('/articles', resourceRouter({ name: 'article', adapter, schema, immutable, keyPointer: '/id' }))
  app.use(respondToConflicts())
  return app
}

/** The same service, over one kind of adapter and behind the same router of Express. */
module.exports = {
  ours,
  /** The control: by how much two that are the same differ. */
  'ours again': ours,
  careful,
  plain,

  /** The middleware in front, and behind it a handler that takes the state which the middleware has read. */
  'express-preconditions': (adapter) => {
    const app = express()
    const articles = express.Router()
    app.use('/articles', articles)

    const read = readOf(adapter)
    const readOnce = async (req) => {
      req.current ??= await read(req)
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
