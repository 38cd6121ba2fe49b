import fc from 'fast-check'
import { contentHash } from '../../lib'
import { articleApp, MERGE, PATCH } from './article'

/** What JSON in a body can do to code that is not ready for it. */

const sentinel = () =>
  JSON.stringify(
    [Object, Array, Function, String, Number, Boolean].map((each) => Reflect.ownKeys(each.prototype).map(String)),
  )
const before = sentinel()

afterEach(() => {
  expect(sentinel()).toBe(before)
  expect(({} as Record<string, unknown>).isAdmin).toBeUndefined()
  expect(({} as Record<string, unknown>).x).toBeUndefined()
})

const deep = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`

describe('S7: JSON that is nested too deeply', () => {
  test.each([
    ['PUT', 'put', 'application/json', deep(10_000)],
    ['PUT of arrays', 'put', 'application/json', `${'['.repeat(50_000)}${']'.repeat(50_000)}`],
    ['POST', 'post', 'application/json', deep(10_000)],
    ['a merge patch', 'patch', MERGE, deep(10_000)],
    ['a merge patch of nulls', 'patch', MERGE, `${'{"a":'.repeat(10_000)}null${'}'.repeat(10_000)}`],
    ['the value of an operation', 'patch', PATCH, `[{"op":"add","path":"/a","value":${deep(10_000)}}]`],
    ['the value of a test', 'patch', PATCH, `[{"op":"test","path":"/a","value":${deep(10_000)}}]`],
  ] as const)('%s is 400, and nothing is stored', async (_name, method, type, body) => {
    const it = await articleApp({ a: 1 }, { schema: { $defs: { n: { type: 'object' } }, $ref: '#/$defs/n' } })
    const response = await it.send(method, body, type)
    expect(response.status).toBe(400)
    expect(response.body.code).toBe('malformed_body')
    expect(await it.stored()).toEqual({ a: 1 })
  })

  test('a JSON Patch that nests the document into itself is 400, and nothing is stored', async () => {
    const it = await articleApp({ a: 1 })
    const copies = Array.from({ length: 200 }, () => ({ op: 'copy', from: '', path: '/a' }))
    const response = await it.patch(...copies)
    expect(response.status).toBe(400)
    expect(response.body.code).toBe('malformed_body')
    expect(await it.stored()).toEqual({ a: 1 })
  })

  test('that a patch nests too deeply tells nothing to a client whose condition is stale', async () => {
    const it = await articleApp({ a: 1 })
    const copies = Array.from({ length: 200 }, () => ({ op: 'copy', from: '', path: '/a' }))
    await it.bare('patch').set('If-Match', '"old"').type(PATCH).send(JSON.stringify(copies)).expect(412)
  })

  test('as deep as the limit goes it is stored, read and patched', async () => {
    const it = await articleApp({ a: 1 }, { tag: contentHash(), immutable: ['/b'] })
    expect((await it.put(deep(128))).status).toBe(200)
    expect((await it.merge(deep(127))).status).toBe(200)
    expect((await it.put(deep(129))).status).toBe(400)
    expect((await it.get()).status).toBe(200)
  })
})

describe('S9: names that lead to a prototype', () => {
  const bodies = [
    '{"__proto__":{"isAdmin":true}}',
    '{"a":{"__proto__":{"x":1}}}',
    '{"a":[{"__proto__":{"x":1}}]}',
    '{"constructor":{"prototype":{"x":1}}}',
    '{"a":[[{"constructor":{"prototype":{"x":1}}}]]}',
  ]
  test.each(
    bodies.flatMap((body) => [
      ['put', 'application/json', body] as const,
      ['post', 'application/json', body] as const,
      ['patch', MERGE, body] as const,
      ['patch', PATCH, `[{"op":"add","path":"/a","value":${body}}]`] as const,
      ['patch', PATCH, `[{"op":"replace","path":"","value":${body}}]`] as const,
    ]),
  )('%s %s %s is 400, and nothing is stored', async (method, type, body) => {
    const it = await articleApp({ a: 1 })
    const response = await it.send(method, body, type)
    expect(response.status).toBe(400)
    expect(response.body.code).toBe('malformed_body')
    expect(await it.stored()).toEqual({ a: 1 })
  })

  test.each<[object]>([
    [{ op: 'add', path: '/__proto__/x', value: 1 }],
    [{ op: 'add', path: '/__proto__', value: {} }],
    [{ op: 'add', path: '/constructor/prototype/x', value: 1 }],
    [{ op: 'replace', path: '/__proto__/a', value: 2 }],
    [{ op: 'remove', path: '/a/__proto__' }],
    [{ op: 'copy', from: '/__proto__', path: '/b' }],
    [{ op: 'move', from: '/a', path: '/__proto__/a' }],
    [{ op: 'test', path: '/constructor/prototype', value: {} }],
    // CVE-2021-23807: tokens as an array are no pointer.
    [{ op: 'add', path: [['__proto__'], 'x'], value: 1 }],
    [{ op: 'add', path: ['__proto__', 'x'], value: 1 }],
    [{ op: 'copy', from: [['__proto__'], 'x'], path: '/b' }],
    [{ op: ['add'], path: '/a', value: 1 }],
    [{ op: '__proto__', path: '/a', value: 1 }],
    [{ op: 'toString', path: '/a', value: 1 }],
  ])('the operation %j is 400, and nothing is stored', async (operation) => {
    const it = await articleApp({ a: 1 })
    const response = await it.patch(operation)
    expect(response.status).toBe(400)
    expect(response.body.code).toBe('malformed_body')
    expect(await it.stored()).toEqual({ a: 1 })
  })

  test.each<[object]>([
    [{ op: 'replace', path: '/toString/x', value: 1 }],
    [{ op: 'remove', path: '/toString' }],
    [{ op: 'test', path: '/constructor/name', value: 'Object' }],
    [{ op: 'copy', from: '/hasOwnProperty', path: '/b' }],
    [{ op: 'replace', path: '/list/length', value: 0 }],
  ])('what %j names is inherited, and so it is missing', async (operation) => {
    const it = await articleApp({ a: 1, list: [1] })
    const response = await it.patch(operation)
    expect(response.status).toBe(409)
    expect(response.body.code).toBe('patch_failed')
    expect(await it.stored()).toEqual({ a: 1, list: [1] })
  })

  test('two halves that are harmless make no whole', async () => {
    const it = await articleApp({ a: 1 })
    const response = await it.patch(
      { op: 'add', path: '/b', value: { prototype: { x: 1 } } },
      { op: 'move', from: '/b', path: '/constructor' },
    )
    expect(response.status).toBe(400)
    expect(await it.stored()).toEqual({ a: 1 })
  })

  test('a member that has the name of a method is a member like any other', async () => {
    const it = await articleApp({ a: 1 })
    const value = { toString: 1, hasOwnProperty: { valueOf: 2 }, constructor: 'Bauhaus', prototype: [3] }
    expect((await it.put(value)).status).toBe(200)
    expect(await it.stored()).toEqual(value)
  })

  test('nothing is reached through frozen prototypes either', async () => {
    const it = await articleApp({ a: 1 }, { immutable: ['/toString'], hidden: ['/constructor', '/__proto__/x'] })
    expect((await it.put({ a: 2 })).status).toBe(200)
    expect((await it.merge({ valueOf: 3 })).status).toBe(200)
    expect(await it.stored()).toEqual({ a: 2, valueOf: 3 })
  })
})

describe('JSON that cannot be written again', () => {
  test.each([
    ['a number that is too large', '{"n":1e400}'],
    ['half of a surrogate pair', '{"t":"\\ud800"}'],
    ['half of a surrogate pair in a name', '{"\\udc00":1}'],
  ])('%s is 400, and nothing is stored', async (_name, body) => {
    const it = await articleApp({ a: 1 }, { tag: contentHash() })
    for (const method of ['put', 'post', 'patch'] as const) {
      const response = await it.send(method, body)
      expect([response.status, response.body.code]).toEqual([400, 'malformed_body'])
    }
    const patched = await it.patch({ op: 'add', path: '/x', value: JSON.parse('{"n":1}') })
    expect(patched.status).toBe(200)
    const refused = await it.send('patch', `[{"op":"add","path":"/x","value":${body}}]`, PATCH)
    expect(refused.status).toBe(400)
    expect((await it.get()).status).toBe(200)
  })
})

describe('S10: the last of two members of one name counts, for the check and for the store alike', () => {
  test('a second id is seen', async () => {
    const it = await articleApp({ id: '1', a: 1 }, { immutable: ['/id'] })
    const response = await it.put('{"id":"1","a":1,"id":"2"}')
    expect([response.status, response.body.code]).toEqual([409, 'immutable_field'])
    expect((await it.put('{"id":"2","a":2,"id":"1"}')).status).toBe(200)
    expect(await it.stored()).toEqual({ id: '1', a: 2 })
  })
})

describe('no JSON of any kind is answered with 5xx', () => {
  const names = fc.oneof(
    fc.string({ maxLength: 4 }),
    fc.constantFrom('a', 'id', 'secret', 'items', '__proto__', 'constructor', 'prototype', 'toString', '*', '-', '0'),
  )
  const values = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom<unknown>(null, true, 0, -1, 1e308, '', 'x'),
      fc.string({ maxLength: 5, unit: 'binary' }),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(names, tie('value'), { maxKeys: 3 }),
    ),
  })).value
  const pointers = fc.array(names, { maxLength: 3 }).map((tokens) => tokens.map((token) => `/${token}`).join(''))
  const operations = fc.array(
    fc.record(
      {
        op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test', 'x'),
        path: fc.oneof(pointers, values),
        from: pointers,
        value: values,
      },
      { requiredKeys: ['op', 'path'] },
    ),
    { maxLength: 4 },
  )
  const members = {
    immutable: ['/id', '/items/*/id', '/a/*'],
    writeOnce: ['/once'],
    hidden: ['/secret', '/items/*/secret'],
    arrayKeys: { '/items': '/id' },
    keyPointer: '/id',
    lifecycle: { field: '/a', frozen: ['frozen'], transitions: { x: ['frozen'] } },
    tag: contentHash(),
    preconditions: { required: false, versionField: '/revision' },
    schema: {
      $defs: { n: { properties: { b: { readOnly: true } }, additionalProperties: { $ref: '#/$defs/n' } } },
      properties: { items: { items: { $ref: '#/$defs/n' } } },
      allOf: [{ $ref: '#/$defs/n' }],
    },
  }

  test.each([
    ['put', 'application/json', values],
    ['post', 'application/json', values],
    ['patch', MERGE, values],
    ['patch', PATCH, operations],
  ] as const)(
    '%s %s',
    async (method, type, documents) => {
      const it = await articleApp({ id: '1', a: { b: 1 }, items: [{ id: 1, secret: 2 }], secret: 3 }, members)
      await fc.assert(
        fc.asyncProperty(documents, async (document) => {
          const response = await it.send(method, JSON.stringify(document), type)
          expect({ status: response.status, unexpected: response.body.unexpected }).toMatchObject({
            unexpected: undefined,
          })
          expect(response.status).toBeLessThan(500)
          expect((await it.get()).status).toBe(200)
        }),
        { numRuns: 60, seed: 9457 },
      )
    },
    60_000,
  )
})
