/** What every measurement edits: a small article, or one with sections enough to fill so many bytes. */
const SIZES = { small: 0, '10 KiB': 10 * 1024, '98 KiB': 98 * 1024 }

const schema = {
  type: 'object',
  required: ['id', 'author', 'title', 'body'],
  additionalProperties: false,
  properties: {
    id: { type: 'string' },
    author: { type: 'string', maxLength: 100 },
    title: { type: 'string', minLength: 1, maxLength: 200 },
    body: { type: 'string' },
    edits: { type: 'integer', minimum: 0 },
    sections: {
      type: 'array',
      items: {
        type: 'object',
        required: ['heading', 'text'],
        properties: { heading: { type: 'string' }, text: { type: 'string' }, words: { type: 'integer' } },
      },
    },
  },
}

const immutable = ['/id', '/author']

function articleOf(id, bytes) {
  const article = {
    id,
    author: 'Ada Lovelace',
    title: 'Notes',
    body: 'On the engine. '.repeat(8),
    edits: 0,
    sections: [],
  }
  while (JSON.stringify(article).length < bytes)
    article.sections.push({
      heading: `Note ${article.sections.length}`,
      text: 'It weaves patterns. '.repeat(9),
      words: 27,
    })
  return article
}

module.exports = { SIZES, schema, immutable, articleOf }
