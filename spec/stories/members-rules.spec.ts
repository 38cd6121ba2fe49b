import type { Change } from '../../lib'
import { type Article, articleApp, named } from './article'

/** What the app itself decides: who may, and which changes are right. */

describe('allow', () => {
  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['true', true],
  ])('%s lets the caller through', async (_name, answer) => {
    const it = await articleApp({ a: 1 }, { allow: () => answer as true })
    expect((await it.get()).status).toBe(200)
    expect((await it.put({ a: 2 })).status).toBe(200)
    expect((await it.post({ a: 3 })).status).toBe(201)
  })

  test.each<[string, unknown, object]>([
    ['false', false, {}],
    ['a sentence', 'Editors only.', { detail: 'Editors only.' }],
    ['the empty string', '', { detail: '' }],
    [
      'a denial',
      { detail: 'Editors only.', type: 'https://example.com/p' },
      { detail: 'Editors only.', type: 'https://example.com/p' },
    ],
    ['an empty denial', {}, {}],
    ['a denial that says so', { as: 'denied' }, {}],
    ['what it may not answer', 0, {}],
  ])('%s refuses with 403, reads and changes alike', async (_name, answer, more) => {
    const it = await articleApp({ a: 1 }, { allow: async () => answer as false })
    for (const response of [
      await it.get(),
      await it.put({ a: 2 }),
      await it.merge({ a: 2 }),
      await it.send('delete'),
      await it.post({}),
    ]) {
      expect([response.status, response.body.code, response.body.resolution]).toEqual([403, 'denied', 'none'])
      expect(response.body).toMatchObject(more)
      expect(response.headers.etag).toBeUndefined()
    }
    expect(await it.stored()).toEqual({ a: 1 })
  })

  test('S17: a resource that is to be hidden answers like one that is not there', async () => {
    const it = await articleApp(
      { a: 1 },
      { allow: () => ({ as: 'not_found' }), create: ['POST'], expose: ({ value }) => value },
    )
    for (const method of ['get', 'put', 'patch', 'delete'] as const) {
      const ask = async (path: string) => {
        const response = await it
          .bare(method, path)
          .set('If-Match', '"x"')
          .type('json')
          .send(method === 'get' ? undefined : '{}')
        const { instance, ...problem } = response.body
        expect(instance).toMatch(/^urn:uuid:/)
        const { date: _, 'content-length': __, ...headers } = response.headers
        return { status: response.status, problem, headers }
      }
      const [hidden, missing] = [await ask('/articles/1'), await ask('/articles/2')]
      expect(hidden).toEqual(missing)
      expect(hidden.status).toBe(404)
    }
  })

  test('is asked before the condition and the body are looked at', async () => {
    const it = await articleApp({ a: 1 }, { allow: () => false })
    await it.bare('put').set('If-Match', 'malformed').send({ a: 1 }).expect(403)
    await it.bare('put').send({ a: 1 }).expect(403)
    await it.bare('put').type('json').send('{"__proto__":1}').expect(403)
  })

  test('sees the request and the current state', async () => {
    const seen: unknown[] = []
    const it = await articleApp(
      { a: 1 },
      {
        allow: (req, current) => void seen.push([req.method, current?.value]),
      },
    )
    await it.get()
    await it.put({ a: 2 })
    await it.post({ a: 3 })
    expect(seen).toEqual([
      ['GET', { a: 1 }],
      ['PUT', { a: 1 }],
      ['POST', undefined],
    ])
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('no session')
      },
    ],
    ['rejects', () => Promise.reject(new Error('no session'))],
  ])('one that %s lets nobody through', async (_name, allow) => {
    const it = await articleApp({ a: 1 }, { allow })
    const response = await it.put({ a: 2 })
    expect([response.status, response.body]).toEqual([500, { unexpected: 'Error: no session' }])
    expect((await it.get()).status).toBe(500)
    expect(await it.stored()).toEqual({ a: 1 })
  })
})

describe('rules', () => {
  test('a broken one is 409, with a type, a title and pointers of its own', async () => {
    const it = await articleApp(
      { price: 1 },
      {
        rules: [
          async () => undefined,
          async ({ proposed }) =>
            Number(proposed?.price) > 10
              ? { detail: 'Too dear.', type: 'https://example.com/dear', title: 'Price', pointers: ['/price', '/tax'] }
              : null,
        ],
      },
    )
    expect((await it.put({ price: 10 })).status).toBe(200)
    const response = await it.put({ price: 11 })
    expect(response.status).toBe(409)
    expect(response.body).toMatchObject({
      code: 'rule_violation',
      detail: 'Too dear.',
      type: 'https://example.com/dear',
      title: 'Price',
      retryable: false,
      resolution: 'change-request',
    })
    expect(named(response)).toEqual(['rule /price', 'rule /tax'])
    expect(await it.stored()).toEqual({ price: 10 })
  })

  test('one without a type has the type of its kind', async () => {
    const it = await articleApp({}, { rules: [() => ({ detail: 'No.' })] })
    const { body } = await it.put({})
    expect(body).toMatchObject({ type: 'urn:problem-type:express-conflict:rule_violation', detail: 'No.' })
    expect(body.conflicts).toBeUndefined()
  })

  test('the first that is broken is the answer, and the ones behind it are not asked', async () => {
    const asked: number[] = []
    const rule = (n: number, detail?: string) => () => {
      asked.push(n)
      return detail === undefined ? undefined : { detail }
    }
    const it = await articleApp({}, { rules: [rule(1), rule(2, 'second'), rule(3, 'third')] })
    expect((await it.put({})).body.detail).toBe('second')
    expect(asked).toEqual([1, 2])
  })

  test('see the whole change', async () => {
    const seen: Pick<Change<Article>, 'action' | 'proposed'>[] = []
    const before: unknown[] = []
    const it = await articleApp(
      { a: 1, secret: 's' },
      {
        hidden: ['/secret'],
        rules: [
          ({ action, current, proposed }) => {
            seen.push({ action, proposed })
            before.push(current?.value)
            return undefined
          },
        ],
      },
    )
    await it.put({ a: 2 })
    await it.merge({ b: 1 })
    await it.send('delete')
    await it.post({ a: 3 })
    await it.get()
    expect(seen).toEqual([
      { action: 'replace', proposed: { a: 2, secret: 's' } },
      { action: 'patch', proposed: { a: 2, b: 1, secret: 's' } },
      { action: 'remove', proposed: undefined },
      { action: 'create', proposed: { a: 3 } },
    ])
    expect(before).toEqual([{ a: 1, secret: 's' }, { a: 2, secret: 's' }, { a: 2, b: 1, secret: 's' }, undefined])
  })

  test('can keep a resource from being removed', async () => {
    const it = await articleApp(
      { a: 1 },
      { rules: [({ action }) => (action === 'remove' ? { detail: 'Kept.' } : null)] },
    )
    expect((await it.send('delete')).body).toMatchObject({ code: 'rule_violation', detail: 'Kept.' })
    expect(await it.stored()).toEqual({ a: 1 })
  })

  test('are asked about a new resource', async () => {
    const it = await articleApp(undefined, { rules: [({ current }) => (current ? null : { detail: 'Closed.' })] })
    expect((await it.post({})).body.detail).toBe('Closed.')
    expect((await it.bare('put').send({})).body.detail).toBe('Closed.')
  })

  test('come last: after the schema, the condition, immutable members and transitions', async () => {
    const it = await articleApp(
      { id: 1, s: 'a' },
      {
        schema: { properties: { n: { type: 'number' } } },
        immutable: ['/id'],
        lifecycle: { field: '/s', transitions: { a: ['b'], b: [] } },
        rules: [() => ({ detail: 'Never.' })],
      },
    )
    const codes = [
      await it.put({ id: 1, s: 'a', n: 'x' }),
      await it.bare('put').set('If-Match', '"old"').send({ id: 1, s: 'a', n: 1 }),
      await it.put({ id: 2, s: 'c' }),
      await it.put({ id: 1, s: 'c' }),
      await it.put({ id: 1, s: 'b' }),
    ].map(({ body }) => body.code)
    expect(codes).toEqual([
      'schema_invalid',
      'precondition_failed',
      'immutable_field',
      'transition_not_allowed',
      'rule_violation',
    ])
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('no database')
      },
    ],
    ['rejects', () => Promise.reject(new Error('no database'))],
    // What `next` takes for "go on", and for "leave the route".
    ['rejects with nothing', () => Promise.reject()],
    ['rejects with null', () => Promise.reject(null)],
    ['rejects with a word of Express', () => Promise.reject('route')],
    ['rejects with another', () => Promise.reject('router')],
    // Is that "nothing against it", or "no"?
    ['gives false', () => false as never],
    ['gives true', () => true as never],
    ['gives a text', () => 'Never.' as never],
  ])('one that %s lets no change through', async (_name, rule) => {
    const it = await articleApp({ a: 1 }, { rules: [rule] })
    expect((await it.put({ a: 2 })).status).toBe(500)
    expect(await it.stored()).toEqual({ a: 1 })
  })
})
