const { randomUUID } = require('node:crypto')
const express = require('express')
const equal = require('fast-deep-equal')
const { immutable } = require('../article')
const { readOf, showValidators, tagOf, validate } = require('./plain')

const MERGE_PATCH = 'application/merge-patch+json'
const fixed = immutable.map((pointer) => pointer.slice(1))

/**
 * As somebody writes it who has read RFC 9110 and RFC 9457: lists of tags, weak ones, `*`, dates, members that reach the
 * prototype, media types, Prefer, problems that say what to do, and no tag for what was not stored as it was sent.
 */
function careful(adapter) {
  const app = express()
  const articles = express.Router()
  app.use('/articles', articles)
  const read = readOf(adapter)
  const json = express.json({ type: ['application/json', MERGE_PATCH] })

  articles.get('/:id', async (req, res) => {
    const current = await read(req)
    if (current === undefined) return refuse(res, NOT_FOUND)
    const tag = showValidators(res, current)
    res.set('Cache-Control', 'no-cache')
    if (isNotModified(req, current, tag)) return res.status(304).end()
    res.json(current.value)
  })

  /** PUT and PATCH. What the client may not have seen yet is judged behind its condition. */
  const change = (types, proposedOf) => async (req, res) => {
    if (!req.is(types)) return refuse(res.set('Accept-Patch', MERGE_PATCH), WRONG_TYPE)
    const current = await read(req)
    if (current === undefined) return refuse(res, NOT_FOUND)
    if (reachesPrototype(req.body)) return refuse(res, UNSAFE_MEMBER)
    const proposed = proposedOf(req.body, current.value)
    if (!validate(proposed)) return refuse(res, { ...NOT_VALID, errors: validate.errors.slice(0, 20) })
    const stale = conditionProblem(req, current)
    if (stale) return refuse(res, stale)
    const moved = fixed.filter((name) => !equal(proposed[name], current.value[name]))
    if (moved.length > 0)
      return refuse(res, { ...IMMUTABLE, conflicts: moved.map((name) => ({ pointer: `/${name}` })) })
    const written = await adapter.write(req.params.id, proposed, current.version)
    if (!written.ok) return refuse(res, lostTo(req, written.current))
    answer(req, res, 200, written.state, proposed)
  }
  articles.put(
    '/:id',
    json,
    change(['application/json'], (body) => body),
  )
  articles.patch(
    '/:id',
    json,
    change(['application/json', MERGE_PATCH], (body, value) => merged(value, body)),
  )

  articles.post('/', json, async (req, res) => {
    if (!req.is('application/json')) return refuse(res, WRONG_TYPE)
    if (reachesPrototype(req.body)) return refuse(res, UNSAFE_MEMBER)
    const id = randomUUID()
    const value = { ...req.body, id }
    if (!validate(value)) return refuse(res, { ...NOT_VALID, errors: validate.errors.slice(0, 20) })
    const written = await adapter.write(id, value, null)
    if (!written.ok) return refuse(res, TAKEN)
    res.location(`/articles/${id}`)
    answer(req, res, 201, written.state, value)
  })

  articles.delete('/:id', async (req, res) => {
    const current = await read(req)
    if (current === undefined) return refuse(res, NOT_FOUND)
    const stale = conditionProblem(req, current)
    if (stale) return refuse(res, stale)
    const removed = await adapter.remove(req.params.id, current.version)
    if (!removed.ok) return refuse(res, lostTo(req, removed.current))
    res.vary('Prefer').status(204).end()
  })
  return app
}

/** The validators only where what is stored is what was sent (RFC 9110 §9.3.4). */
function answer(req, res, status, state, sent) {
  if (equal(state.value, sent)) showValidators(res, state)
  res.vary('Prefer')
  if (/\breturn=minimal\b/.test(req.get('Prefer') ?? ''))
    return res
      .set('Preference-Applied', 'return=minimal')
      .status(status === 201 ? 201 : 204)
      .end()
  res.status(status).json(state.value)
}

const TAG = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/

/** Scanned, and not split: a comma may stand in a tag. */
function tagsIn(list) {
  const tags = []
  let rest = list.trimStart()
  while (rest !== '') {
    const [tag] = TAG.exec(rest) ?? []
    if (tag === undefined) return undefined
    tags.push(tag)
    rest = rest.slice(tag.length).trimStart()
    if (rest !== '' && rest[0] !== ',') return undefined
    rest = rest.replace(/^[,\s]+/, '')
  }
  return tags.length > 0 ? tags : undefined
}

function isNotModified(req, current, tag) {
  const condition = req.get('If-None-Match')
  if (condition !== undefined)
    return condition.trim() === '*' || tagsIn(condition)?.some((each) => each.replace(/^W\//, '') === tag) === true
  const since = Date.parse(req.get('If-Modified-Since') ?? '')
  return !Number.isNaN(since) && Math.floor(current.lastModified.getTime() / 1000) * 1000 <= since
}

function conditionProblem(req, current) {
  const condition = req.get('If-Match')
  if (condition === undefined) return REQUIRED
  if (condition.trim() === '*') return undefined
  const tags = tagsIn(condition)
  if (tags === undefined) return MALFORMED
  return tags.includes(tagOf(current)) ? undefined : { ...FAILED, expected: condition, current: tagOf(current) }
}

function lostTo(req, current) {
  return current ? { ...FAILED, expected: req.get('If-Match'), current: tagOf(current) } : NOT_FOUND
}

function reachesPrototype(value) {
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return value.some(reachesPrototype)
  return Object.keys(value).some((name) => name === '__proto__' || reachesPrototype(value[name]))
}

/** RFC 7396. */
function merged(value, patch) {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch
  const result = typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
  for (const [name, content] of Object.entries(patch)) {
    if (content === null) delete result[name]
    else result[name] = merged(result[name], content)
  }
  return result
}

const problem = (status, code, title, more) => ({
  type: `https://example.com/problems/${code}`,
  title,
  status,
  ...more,
  code,
})
const NOT_FOUND = problem(404, 'not_found', 'There is no such article', { retryable: false, resolution: 'none' })
const WRONG_TYPE = problem(415, 'unsupported_media_type', 'Send JSON', { resolution: 'change-request' })
const UNSAFE_MEMBER = problem(400, 'malformed_body', 'A member has a name that is not allowed', {})
const NOT_VALID = problem(422, 'schema_invalid', 'It does not keep to the schema', { resolution: 'change-request' })
const IMMUTABLE = problem(409, 'immutable_field', 'A member cannot be changed', { resolution: 'change-request' })
const TAKEN = problem(409, 'already_exists', 'It exists', { resolution: 'change-request' })
const MALFORMED = problem(400, 'malformed_condition', 'If-Match is no list of entity tags', { field: 'If-Match' })
const REQUIRED = problem(428, 'precondition_required', 'The request has to say which state it expects', {
  detail: 'Send the ETag of the state that the change was made from as If-Match.',
  retryable: false,
  resolution: 'refetch',
  field: 'If-Match',
})
const FAILED = problem(412, 'precondition_failed', 'The article is not in the state that the request expects', {
  detail: 'Somebody changed it in between: fetch it, apply the change again, and send its new ETag.',
  retryable: false,
  resolution: 'refetch',
  field: 'If-Match',
})

function refuse(res, body) {
  if (body.current !== undefined) res.set('ETag', body.current)
  res.status(body.status).set('Cache-Control', 'no-store')
  // Not by res.send, which adds a charset: RFC 9457 has none.
  res.setHeader('Content-Type', 'application/problem+json')
  res.end(JSON.stringify({ ...body, instance: `urn:uuid:${randomUUID()}` }))
}

module.exports = { careful }
