const express = require('express')
const { STATUS_CODES } = require('node:http')
const path = require('node:path')
const {
  asyncHandler,
  changeStream,
  detectConflicts,
  reportChange,
  resourceOf,
  resourceRouter,
  respondToConflicts,
} = require('express-conflict')
const { dashboard } = require('express-conflict/dashboard')
const { guardedPaths, problemPages } = require('express-conflict/openapi')
const { article } = require('./articles')
const { showMetrics } = require('./metrics')
const { list } = require('./storage')

const app = express()
const guard = detectConflicts(article)

app.use(express.static(path.join(__dirname, 'public')))
// The client, as it is published: one file, with nothing to build.
const clientFile = path.join(path.dirname(require.resolve('express-conflict/package.json')), 'dist/client.mjs')
app.get('/client.mjs', (_req, res) => res.sendFile(clientFile))
app.use(express.json({ type: ['application/json', 'application/*+json'] }))

// An article has a Last-Modified: without this, a browser may show its own copy for a while and not ask again.
app.use('/articles', (_req, res, next) => {
  res.set('Cache-Control', 'no-cache')
  next()
})

app.get(
  '/articles',
  asyncHandler(async (_req, res) => {
    const all = await list()
    res.json(all.map(({ id, title, status }) => ({ id, title, status })))
  }),
)

// A handler of our own: the guard has checked everything, and `commit` stores what it is given.
app.post(
  '/articles',
  guard,
  asyncHandler(async (req, res) => {
    const { proposed, commit } = resourceOf(req, article)
    const { representation } = await commit({ ...proposed, createdAt: new Date().toISOString() })
    res.status(201).json(representation)
  }),
)

// An action: the body proposes nothing, so the handler says what becomes of the article. After a lost race the
// function is called again with what is stored then.
app.post(
  '/articles/:id/submit',
  guard,
  asyncHandler(async (req, res) => {
    const { commit } = resourceOf(req, article)
    const { representation } = await commit((current) => ({ ...current, status: 'review' }))
    res.json(representation)
  }),
)

// What would happen? The same checks, and nothing is written.
app.route('/articles/:id/dry-run').put(guard, reportChange()).patch(guard, reportChange())

// People who have an article open are told when somebody else saves it or begins to edit it.
const changes = changeStream(article)
app.get('/articles/:id/changes', changes)

// GET, PUT, PATCH and DELETE of /articles/:id, and of /articles/:id/lock: who is editing.
app.use('/articles', resourceRouter(article))

// Where people collide, and what would help. In a real newsroom both stand behind a login. The key of an article is no
// secret here; without `keys: 'shown'` there is a hash in its place.
const collisions = dashboard({ keys: 'shown' })
app.use('/conflicts', collisions)
app.get('/metrics', showMetrics)

// What each kind of problem means, and what the API looks like to a program.
app.use('/problems', problemPages())
app.get('/openapi.json', (_req, res) => {
  const info = { title: 'The newsroom', version: '1' }
  res.json({ openapi: '3.1.0', info, ...guardedPaths(article, { path: '/articles/{id}' }) })
})

app.use(respondToConflicts({ typePrefix: '/problems/' }))

// What is no conflict, such as a path that cannot be decoded. Express itself would show where in the code it happened.
app.use((error, _req, res, next) => {
  if (res.headersSent) return next(error)
  const { status = 500 } = error
  if (status >= 500) console.error(error)
  res.status(status).json({ status, title: STATUS_CODES[status] ?? 'Error' })
})

/** Ends the streams, which would keep the server open. Their clients come back, to the next process. */
function stop() {
  changes.stop()
  collisions.stop()
}

module.exports = { app, stop }
