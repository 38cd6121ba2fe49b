// What an article is, and what may become of it. Everything else follows from these options.

const { articles } = require('./storage')

const articleOptions = {
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
}

/** `proposed` is what the request would store; it is undefined when the article is being removed. */
function publishedHasTeaser({ proposed }) {
  if (proposed?.status !== 'published' || proposed.teaser.trim() !== '') return undefined
  return { detail: 'A published article needs a teaser.', pointers: ['/teaser'] }
}

module.exports = { articles, articleOptions }
