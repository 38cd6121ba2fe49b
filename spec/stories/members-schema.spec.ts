import Ajv, { type Options } from 'ajv'
import Ajv2020 from 'ajv/dist/2020'
import addFormats from 'ajv-formats'
import { type ConflictOptions, memoryAdapter, resourceRouter } from '../../lib'
import { type Article, articleApp, named } from './article'

/** The schema of the whole resource. */

const newAjv = (options: Options = {}) => new Ajv({ strictTypes: false, ...options })

const start = (options: Partial<ConflictOptions<Article>>) => () =>
  resourceRouter({ name: 'article', adapter: memoryAdapter<Article>(), ...options })

const schema = { type: 'object', required: ['title'], properties: { title: { type: 'string', maxLength: 5 } } }

describe('a body that is not valid is 422, and says where', () => {
  test('by PUT', async () => {
    const it = await articleApp({ title: 'a' }, { schema })
    const response = await it.put({ title: 'too long' })
    expect([response.status, response.body.code]).toEqual([422, 'schema_invalid'])
    expect(response.body.detail).toBe('/title must NOT have more than 5 characters.')
    expect(response.body.errors).toEqual([
      {
        instancePath: '/title',
        keyword: 'maxLength',
        message: 'must NOT have more than 5 characters',
        params: { limit: 5 },
      },
    ])
    expect(await it.stored()).toEqual({ title: 'a' })
  })

  test('by POST and by PUT of what is new', async () => {
    const it = await articleApp(undefined, { schema })
    const response = await it.post({})
    expect([response.status, response.body.detail]).toEqual([422, "The resource must have required property 'title'."])
    expect((await it.bare('put').send({})).status).toBe(422)
  })

  test('as the patched resource, not as the patch', async () => {
    const it = await articleApp({ title: 'a' }, { schema })
    expect((await it.merge({ other: 1 })).status).toBe(200)
    expect((await it.merge({ title: null })).body.code).toBe('schema_invalid')
    expect((await it.patch({ op: 'remove', path: '/title' })).body.code).toBe('schema_invalid')
  })

  test('or 400, as the app likes', async () => {
    const it = await articleApp({ title: 'a' }, { schema, status: { schema_invalid: 400 } })
    const response = await it.put({})
    expect([response.status, response.body.status, response.body.code]).toEqual([400, 400, 'schema_invalid'])
  })

  test('with one error, however much is wrong', async () => {
    const it = await articleApp({ title: 'a' }, { schema: { ...schema, additionalProperties: false } })
    expect((await it.put({ a: 1, b: 2, c: 3 })).body.errors).toHaveLength(1)
  })

  test("with fifty errors at the most, where the app's own Ajv looks for all", async () => {
    const it = await articleApp(
      { list: [] },
      {
        schema: { properties: { list: { items: { type: 'string' } } } },
        ajv: newAjv({ allErrors: true }),
      },
    )
    expect((await it.put({ list: Array(80).fill(1) })).body.errors).toHaveLength(50)
  })
})

describe('dialects and formats', () => {
  test('2020-12 is the default', async () => {
    const it = await articleApp({ p: [] }, { schema: { properties: { p: { prefixItems: [{ type: 'string' }] } } } })
    expect((await it.put({ p: [1] })).status).toBe(422)
    expect((await it.put({ p: ['a', 1] })).status).toBe(200)
  })

  test('draft-07 where $schema says so', async () => {
    const it = await articleApp(
      { p: [] },
      {
        schema: {
          $schema: 'http://json-schema.org/draft-07/schema#',
          definitions: { s: { type: 'string' } },
          properties: { p: { items: [{ $ref: '#/definitions/s' }] } },
        },
      },
    )
    expect((await it.put({ p: [1] })).status).toBe(422)
    expect((await it.put({ p: ['a', 1] })).status).toBe(200)
  })

  test.each([
    ['date', '2026-02-29', '2024-02-29'],
    ['date-time', 'now', '2026-01-01T00:00:00Z'],
    ['email', 'me', 'me@example.com'],
    ['uuid', '1', '123e4567-e89b-12d3-a456-426614174000'],
  ])('the format %s is checked', async (format, wrong, right) => {
    const it = await articleApp({ v: right }, { schema: { properties: { v: { format } } } })
    expect((await it.put({ v: wrong })).status).toBe(422)
    expect((await it.put({ v: right })).status).toBe(200)
  })

  test('a compiled validator is taken as it is', async () => {
    const ajv = addFormats(new Ajv2020())
    const it = await articleApp({ title: 'a' }, { schema: ajv.compile(schema) })
    expect((await it.put({ title: 'b' })).status).toBe(200)
    expect((await it.put({ title: 'too long' })).body.errors).toMatchObject([{ instancePath: '/title' }])
  })

  test('what a validator answers but true is no consent', async () => {
    const it = await articleApp(
      { title: 'a' },
      { schema: (value: object) => !('title' in value) || Promise.resolve(false) },
    )
    expect((await it.put({ title: 'b' })).status).toBe(422)
  })
})

describe("the app's own Ajv may convert and fill in", () => {
  const coercing = () => newAjv({ coerceTypes: true, useDefaults: true, removeAdditional: 'all' })
  const converting = {
    type: 'object',
    properties: {
      n: { type: 'number' },
      lang: { type: 'string', default: 'en' },
      meta: { type: 'object', properties: { by: { type: 'string' }, n: { type: 'number', default: 0 } } },
    },
  }

  test('what is stored is what it made of the body', async () => {
    const it = await articleApp({ n: 1, lang: 'de' }, { schema: converting, ajv: coercing() })
    expect((await it.put({ n: '5', x: 1 })).body).toEqual({ n: 5, lang: 'en' })
    expect(await it.stored()).toEqual({ n: 5, lang: 'en' })
  })

  test('what it makes does not reach the state that the checks compare with', async () => {
    const seen: unknown[] = []
    const it = await articleApp(
      { n: '1', meta: { by: 'me' } },
      {
        schema: converting,
        ajv: coercing(),
        immutable: ['/meta'],
        rules: [({ current }) => void seen.push(JSON.parse(JSON.stringify(current?.value)))],
      },
    )
    const response = await it.merge({ lang: 'fr' })
    expect(named(response)).toEqual(['changed /meta'])
    expect(await it.stored()).toEqual({ n: '1', meta: { by: 'me' } })
    expect((await it.put({ n: 2 })).status).toBe(409)
    expect(seen).toEqual([])
  })

  test('an immutable member is held against what it became', async () => {
    const it = await articleApp({ n: 1, lang: 'en' }, { schema: converting, ajv: coercing(), immutable: ['/n'] })
    expect((await it.put({ n: '1' })).status).toBe(200)
    expect(named(await it.put({ n: '2' }))).toEqual(['changed /n'])
    expect(named(await it.put({ n: null }))).toEqual(['changed /n'])
    expect(await it.stored()).toEqual({ n: 1, lang: 'en' })
  })

  test('a compiled validator of it is treated alike', async () => {
    const it = await articleApp({ n: 1, lang: 'en' }, { schema: coercing().compile(converting), immutable: ['/n'] })
    expect((await it.merge({ n: '2' })).status).toBe(409)
    expect((await it.put({ n: '1', lang: 'x' })).body).toEqual({ n: 1, lang: 'x' })
  })
})

describe('when the app starts', () => {
  test.each<[string, Partial<ConflictOptions<Article>>]>([
    ['a type that there is not', { schema: { type: 'article' } }],
    ['a keyword that there is not', { schema: { propertys: {} } }],
    ['a reference to nowhere', { schema: { $ref: '#/$defs/none' } }],
    ['a pattern that is none', { schema: { pattern: '(' } }],
    ['a format that there is not', { schema: { format: 'colour' } }],
    ['a dialect that is not known', { schema: { $schema: 'http://json-schema.org/draft-04/schema#' } }],
    ['a schema that is no object', { schema: 'article' as unknown as object }],
    [
      'readOnly in a compiled validator that refers to what only its Ajv knows',
      {
        schema: newAjv({ schemas: { other: { type: 'string' } } }).compile({
          properties: { a: { readOnly: true }, b: { $ref: 'other' } },
        }),
      },
    ],
  ])('%s is refused', (_name, options) => {
    expect(start(options)).toThrow()
  })

  test('$async is refused, as a schema and compiled', () => {
    const waiting = { $async: true, type: 'object' }
    const message = 'schema: "$async" schemas are not supported; put what has to wait into `rules`.'
    expect(start({ schema: waiting })).toThrow(new TypeError(message))
    expect(start({ schema: waiting, ajv: newAjv() })).toThrow(new TypeError(message))
    expect(start({ schema: newAjv().compile(waiting) })).toThrow(new TypeError(message))
  })

  describe('S5: $data, which lets a client bring a pattern,', () => {
    const bringing = { properties: { p: { type: 'string' }, s: { type: 'string', pattern: { $data: '1/p' } } } }
    const linear = Object.assign((pattern: string) => ({ test: (text: string) => text.includes(pattern) }), {
      code: 'require("./linear")',
    })

    test("is refused in the app's own Ajv", () => {
      expect(start({ schema, ajv: newAjv({ $data: true }) })).toThrow(
        'schema: the Ajv instance has $data without code.regExp: a client could bring a pattern that takes for ever.',
      )
      expect(start({ schema: bringing, ajv: newAjv({ $data: true, code: { lines: true } }) })).toThrow('code.regExp')
    })

    test('is refused in a compiled validator', () => {
      expect(start({ schema: newAjv({ $data: true }).compile(bringing) })).toThrow(
        'schema: a compiled validator has $data without code.regExp',
      )
    })

    test('is understood by no Ajv of ours', () => {
      expect(start({ schema: bringing })).toThrow()
    })

    test('passes with an engine that is linear', async () => {
      const it = await articleApp(
        { p: 'a', s: 'a' },
        {
          schema: bringing,
          ajv: newAjv({ $data: true, code: { regExp: linear } }),
        },
      )
      expect((await it.put({ p: '(a+)+$', s: 'b' })).status).toBe(422)
      expect((await it.put({ p: 'b', s: 'abc' })).status).toBe(200)
    })

    test('passes where it is off', () => {
      expect(start({ schema, ajv: newAjv({ $data: false }) })).not.toThrow()
      expect(start({ schema, ajv: newAjv() })).not.toThrow()
    })
  })
})

test('S6: a length in front of a slow pattern shields it', async () => {
  const slow = { properties: { s: { type: 'string', maxLength: 20, pattern: '^(a+)+$' } } }
  const it = await articleApp({ s: 'a' }, { schema: slow })
  const started = performance.now()
  expect((await it.put({ s: `${'a'.repeat(40)}b` })).body.errors).toMatchObject([{ keyword: 'maxLength' }])
  expect(performance.now() - started).toBeLessThan(3000)
})

test('S8: a schema that a request brings is data like any other', async () => {
  const it = await articleApp({ title: 'a' }, { schema })
  const body = { title: 'b', $schema: 'http://evil.example/schema', $ref: '#', $id: 'http://evil.example/' }
  expect((await it.put(body)).status).toBe(200)
  expect((await it.put({ title: 'too long', $schema: 'http://evil.example/schema' })).status).toBe(422)
})

test('a schema may name a subschema by $anchor', async () => {
  const anchored = {
    $defs: { id: { $anchor: 'id', type: 'number', readOnly: true } },
    properties: { id: { $ref: '#id' } },
  }
  const it = await articleApp({ id: 1 }, { schema: anchored })
  expect([(await it.put({ id: 2 })).status, (await it.merge({ title: 'a' })).status]).toEqual([409, 200])
  expect((await it.post({ title: 'b' })).status).toBe(201)
})
