const { randomUUID } = require('node:crypto')
const Ajv2020 = require('ajv/dist/2020')
const addFormats = require('ajv-formats')
const express = require('express')
const { schema } = require('../article')

const validate = addFormats(new Ajv2020({ strictTypes: false })).compile(schema)

/** As most people write it who know of If-Match: one exact tag, and a version in the write. */
function plain(adapter) {
  const app = express()
  const articles = express.Router()
  app.use('/articles', articles)
  const read = readOf(adapter)
  const json = express.json({ type: ['application/json', 'application/merge-patch+json'] })

  articles.get('/:id', async (req, res) => {
    const current = await read(req)
    if (current === undefined) return refuse(res, 404, 'Not found')
    const tag = showValidators(res, current)
    res.set('Cache-Control', 'no-cache')
    if (req.get('If-None-Match') === tag) return res.status(304).end()
    res.json(current.value)
  })

  /** PUT and PATCH: the condition, the schema, the members that stay, and the write. */
  const change = (proposedOf) => async (req, res) => {
    const current = await read(req)
    if (current === undefined) return refuse(res, 404, 'Not found')
    const proposed = proposedOf(req.body, current.value)
    const refusal = conditionRefusal(req, current) ?? refusalOf(proposed, current.value)
    if (refusal) return refuse(res, ...refusal)
    const written = await adapter.write(req.params.id, proposed, current.version)
    if (!written.ok) return refuse(res, 412, 'It has changed')
    showValidators(res, written.state)
    res.vary('Prefer').json(written.state.value)
  }
  articles.put(
    '/:id',
    json,
    change((body) => body),
  )
  articles.patch(
    '/:id',
    json,
    change((body, value) => ({ ...value, ...body })),
  )

  articles.post('/', json, async (req, res) => {
    const id = randomUUID()
    const value = { ...req.body, id }
    if (!validate(value)) return refuse(res, 422, 'It does not keep to the schema')
    const written = await adapter.write(id, value, null)
    if (!written.ok) return refuse(res, 409, 'It exists')
    showValidators(res, written.state)
    res.status(201).location(`/articles/${id}`).vary('Prefer').json(written.state.value)
  })

  articles.delete('/:id', async (req, res) => {
    const current = await read(req)
    if (current === undefined) return refuse(res, 404, 'Not found')
    const refusal = conditionRefusal(req, current)
    if (refusal) return refuse(res, ...refusal)
    const removed = await adapter.remove(req.params.id, current.version)
    if (!removed.ok) return refuse(res, 412, 'It has changed')
    res.vary('Prefer').status(204).end()
  })
  return app
}

const readOf = (adapter) => (req) => adapter.read(req.params.id)

function conditionRefusal(req, current) {
  const condition = req.get('If-Match')
  if (condition === undefined) return [428, 'Send If-Match']
  if (condition !== tagOf(current)) return [412, 'It has changed']
  return undefined
}

function refusalOf(proposed, stored) {
  if (!validate(proposed)) return [422, 'It does not keep to the schema']
  if (proposed.id !== stored.id || proposed.author !== stored.author) return [409, 'id and author cannot be changed']
  return undefined
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

function refuse(res, status, title) {
  res.status(status).set('Cache-Control', 'no-store')
  res.type('application/problem+json').send(JSON.stringify({ status, title }))
}

module.exports = { plain, readOf, refuse, refusalOf, showValidators, tagOf, validate }
