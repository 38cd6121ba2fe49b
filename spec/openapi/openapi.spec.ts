import Ajv2020 from 'ajv/dist/2020'
import addFormats from 'ajv-formats'
import express from 'express'
import request from 'supertest'
import { CONFLICTS, memoryAdapter, memoryStore, resourceRouter, respondToConflicts } from '../../lib'
import { guardedPaths, problemPages, problemSchema } from '../../lib/openapi'

const ajv = addFormats(new Ajv2020({ strict: false }))
// The schema of the OpenAPI Initiative, as a validator ships it.
ajv.addFormat('media-range', true)
const openApi = ajv.compile(require('@seriousme/openapi-schema-validator/schemas/v3.1/schema.json'))

const schema = { type: 'object', required: ['title'], properties: { title: { type: 'string' } } }
const options = { name: 'article', schema, idempotency: { required: true }, editLocks: {} }
const document = (fragments: object) => ({ openapi: '3.1.0', info: { title: 'Articles', version: '1' }, ...fragments })

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly required: boolean }[]
  readonly responses: Readonly<Record<string, { readonly headers?: object; readonly content?: object }>>
}
const operationsOf = (fragments: ReturnType<typeof guardedPaths>, path: string) =>
  fragments.paths[path] as unknown as Record<string, Operation>

test.each([
  ['all options', options, {}],
  ['a name alone', { name: 'article' }, {}],
  ['a definition', { options: { name: 'an article' } }, {}],
  ['some methods', options, { methods: ['get', 'put'] as const }],
])('a description of %s is a valid OpenAPI 3.1 document', (_name, resource, more) => {
  const valid = openApi(document(guardedPaths(resource, { path: '/blogs/{blog}/articles/{id}', ...more })))
  expect([valid, openApi.errors]).toEqual([true, null])
})

/** Every option that changes a description, in every combination. */
const combinations = (): object[] =>
  Object.entries({
    schema: [undefined, schema, { '~standard': {} }],
    preconditions: [undefined, { required: 'version' }, { required: false }],
    create: [undefined, [], ['PUT'], ['POST']],
    idempotency: [undefined, { required: true }, {}],
    editLocks: [undefined, {}],
  }).reduce<object[]>(
    (all, [name, values]) =>
      all.flatMap((one) => values.map((value) => (value === undefined ? one : { ...one, [name]: value }))),
    [{ name: 'article' }],
  )

test('of every combination of options the description is a valid document, with references that lead somewhere', () => {
  const all = combinations()
  expect(all).toHaveLength(3 * 3 * 4 * 3 * 2)
  const wrong = all.filter((resource) => {
    const fragments = guardedPaths(resource as { name: string }, { path: '/articles/{id}' })
    return !openApi(document(fragments)) || missingRefs(fragments).length > 0
  })
  expect(wrong).toEqual([])
})

function missingRefs(fragments: ReturnType<typeof guardedPaths>): string[] {
  const { components } = fragments as unknown as { components: Record<string, Record<string, object>> }
  return [...JSON.stringify(fragments).matchAll(/"\$ref":"#\/components\/(\w+)\/([^"]+)"/g)]
    .filter(([, group = '', name = '']) => components[group]?.[name] === undefined)
    .map(([ref]) => ref)
}

test('the validator would say what is wrong', () => {
  expect(openApi(document({ paths: { '/x': { get: { responses: { '200': {} } } } } }))).toBe(false)
})

test('a change says which conditions and keys it takes, and with what it is refused', () => {
  const operations = operationsOf(guardedPaths(options, { path: '/articles/{id}' }), '/articles/{id}')
  expect(Object.keys(operations.patch!.responses)).toEqual([
    '200',
    '400',
    '403',
    '404',
    '409',
    '410',
    '412',
    '413',
    '415',
    '422',
    '423',
    '428',
    '503',
  ])
  expect(operations.patch!.parameters!.map(({ name, required }) => [name, required])).toEqual([
    ['If-Match', true],
    ['Idempotency-Key', true],
  ])
  expect(operations.patch!.responses['412']!.headers).toHaveProperty('ETag')
  expect(operations.patch!.responses['503']!.headers).toHaveProperty('Retry-After')
  expect(Object.keys(operations.get!.responses)).toEqual(['200', '304', '403', '404', '410', '503'])
  expect(operations.head!.responses['404']!.content).toBeUndefined()
})

test('without required conditions there is no 428, and without edit locks no 423', () => {
  const plain = { name: 'article', preconditions: { required: false } }
  const { put } = operationsOf(guardedPaths(plain, { path: '/articles/{id}' }), '/articles/{id}')
  expect(Object.keys(put!.responses).filter((status) => ['423', '428'].includes(status))).toEqual([])
})

test('what the chain refuses fits the schema of its status', async () => {
  const adapter = memoryAdapter<{ title: string }>()
  await adapter.write('1', { title: 'first' }, null)
  const app = express()
  const idempotency = { store: memoryStore(), scope: () => 'all' }
  app.use('/articles', resourceRouter({ name: 'article', adapter, schema, idempotency, immutable: ['/title'] }))
  app.use(respondToConflicts())
  const answers = [
    await request(app).put('/articles/1').send({ title: 'x' }),
    await request(app).put('/articles/1').set('If-Match', '"old"').send({ title: 'x' }),
    await request(app).put('/articles/1').set('If-Match', '*').send({ title: 'x' }),
    await request(app).put('/articles/1').set('If-Match', '*').send({}),
    await request(app).post('/articles').set('Idempotency-Key', '"no end').send({ title: 'x' }),
    await request(app).get('/articles/2'),
  ]
  expect(answers.map(({ status }) => status)).toEqual([428, 412, 409, 422, 400, 404])
  for (const { status, body } of answers) {
    const validate = ajv.compile(problemSchema(status))
    expect([status, validate(body), validate.errors]).toEqual([status, true, null])
  }
})

describe('the pages of the problem types', () => {
  const app = express()
  const words = { de: { gone: { title: 'Gibt es nicht <mehr>', next: 'Da hilft nichts.' } } }
  app.use('/problems', problemPages({ words }))

  test.each(Object.keys(CONFLICTS))('%s has one', async (kind) => {
    const { text, headers } = await request(app).get(`/problems/${kind}`).expect(200)
    expect(text).toContain(`<code>${kind}</code>`)
    expect(headers['content-security-policy']).toBe("default-src 'none'; frame-ancestors 'none'")
  })

  test('all of them are listed', async () => {
    const { text } = await request(app).get('/problems').expect(200)
    expect(text.match(/<section/g)).toHaveLength(Object.keys(CONFLICTS).length)
  })

  test.each([
    ['de-AT, en;q=0.5', 'de'],
    ['fr, de;q=0.3, en;q=0.2', 'de'],
    ['de;q=0, fr', 'en'],
    ['', 'en'],
    ['de ; Q=0.5, en;q=0.4', 'de'],
    ['de; x=1; q=0.1, en; q=0.4', 'en'],
  ])('Accept-Language "%s": %s', async (field, language) => {
    const { text, headers } = await request(app).get('/problems/gone').set('Accept-Language', field)
    expect(headers['content-language']).toBe(language)
    expect(text.includes('Gibt es nicht &#60;mehr&#62;')).toBe(language === 'de')
  })

  test('a program gets JSON', async () => {
    const { body } = await request(app).get('/problems/locked').set('Accept', 'application/json').expect(200)
    expect(body).toMatchObject({ code: 'locked', status: 423, retryable: true, resolution: 'wait' })
  })

  test.each(['/problems/nothing', '/problems/constructor', '/problems/__proto__'])('%s is nobody’s', async (path) => {
    await request(app).get(path).expect(404)
  })
})

test.each<[() => unknown, RegExp]>([
  [() => guardedPaths({ name: 'a' }, { path: '/articles/:id' }), /path has to be a path of OpenAPI/],
  [() => guardedPaths({ name: 'a' }, { path: '/a/{id}', method: ['get'] } as never), /Did you mean "methods"/],
  [() => problemPages({ words: { de: { nothing: {} } } } as never), /words has to be words by language and kind/],
  [() => problemPages({ word: {} } as never), /Did you mean "words"/],
])('%s is refused when the app starts', (make, message) => {
  expect(make).toThrow(message)
})
