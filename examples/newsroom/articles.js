// What an article is, and what may become of it. Everything else follows from this definition.

const { defineResource, editLocks } = require('express-conflict')
const { articles, records } = require('./storage')

const article = defineResource({
  name: 'article',
  adapter: articles,
  keyPointer: '/id',
  create: ['POST'],
  schema: {
    type: 'object',
    required: ['id', 'title', 'teaser', 'body', 'author', 'status', 'editedBy'],
    additionalProperties: false,
    properties: {
      id: { type: 'string' },
      title: { type: 'string', minLength: 1, maxLength: 90 },
      teaser: { type: 'string', maxLength: 200 },
      body: { type: 'string', maxLength: 20000 },
      author: { type: 'string', minLength: 1, maxLength: 40 },
      status: { enum: ['draft', 'review', 'published', 'archived'] },
      editedBy: { type: 'string', minLength: 1, maxLength: 40 },
      createdAt: { type: 'string', format: 'date-time', readOnly: true },
    },
  },
  immutable: ['/id', '/author'],
  lifecycle: {
    field: '/status',
    initial: ['draft'],
    frozen: ['archived'],
    transitions: {
      draft: ['review'],
      review: ['draft', 'published'],
      published: ['archived'],
      archived: [],
    },
  },
  rules: [publishedHasTeaser],
  editLocks: editLocks({
    store: records,
    owner: editorOf,
    describeHolder: ({ owner }) => ({ name: nameOf(owner) }),
    // Anybody here may take over. What the other one wrote is not lost: the next save says what came in between.
    mayBreak: () => true,
    leaseMs: 20_000,
  }),
  // Two clicks on Save send the same words twice. The second one is told that they are stored. For a number that people
  // count up it would be wrong: two that count from 6 to 7 would both be told so.
  alreadyApplied: ['PUT', 'DELETE'],
  // What arrives twice with one Idempotency-Key is carried out once. Where the records are in the database of the articles,
  // both are written in one transaction: what has no answer when the newsroom goes down was not done, and may run.
  isolation: 'transaction',
  idempotency: {
    store: records,
    scope: (req) => editorOf(req) ?? 'nobody',
    onInProgress: 'wait',
    onUnknown: 'run-again',
  },
})

/** In a real newsroom the session says who asks; a header of the client's own proves nothing. */
function editorOf(req) {
  return req.get('X-Editor')
}

/** A header holds no letters beyond Latin, so the page escapes them. */
function nameOf(editor) {
  try {
    return decodeURIComponent(editor)
  } catch {
    return editor
  }
}

/** `proposed` is what the request would store; it is undefined when the article is being removed. */
function publishedHasTeaser({ proposed }) {
  if (proposed?.status !== 'published' || proposed.teaser.trim() !== '') return undefined
  return { detail: 'A published article needs a teaser.', pointers: ['/teaser'] }
}

module.exports = { article, articles }
