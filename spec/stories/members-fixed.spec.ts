import { articleApp, MERGE, named } from './article'

/** Immutable and write-once members. */

const article = {
  id: '1',
  slug: 'a',
  meta: { author: 'me', tags: ['x'] },
  items: [
    { no: 1, sku: 'A', n: 1 },
    { no: 2, sku: 'B', n: 2 },
  ],
}
const options = {
  immutable: ['/id', '/meta/author', '/items/*/sku'],
  writeOnce: ['/slug', '/published'],
  arrayKeys: { '/items': '/no' },
}
const { items } = article
const [first, second] = items as [(typeof items)[0], (typeof items)[0]]
const without = (name: keyof typeof article) => {
  const { [name]: _, ...rest } = article
  return rest
}

describe('a PUT', () => {
  test.each<[string, object]>([
    ['of what is stored', article],
    ['of what is stored in another order', { items, meta: { tags: ['x'], author: 'me' }, slug: 'a', id: '1' }],
    ['of other members', { ...article, title: 'new', meta: { author: 'me' } }],
    ['of items in another order', { ...article, items: [second, first] }],
    ['without an item', { ...article, items: [second] }],
    ['without any item', { ...article, items: [] }],
    ['with a new item', { ...article, items: [{ no: 3, sku: 'C' }, first, second] }],
    ['with another item in place of one', { ...article, items: [{ no: 3, sku: 'Z' }, second] }],
    ['of a write-once member that was missing', { ...article, published: '2026' }],
  ])('%s passes', async (_name, body) => {
    const it = await articleApp(article, options)
    const response = await it.put(body)
    expect(response.body).toEqual(body)
    expect(response.status).toBe(200)
    expect(await it.stored()).toEqual(body)
  })

  test.each<[string, unknown, string[]]>([
    ['changes a member', { ...article, id: '2' }, ['changed /id']],
    ['changes its type', { ...article, id: 1 }, ['changed /id']],
    ['makes it null', { ...article, id: null }, ['changed /id']],
    ['leaves it out', without('id'), ['removed /id']],
    ['leaves its parent out', without('meta'), ['removed /meta/author']],
    ['makes its parent null', { ...article, meta: null }, ['removed /meta/author']],
    ['makes its parent an array', { ...article, meta: ['author', 'me'] }, ['removed /meta/author']],
    ['changes a write-once member', { ...article, slug: 'b' }, ['changed /slug']],
    ['leaves a write-once member out', without('slug'), ['removed /slug']],
    ['changes an item', { ...article, items: [{ ...first, sku: 'Z' }, second] }, ['changed /items/0/sku']],
    ['changes an item that moved', { ...article, items: [second, { ...first, sku: 'Z' }] }, ['changed /items/1/sku']],
    ['empties an item', { ...article, items: [{ no: 1 }, second] }, ['removed /items/0/sku']],
    [
      'copies an item and changes the copy',
      { ...article, items: [first, { ...first, sku: 'Z' }] },
      ['changed /items/1/sku'],
    ],
    [
      'changes an item and copies the old one',
      { ...article, items: [{ ...first, sku: 'Z' }, first] },
      ['changed /items/0/sku'],
    ],
    ['leaves the whole array out', without('items'), ['removed /items/0/sku', 'removed /items/1/sku']],
    [
      'makes the array an object',
      { ...article, items: { 0: { ...first, sku: 'Z' }, 1: second } },
      ['removed /items/0/sku', 'removed /items/1/sku'],
    ],
    [
      'is an array',
      [article],
      ['removed /id', 'removed /items/0/sku', 'removed /items/1/sku', 'removed /meta/author', 'removed /slug'],
    ],
    [
      'changes several members',
      { ...article, id: '2', slug: 'b', meta: {}, items: [second, { no: 1, sku: 'Z' }] },
      ['changed /id', 'changed /items/1/sku', 'changed /slug', 'removed /meta/author'],
    ],
  ])('that %s is refused, and each member is named', async (_name, body, members) => {
    const it = await articleApp(article, options)
    const response = await it.put(body)
    expect([response.status, response.body.code]).toEqual([409, 'immutable_field'])
    expect(named(response)).toEqual([...members].sort())
    expect(await it.stored()).toEqual(article)
  })

  test('that sends items of one identity as they are stored passes', async () => {
    const twins = { ...article, items: [first, { ...first, sku: 'Z' }, second] }
    const it = await articleApp(twins, options)
    expect((await it.put({ ...twins, title: 'new' })).status).toBe(200)
  })

  test('without arrayKeys holds items against each other by their place', async () => {
    const it = await articleApp(article, { immutable: ['/items/*/sku'] })
    expect(named(await it.put({ ...article, items: [second, first] }))).toEqual([
      'changed /items/0/sku',
      'changed /items/1/sku',
    ])
    expect(named(await it.put({ ...article, items: [first] }))).toEqual(['removed /items/1/sku'])
    expect((await it.put({ ...article, items: [first, second, { sku: 'C' }] })).status).toBe(200)
  })

  test('of an immutable member that was never there is refused', async () => {
    const it = await articleApp({ title: 'a' }, { immutable: ['/id', '/meta/author'] })
    expect(named(await it.put({ title: 'a', id: 0, meta: { author: '' } }))).toEqual([
      'added /id',
      'added /meta/author',
    ])
    expect((await it.put({ title: 'a', meta: { other: 1 } })).status).toBe(200)
  })

  test('may leave out an immutable member that is not set, or send null for it', async () => {
    const it = await articleApp({ title: 'a', id: null }, { immutable: ['/id'] })
    for (const body of [{ title: 'b' }, { title: 'b', id: null }, { title: 'b' }])
      expect((await it.put(body)).status).toBe(200)
    expect(named(await it.put({ title: 'b', id: 1 }))).toEqual(['added /id'])
  })

  test('may send null for a readOnly member that is not set', async () => {
    const schema = { properties: { at: { type: ['string', 'null'], readOnly: true } } }
    const it = await articleApp({ title: 'a' }, { schema })
    expect((await it.put({ title: 'b', at: null })).status).toBe(200)
    expect(await it.stored()).toEqual({ title: 'b' })
    expect(named(await it.put({ title: 'b', at: 'now' }))).toEqual(['added /at'])
  })

  test('that changes more than fifty members names fifty and counts the rest', async () => {
    const many = (value: number) => Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`m${n}`, value]))
    const it = await articleApp(many(1), { immutable: ['/*'] })
    const { body } = await it.put(many(2))
    expect(body.conflicts).toHaveLength(50)
    expect(body.detail).toBe('/m0, /m1, /m2 and 57 more cannot be changed.')
  })
})

describe('a merge patch', () => {
  test.each<[string, object, string[]]>([
    ['changes a member', { id: '2' }, ['changed /id']],
    ['removes a member', { id: null }, ['removed /id']],
    ['removes a parent', { meta: null }, ['removed /meta/author']],
    ['replaces a parent', { meta: ['me'] }, ['removed /meta/author']],
    ['removes a nested member', { meta: { author: null } }, ['removed /meta/author']],
    ['removes a write-once member', { slug: null }, ['removed /slug']],
    ['replaces an array', { items: [{ ...second, sku: 'Z' }] }, ['changed /items/0/sku']],
    ['removes an array', { items: null }, ['removed /items/0/sku', 'removed /items/1/sku']],
    [
      'replaces everything',
      [1] as unknown as object,
      ['removed /id', 'removed /items/0/sku', 'removed /items/1/sku', 'removed /meta/author', 'removed /slug'],
    ],
  ])('that %s is refused', async (_name, patch, members) => {
    const it = await articleApp(article, options)
    const response = await it.merge(patch)
    expect([response.status, response.body.code]).toEqual([409, 'immutable_field'])
    expect(named(response)).toEqual([...members].sort())
    expect(await it.stored()).toEqual(article)
  })

  test.each<[string, object]>([
    ['says again what is stored', { id: '1', meta: { author: 'me' }, slug: 'a' }],
    ['removes what is missing', { nothing: null }],
    ['removes an item', { items: [second] }],
    ['sets a write-once member', { published: '2026' }],
    ['is empty', {}],
  ])('that %s passes', async (_name, patch) => {
    const it = await articleApp(article, options)
    expect((await it.merge(patch)).status).toBe(200)
  })

  test('as application/json is judged like one of its own type', async () => {
    const it = await articleApp(article, options)
    expect((await it.send('patch', { id: null })).status).toBe(409)
    expect((await it.send('patch', { id: null }, `${MERGE}; charset=utf-8`)).status).toBe(409)
  })
})

describe('a JSON Patch (S10: whatever it is spelt like)', () => {
  const value = 'Z'
  test.each<[string, object[], string[]]>([
    ['replaces', [{ op: 'replace', path: '/id', value }], ['changed /id']],
    ['adds over', [{ op: 'add', path: '/id', value }], ['changed /id']],
    ['removes', [{ op: 'remove', path: '/id' }], ['removed /id']],
    ['moves away', [{ op: 'move', from: '/id', path: '/title' }], ['removed /id']],
    ['moves onto', [{ op: 'move', from: '/meta/tags', path: '/id' }], ['changed /id']],
    ['copies onto', [{ op: 'copy', from: '/slug', path: '/id' }], ['changed /id']],
    [
      'removes and adds',
      [
        { op: 'remove', path: '/id' },
        { op: 'add', path: '/id', value },
      ],
      ['changed /id'],
    ],
    ['replaces a parent', [{ op: 'replace', path: '/meta', value: {} }], ['removed /meta/author']],
    ['moves a parent away', [{ op: 'move', from: '/meta', path: '/m' }], ['removed /meta/author']],
    ['replaces the document', [{ op: 'replace', path: '', value: { ...article, id: value } }], ['changed /id']],
    ['adds the document', [{ op: 'add', path: '', value: { ...article, slug: value } }], ['changed /slug']],
    [
      'copies a part over the document',
      [{ op: 'copy', from: '/meta', path: '' }],
      ['removed /id', 'removed /items/0/sku', 'removed /items/1/sku', 'removed /meta/author', 'removed /slug'],
    ],
    ['replaces in an item', [{ op: 'replace', path: '/items/1/sku', value }], ['changed /items/1/sku']],
    [
      'replaces in an item that moved',
      [
        { op: 'move', from: '/items/1', path: '/items/0' },
        { op: 'replace', path: '/items/0/sku', value },
      ],
      ['changed /items/0/sku'],
    ],
    [
      'replaces in a copy of an item',
      [
        { op: 'copy', from: '/items/0', path: '/items/-' },
        { op: 'replace', path: '/items/2/sku', value },
      ],
      ['changed /items/2/sku'],
    ],
  ])('that %s is refused', async (_name, operations, members) => {
    const it = await articleApp(article, options)
    const response = await it.patch(...operations)
    expect([response.status, response.body.code]).toEqual([409, 'immutable_field'])
    expect(named(response)).toEqual([...members].sort())
    expect(await it.stored()).toEqual(article)
  })

  test.each<[string, object]>([
    ['an index with a zero in front', { op: 'replace', path: '/items/01/sku', value }],
    ['an index with an exponent', { op: 'replace', path: '/items/1e0/sku', value }],
    ['the item behind the last', { op: 'replace', path: '/items/-/sku', value }],
    ['a negative index', { op: 'replace', path: '/items/-1/sku', value }],
    ['a name in an array', { op: 'replace', path: '/items/length', value: 0 }],
    ['an escaped slash', { op: 'replace', path: '/meta~1author', value }],
    ['a slash at the end', { op: 'replace', path: '/id/', value }],
  ])('%s is no other way to a member', async (_name, operation) => {
    const it = await articleApp(article, options)
    const response = await it.patch(operation)
    expect([response.status, response.body.code]).toEqual([409, 'patch_failed'])
    expect(await it.stored()).toEqual(article)
  })

  test.each<[string, object[]]>([
    ['adds an item', [{ op: 'add', path: '/items/0', value: { no: 3, sku: 'C' } }]],
    ['removes an item', [{ op: 'remove', path: '/items/0' }]],
    ['moves an item', [{ op: 'move', from: '/items/0', path: '/items/1' }]],
    [
      'takes a member away and brings it back',
      [
        { op: 'move', from: '/id', path: '/x' },
        { op: 'move', from: '/x', path: '/id' },
      ],
    ],
    ['tests an immutable member', [{ op: 'test', path: '/id', value: '1' }]],
    ['copies from an immutable member', [{ op: 'copy', from: '/id', path: '/x' }]],
  ])('that %s passes', async (_name, operations) => {
    const it = await articleApp(article, options)
    expect((await it.patch(...operations)).status).toBe(200)
  })
})

test('what is immutable can be given to a new resource', async () => {
  const it = await articleApp(undefined, options)
  expect((await it.post(article)).status).toBe(201)
  expect((await it.bare('put').send(article)).status).toBe(201)
})

test.each([400, 422] as const)('the app may answer %s in place of 409', async (status) => {
  const it = await articleApp(article, { ...options, status: { immutable_field: status } })
  const response = await it.merge({ id: '2' })
  expect([response.status, response.body.status, response.body.code]).toEqual([status, status, 'immutable_field'])
})

test('a name with a slash or a tilde is guarded under its escaped pointer', async () => {
  const it = await articleApp({ 'a/b': { '~': 1 } }, { immutable: ['/a~1b/~0'] })
  expect(named(await it.put({ 'a/b': {} }))).toEqual(['removed /a~1b/~0'])
})

describe('keyPointer', () => {
  const own = { keyPointer: '/id', generateKey: () => '7' }

  test('puts the key into a new resource', async () => {
    const it = await articleApp(undefined, own)
    const posted = await it.post({ title: 'a' })
    expect([posted.status, posted.body]).toEqual([201, { title: 'a', id: '7' }])
    expect((await it.bare('put', '/articles/8').send({ title: 'b' })).body).toEqual({ title: 'b', id: '8' })
  })

  test('puts the key in before the schema is asked', async () => {
    const it = await articleApp(undefined, { ...own, schema: { type: 'object', required: ['id'] } })
    expect((await it.post({ title: 'a' })).status).toBe(201)
  })

  test('fills in the key that a PUT or a PATCH leaves out', async () => {
    const it = await articleApp({ id: '1', title: 'a' }, own)
    expect((await it.put({ title: 'b' })).body).toEqual({ id: '1', title: 'b' })
    expect((await it.merge({ id: null })).body).toEqual({ id: '1', title: 'b' })
    expect((await it.patch({ op: 'remove', path: '/id' })).body).toEqual({ id: '1', title: 'b' })
  })

  test('a key that is stored as a number stays one', async () => {
    const it = await articleApp({ id: 1, title: 'a' }, own)
    expect((await it.put({ title: 'b' })).body).toEqual({ id: 1, title: 'b' })
    expect((await it.put({ id: 1, title: 'c' })).status).toBe(200)
  })

  // SECURITY S21
  test.each([['2'], [2], [''], [null], [true], [['1']], [{ id: '1' }], ['1 '], [' 1'], ['01']])(
    'another key in the value is refused: %j',
    async (id) => {
      const it = await articleApp({ id: '1', title: 'a' }, own)
      for (const response of [
        await it.put({ id, title: 'b' }),
        await it.patch({ op: 'add', path: '/id', value: id }),
      ]) {
        expect([response.status, response.body.code]).toEqual([409, 'immutable_field'])
        expect(named(response)).toEqual(['changed /id'])
      }
      expect(await it.stored()).toEqual({ id: '1', title: 'a' })
    },
  )

  test('another key in a new resource is refused', async () => {
    const it = await articleApp(undefined, own)
    expect((await it.bare('put').send({ id: '2' })).body.code).toBe('immutable_field')
    expect((await it.post({ id: '2' })).body.code).toBe('immutable_field')
    expect((await it.post({ id: '7' })).status).toBe(201)
  })
})
