import express from 'express'
import { Binary, Decimal128, Long, MongoClient, ObjectId } from 'mongodb'
import request from 'supertest'
import { type ConflictOptions, isConflictError, resourceRouter, respondToConflicts } from '../../../lib'
import { type MongoAdapterOptions, mongoAdapter } from '../../../lib/backends/mongodb'
import { recogniseStoreError } from '../../../lib/conflicts/store-errors'
import type { ResourceAdapter } from '../../../lib/contracts/adapter'
import { isStoreFault } from '../../../lib/contracts/store-fault'
import { ownName } from '../../services'
import { type StandIn, standIn } from './stand-in'

type Doc = Record<string, unknown>

let server: StandIn
let client: MongoClient
beforeAll(async () => {
  server = await standIn()
  client = new MongoClient(server.url, { serverSelectionTimeoutMS: 10_000 })
})
afterAll(async () => {
  await client.close()
  await server.close()
})

const collection = () => client.db().collection<Doc>(ownName('mongo'))
type Collection = ReturnType<typeof collection>

function over(articles: Collection, options: Partial<MongoAdapterOptions<Doc>> = {}) {
  return mongoAdapter<Doc>({ collection: articles, ...options })
}

async function thrownBy(call: Promise<unknown>): Promise<Error> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof Error)) throw new Error(`It did not reject with an error: ${String(error)}`)
  return error
}

async function created<T>(adapter: ResourceAdapter<T>, key: string, value: T) {
  const result = await adapter.write?.(key, value, null)
  if (!result?.ok) throw new Error(`${key} is taken`)
  return result.state
}

function appOver(adapter: ResourceAdapter<Doc>, options: Partial<ConflictOptions<Doc>> = {}) {
  const app = express()
  app.use('/articles', resourceRouter<Doc>({ name: 'article', adapter, ...options }))
  app.use(respondToConflicts())
  return request(app)
}

describe('what BSON has and JSON has not', () => {
  test.each([
    ['a Date', new Date(0), /\/x holds a Date, which JSON has no form for; .* toValue and toDocument/],
    ['an ObjectId', new ObjectId(), /\/x holds a ObjectId/],
    ['a Decimal128', Decimal128.fromString('9.99'), /\/x holds a Decimal128/],
    ['a Binary', new Binary(Buffer.from('a')), /\/x holds a Binary/],
    ['a regular expression', /a/, /\/x holds a RegExp/],
    [
      'a Long that no number can hold',
      Long.fromString('9007199254740993'),
      /\/x holds 9007199254740993, which no number/,
    ],
    ['NaN', Number.NaN, /\/x holds NaN/],
    ['Infinity', Number.POSITIVE_INFINITY, /\/x holds Infinity/],
  ])('%s is refused at the first read, by its place', async (_, x, message) => {
    const articles = collection()
    await articles.insertOne({ _id: 'a', version: 'v', x } as Doc)
    await articles.insertOne({ _id: 'b', version: 'v', deep: [{ x }] } as Doc)
    const error = await thrownBy(over(articles).read('a'))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toMatch(message)
    expect((await thrownBy(over(articles).read('b'))).message).toContain('/deep/0/x')
  })

  test('a Long and a double that a number can hold are numbers', async () => {
    const articles = collection()
    const most = Long.fromString('9007199254740991')
    await articles.insertOne({ _id: 'a', version: 'v', most, less: Long.fromInt(5), half: 0.5 } as Doc)
    expect((await over(articles).read('a'))?.value).toEqual({ most: 2 ** 53 - 1, less: 5, half: 0.5 })
    const exact = client.db().collection<Doc>(articles.collectionName, { promoteValues: false })
    expect((await over(exact).read('a'))?.value).toEqual({ most: 2 ** 53 - 1, less: 5, half: 0.5 })
    const wide = client.db().collection<Doc>(articles.collectionName, { useBigInt64: true })
    expect((await over(wide).read('a'))?.value).toEqual({ most: 2 ** 53 - 1, less: 5, half: 0.5 })
  })

  test('toValue and toDocument keep a type over a write', async () => {
    const articles = collection()
    const author = new ObjectId()
    const at = new Date('2026-01-02T03:04:05.678Z')
    await articles.insertOne({ _id: 'a', title: 'one', author, at, version: 'v' } as Doc)
    const adapter = over(articles, {
      toValue: ({ title, author, at }) => ({ title, author: String(author), at: (at as Date).toISOString() }),
      toDocument: ({ title, author, at }) => ({
        title,
        author: new ObjectId(String(author)),
        at: new Date(String(at)),
      }),
    })
    const state = await adapter.read('a')
    expect(state?.value).toEqual({ title: 'one', author: author.toHexString(), at: at.toISOString() })
    const result = await adapter.write('a', { ...(state?.value as Doc), title: 'two' }, 'v')
    expect(result).toEqual({ ok: true, state: await adapter.read('a') })
    expect(await articles.findOne({})).toMatchObject({ title: 'two', author, at })

    for (const [value, what] of [
      [{ title: 'x', author: 'nobody', at: at.toISOString() }, 'author'],
      [{ title: 'x', author: author.toHexString(), at: 'never' }, 'at'],
    ] as const) {
      const error = await thrownBy(adapter.write('a', value, result.ok ? result.state.version : ''))
      expect([what, recogniseStoreError(error)]).toEqual([what, { kind: 'malformed', applied: 'no' }])
    }
    expect(await articles.findOne({})).toMatchObject({ title: 'two', author, at })
  })
})

describe('what would be taken for something else than data', () => {
  test.each([
    ['an operator', { $set: { role: 'admin' } }],
    ['a type of BSON', { a: { _bsontype: 'ObjectId', id: 'x' } }],
    ['a reference', { a: [{ $ref: 'x.y', $id: 1 }] }],
    ['the key', { _id: 'b' }],
    ['the version', { version: 'mine' }],
    ['the mark of a lock', { __expressConflictLock: 1 }],
    ['half of a character', { a: '\ud800' }],
    ['half of a character in a name', { '\udc00': 1 }],
    ['NUL in a name', { 'a\0b': 1 }],
    ['an array', [1]],
    ['a text', 'text'],
    ['null', null],
  ])('%s is refused as a value, and nothing is stored', async (_, value) => {
    const articles = collection()
    const adapter = over(articles)
    const { version } = await created(adapter, 'a', { n: 1 })
    for (const expected of [null, version]) {
      const error = await thrownBy(adapter.write(expected === null ? 'c' : 'a', value as Doc, expected))
      expect(isStoreFault(error) && error.applied).toBe('no')
      expect(recogniseStoreError(error)?.kind).toBe('malformed')
    }
    expect(await articles.find().toArray()).toEqual([{ _id: 'a', n: 1, version }])
  })

  test('names with dollars and dots further down are data', async () => {
    const adapter = over(collection())
    const value = { a: { $gt: '', 'b.c': 1, $ref: 'x' }, 'd.e': [{ $set: 1 }] }
    await created(adapter, 'a', value)
    expect((await adapter.read('a'))?.value).toEqual(value)
  })
})

describe('keys', () => {
  test('an ObjectId is found by 24 hexadecimal digits in small letters, and by nothing else', async () => {
    const articles = collection()
    const adapter = over(articles, { objectId: ObjectId })
    const _id = new ObjectId('0123456789abcdef01234567')
    await articles.insertOne({ _id, title: 'one', version: 'v' } as Doc)
    const key = _id.toHexString()
    expect((await adapter.read(key))?.value).toEqual({ title: 'one' })
    const others = [key.toUpperCase(), 'abcdefghijkl', `${key} `, ` ${key}`, `${key}00`, key.slice(1), '$ne', '1']
    for (const other of others) {
      expect([other, await adapter.read(other)]).toEqual([other, undefined])
      expect(await adapter.write(other, { title: 'x' }, 'v')).toEqual({ ok: false, current: undefined })
      expect(await adapter.remove(other, 'v')).toEqual({ ok: false, current: undefined })
      const error = await thrownBy(adapter.write(other, { title: 'x' }, null))
      expect(recogniseStoreError(error)).toEqual({ kind: 'malformed', applied: 'no', constraint: undefined })
    }
    expect((await adapter.write(key, { title: 'two' }, 'v')).ok).toBe(true)
  })

  test('a malformed ObjectId is 404 for every method that needs a resource', async () => {
    const agent = appOver(over(collection(), { objectId: ObjectId }))
    for (const method of ['get', 'head', 'patch', 'delete'] as const) {
      const asked = agent[method]('/articles/abc').set('If-Match', '"v"')
      const { status } = await (method === 'patch' ? asked.send({ title: 'x' }) : asked)
      expect([method, status]).toEqual([method, 404])
    }
    const put = await agent.put('/articles/abc').set('If-None-Match', '*').send({ title: 'x' })
    expect([put.status, put.body.code]).toEqual([409, 'check_violation'])
  })
})

describe('versions', () => {
  test('a document without a version counts as version 0, and has one of its own after a write', async () => {
    const articles = collection()
    await articles.insertOne({ _id: 'a', n: 1 } as Doc)
    await articles.insertOne({ _id: 'b', n: 1, version: null } as Doc)
    const adapter = over(articles)
    for (const key of ['a', 'b']) {
      expect(await adapter.read(key)).toEqual({ value: { n: 1 }, version: '0' })
      expect(await adapter.write(key, { n: 2 }, '1')).toMatchObject({ ok: false })
      const result = await adapter.write(key, { n: 2 }, '0')
      expect(result.ok && result.state.version).toMatch(/^[0-9a-f-]{36}$/)
      expect(await adapter.write(key, { n: 3 }, '0')).toEqual({ ok: false, current: await adapter.read(key) })
    }
  })

  test('a number counts up from what is there, and from the time in a new document', async () => {
    const articles = collection()
    await articles.insertOne({ _id: 'a', n: 1, __v: 7 } as Doc)
    const adapter = over(articles, { version: { field: '__v', type: 'number' } })
    const result = await adapter.write('a', { n: 2 }, '7')
    expect(result.ok && result.state.version).toBe('8')
    for (const never of ['07', '7.0', '7 ', '', '-7', '8e0', '99999999999999999999'])
      expect([never, (await adapter.write('a', { n: 3 }, never)).ok]).toEqual([never, false])
    const first = await created(adapter, 'b', { n: 1 })
    await adapter.remove('b', first.version)
    const again = await created(adapter, 'b', { n: 1 })
    expect(Number(again.version)).toBeGreaterThan(Number(first.version))
  })

  test.each([
    ['text', 3, /"version" holds a number; say version: \{ field: "version", type: 'number' \}/],
    ['number', 'three', /"version" holds a string; say version: \{ field: "version", type: 'text' \}/],
    ['text', '', /"version" holds a text that is empty/],
  ] as const)('of type %s, %j in its field is told at the first read', async (type, stored, message) => {
    const articles = collection()
    await articles.insertOne({ _id: 'a', version: stored } as Doc)
    const adapter = over(articles, { version: { field: 'version', type } })
    const error = await thrownBy(adapter.read('a'))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toMatch(message)
  })

  test('a document without a date gets one, and the next is a second later, though the clock was set back', async () => {
    const articles = collection()
    await articles.insertOne({ _id: 'a', n: 1, version: 'v' } as Doc)
    let ms = 1e12
    const adapter = over(articles, { lastModified: 'modified', now: () => ms })
    expect(await adapter.read('a')).toEqual({ value: { n: 1 }, version: 'v' })
    const first = await adapter.write('a', { n: 2 }, 'v')
    expect(first.ok && first.state.lastModified).toEqual(new Date(1e12))
    ms -= 10_000
    const second = await adapter.write('a', { n: 3 }, first.ok ? first.state.version : '')
    expect(second.ok && second.state.lastModified).toEqual(new Date(1e12 + 1000))
  })
})

describe('another unique index', () => {
  const withSlugs = async () => {
    const articles = collection()
    await articles.createIndex({ tenant: 1, slug: 1 }, { unique: true })
    return articles
  }

  test('is a unique violation that names its fields, and the value never', async () => {
    const adapter = over(await withSlugs())
    await created(adapter, 'a', { tenant: 't', slug: 'secret' })
    const { version } = await created(adapter, 'b', { tenant: 't', slug: 'other' })
    for (const call of [
      () => adapter.write('c', { tenant: 't', slug: 'secret' }, null),
      () => adapter.write('b', { tenant: 't', slug: 'secret' }, version),
    ]) {
      const error = await thrownBy(call())
      expect(isStoreFault(error) && error.applied).toBe('no')
      expect(recogniseStoreError(error)).toEqual({ kind: 'unique', constraint: 'tenant, slug', applied: 'no' })
      expect(error.message).toBe('the back end failed: mongoAdapter(): unique (11000)')
    }
  })

  test('is 409 unique_violation with the pointer, and a key that is taken 409 already_exists', async () => {
    const agent = appOver(over(await withSlugs()), { constraints: { 'tenant, slug': '/slug' } })
    const put = (key: string, slug: string) => agent.put(`/articles/${key}`).send({ tenant: 't', slug })
    expect((await put('a', 'one').set('If-None-Match', '*')).status).toBe(201)
    const taken = await put('b', 'one').set('If-None-Match', '*')
    expect([taken.status, taken.body.code]).toEqual([409, 'unique_violation'])
    expect(taken.body.conflicts).toEqual([{ pointer: '/slug', kind: 'unique' }])
    expect(taken.text).not.toContain('E11000')
    expect((await put('a', 'two').set('If-None-Match', '*')).status).toBe(412)
  })
})

describe('the members that the server names when it refuses a value', () => {
  const pointersOf = async (call: Promise<unknown> | undefined) => {
    const error = await thrownBy(Promise.resolve(call))
    return isStoreFault(error) ? [error.applied, ...(error.pointers ?? [])] : error
  }
  const unique = async (keys: Record<string, 1>) => {
    const articles = collection()
    await articles.createIndex(keys, { unique: true })
    return articles
  }

  test('of a unique index, in a creation, a change and a transaction', async () => {
    const adapter = over(await unique({ tenant: 1, slug: 1 }), { client })
    await created(adapter, 'a', { tenant: 't', slug: 'one' })
    const { version } = await created(adapter, 'b', { tenant: 't', slug: 'two' })
    const taken = { tenant: 't', slug: 'one' }
    const pointers = ['no', '/tenant', '/slug']
    expect(await pointersOf(adapter.write('c', taken, null))).toEqual(pointers)
    expect(await pointersOf(adapter.write('b', taken, version))).toEqual(pointers)
    expect(await pointersOf(adapter.transaction?.(async (tx) => tx.write?.('b', taken, version)))).toEqual(pointers)
  })

  test.each([
    ['below a member', { 'author.email': 1 }, { author: {} }, ['/author/email']],
    ["of the adapter's own", { removed: 1, slug: 1 }, { slug: 'x' }, ['/slug']],
  ] as const)('of a unique index over a field %s', async (_, keys, value, pointers) => {
    const adapter = over(await unique({ ...keys }), { softDelete: 'removed' })
    await created(adapter, 'a', value)
    expect(await pointersOf(adapter.write('b', value, null))).toEqual(['no', ...pointers])
  })

  test('not of a unique index over the items of an array', async () => {
    const adapter = over(collection())
    const { version } = await created(adapter, 'a', { tags: [] })
    const error = { index: 0, code: 11000, errmsg: 'E11000', keyPattern: { 'tags.name': 1, slug: 1 } }
    server.failNext({ command: 'update', moment: 'before', answer: { ok: 1, n: 0, writeErrors: [error] } })
    expect(await pointersOf(adapter.write('a', { tags: [{ name: 'x' }] }, version))).toEqual(['no', '/slug'])
  })

  test('not what toDocument adds', async () => {
    const adapter = over(await unique({ tenant: 1, slug: 1 }), {
      toDocument: (value) => ({ ...value, tenant: 't' }),
      toValue: ({ slug }) => ({ slug }),
    })
    await created(adapter, 'a', { slug: 'x' })
    expect(await pointersOf(adapter.write('b', { slug: 'x' }, null))).toEqual(['no', '/slug'])
  })

  const invalid = (schemaRulesNotSatisfied: unknown) => {
    const errInfo = { failingDocumentId: 'a', details: { operatorName: '$jsonSchema', schemaRulesNotSatisfied } }
    return { ok: 1, n: 0, writeErrors: [{ index: 0, code: 121, errmsg: 'Document failed validation', errInfo }] }
  }

  // https://www.mongodb.com/docs/manual/core/schema-validation/handle-invalid-documents/
  test('of a schema', async () => {
    const adapter = over(collection())
    const { version } = await created(adapter, 'a', { year: 2020 })
    const properties = [{ propertyName: 'year', details: [{ operatorName: 'maximum' }] }, { propertyName: '_id' }]
    const answer = invalid([
      { operatorName: 'properties', propertiesNotSatisfied: properties },
      { operatorName: 'required', specifiedAs: { required: ['a/b'] }, missingProperties: ['a/b', 'version'] },
      { operatorName: 'additionalProperties', additionalProperties: ['more'] },
    ])
    const pointers = ['no', '/year', '/a~1b', '/more']
    server.failNext({ command: 'insert', moment: 'before', answer })
    expect(await pointersOf(adapter.write('b', { year: 9999 }, null))).toEqual(pointers)
    server.failNext({ command: 'update', moment: 'before', answer })
    expect(await pointersOf(adapter.write('a', { year: 9999 }, version))).toEqual(pointers)
  })

  test.each([undefined, 'x', [null, { propertiesNotSatisfied: 'x', missingProperties: [1] }]])(
    'none, where it names none: %j',
    async (rules) => {
      server.failNext({ command: 'insert', moment: 'before', answer: invalid(rules) })
      expect(await pointersOf(over(collection()).write('a', {}, null))).toEqual(['no'])
    },
  )

  test('reach a client, except those that it cannot see', async () => {
    const adapter = over(await unique({ tenant: 1, slug: 1 }))
    await created(adapter, 'a', { slug: 'x' })
    const pointers = async (hidden: string[]) => {
      const put = appOver(adapter, { hidden }).put('/articles/b').set('If-None-Match', '*')
      const { status, body } = await put.send({ slug: 'x' })
      expect([status, body.code]).toEqual([409, 'unique_violation'])
      return (body.conflicts ?? []).map(({ pointer }: { pointer: string }) => pointer)
    }
    expect(await pointers([])).toEqual(['/tenant', '/slug'])
    expect(await pointers(['/tenant'])).toEqual(['/slug'])
  })
})

describe('transactions', () => {
  const both = () => {
    const articles = collection()
    return { articles, adapter: over(articles, { client }) }
  }

  test("the app's own statements are part of it, committed or not", async () => {
    const { adapter } = both()
    const log = collection()
    const add = (fail: boolean) =>
      adapter.transaction?.(async ({ transactionHandle: session, write }) => {
        await write?.(`key ${fail}`, { n: 1 }, null)
        await log.insertOne({ fail }, { session: session as never })
        if (fail) throw new Error('given up')
      })
    await add(false)
    expect((await thrownBy(add(true) as Promise<void>)).message).toBe('given up')
    expect(await adapter.read('key false')).toBeDefined()
    expect(await adapter.read('key true')).toBeUndefined()
    expect(await log.find().toArray()).toMatchObject([{ fail: false }])
  })

  test('what was locked and not written is afterwards as it was before', async () => {
    const { articles, adapter } = both()
    await created(adapter, 'a', { n: 1 })
    const before = await articles.findOne({})
    const seen = await adapter.transaction?.(async (tx) => {
      await tx.read('a')
      return tx.read('a')
    })
    expect(seen?.value).toEqual({ n: 1 })
    expect(await articles.findOne({})).toEqual(before)
  })

  test('of two that read one document the second waits, and sees what the first wrote', async () => {
    const { adapter } = both()
    await created(adapter, 'a', { n: 0 })
    const add = () =>
      adapter.transaction?.(async (tx) => {
        const state = await tx.read('a')
        const result = await tx.write?.('a', { n: Number(state?.value.n) + 1 }, state?.version ?? '')
        if (!result?.ok) throw new Error('a locked document was changed')
      })
    await Promise.all(Array.from({ length: 8 }, add))
    expect((await adapter.read('a'))?.value).toEqual({ n: 8 })
  })

  const commits = (adapter: ResourceAdapter<Doc>) =>
    adapter.transaction?.(async (tx) => void (await tx.write?.('a', { n: 1 }, null))) as Promise<void>
  const unknown = {
    ok: 0,
    code: 91,
    codeName: 'ShutdownInProgress',
    errmsg: 'x',
    errorLabels: ['UnknownTransactionCommitResult'],
  }

  test('a commit of which the server does not know how it ended is sent again', async () => {
    const { adapter } = both()
    server.failNext({ command: 'commitTransaction', moment: 'after', answer: unknown })
    await commits(adapter)
    expect(await adapter.read('a')).toBeDefined()
  })

  test('a commit that is never known is unknown', async () => {
    const { adapter } = both()
    for (let times = 0; times < 8; times++)
      server.failNext({ command: 'commitTransaction', moment: 'after', answer: unknown })
    const error = await thrownBy(commits(adapter))
    expect(isStoreFault(error) && error.applied).toBe('unknown')
    while (
      await commits(adapter).then(
        () => false,
        () => true,
      )
    );
  })

  test('a commit that the server refused has written nothing', async () => {
    const { adapter } = both()
    const answer = {
      ok: 0,
      code: 251,
      codeName: 'NoSuchTransaction',
      errmsg: 'x',
      errorLabels: ['TransientTransactionError'],
    }
    server.failNext({ command: 'commitTransaction', moment: 'before', answer })
    const error = await thrownBy(commits(adapter))
    expect(isStoreFault(error) && error.applied).toBe('no')
    expect(recogniseStoreError(error)?.kind).toBe('serialization')
    expect(await adapter.read('a')).toBeUndefined()
  })

  test('a connection that is lost before the commit has written nothing', async () => {
    const { adapter } = both()
    server.failNext({ command: 'insert', moment: 'after' })
    const error = await thrownBy(commits(adapter))
    expect(isStoreFault(error) && error.applied).toBe('no')
    expect(await adapter.read('a')).toBeUndefined()
  })

  test('a server on its own says that transactions need a replica set', async () => {
    const own = new MongoClient(server.url, { retryWrites: false })
    const adapter = over(own.db().collection<Doc>(ownName('mongo')), { client: own })
    const errmsg = 'Transaction numbers are only allowed on a replica set member or mongos'
    server.failNext({
      command: 'insert',
      moment: 'before',
      answer: { ok: 0, code: 20, codeName: 'IllegalOperation', errmsg },
    })
    const error = await thrownBy(commits(adapter))
    await own.close()
    expect(error.message).toContain('need a replica set or a sharded cluster')
  })

  test('PUT in a transaction: the document is locked over the handler, and 412 leaves nothing behind', async () => {
    const { articles, adapter } = both()
    const agent = appOver(adapter, { isolation: 'transaction' })
    const made = await agent.put('/articles/a').set('If-None-Match', '*').send({ n: 1 })
    expect(made.status).toBe(201)
    const put = (n: number) =>
      agent
        .put('/articles/a')
        .set('If-Match', made.headers.etag as string)
        .send({ n })
    const statuses = await Promise.all([put(2), put(3), put(4)].map(async (answer) => (await answer).status))
    expect(statuses.sort()).toEqual([200, 412, 412])
    expect(Object.keys((await articles.findOne({})) ?? {}).sort()).toEqual(['_id', 'n', 'version'])
  })
})

describe('faults', () => {
  const refusal = (code: number, ...errorLabels: string[]) => ({
    ok: 0,
    code,
    codeName: `Code${code}`,
    errmsg: 'secret',
    errorLabels,
  })

  test.each([
    ['a validator', refusal(121), 'check', 'no'],
    ['a step-down that wrote nothing', refusal(10107, 'RetryableWriteError', 'NoWritesPerformed'), 'busy', 'no'],
    ['a shutdown in between', refusal(11600, 'RetryableWriteError'), 'busy', 'unknown'],
    ['a lost connection', undefined, 'connection', 'unknown'],
  ] as const)('%s: what is known of it is said, and not the text', async (_, answer, kind, applied) => {
    const own = new MongoClient(server.url, { retryWrites: false, serverSelectionTimeoutMS: 10_000 })
    const adapter = over(own.db().collection<Doc>(ownName('mongo')))
    server.failNext({ command: 'insert', moment: 'before', ...(answer && { answer }) })
    const error = await thrownBy(adapter.write('a', { n: 1 }, null))
    await own.close()
    expect(isStoreFault(error) && error.applied).toBe(applied)
    expect(recogniseStoreError(error)?.kind).toBe(kind)
    expect(error.message).not.toContain('secret')
  })

  test('a write that the driver sends twice is carried out once', async () => {
    const adapter = over(collection())
    const { version } = await created(adapter, 'a', { n: 1 })
    server.failNext({ command: 'update', moment: 'after' })
    const result = await adapter.write('a', { n: 2 }, version)
    expect(result).toEqual({ ok: true, state: await adapter.read('a') })
  })

  test('a write conflict outside of transactions is tried again', async () => {
    const adapter = over(collection())
    server.failNext({ command: 'insert', moment: 'before', answer: refusal(112) })
    expect((await adapter.write('a', { n: 1 }, null)).ok).toBe(true)
  })
})

describe('options that cannot work', () => {
  const articles = () => client.db().collection<Doc>('articles')
  test.each([
    [() => ({}), /collection has to be a collection of MongoDB's driver; got undefined/],
    [() => ({ collection: client.db() }), /collection has to be a collection/],
    [() => ({ collection: client.db().collection('a', { writeConcern: { w: 0 } }) }), /writes with w: 0/],
    [() => ({ collection: articles(), client: {} }), /client has to be a MongoClient/],
    [() => ({ collection: articles(), objectId: new ObjectId() }), /objectId has to be the class ObjectId/],
    [
      () => ({ collection: articles(), version: { field: 'v', type: 'integer' } }),
      /version has to be the name of a field, or/,
    ],
    [() => ({ collection: articles(), version: 'a.b' }), /"a\.b" is no field at the top/],
    [() => ({ collection: articles(), version: '_id' }), /"_id" is named for two purposes/],
    [() => ({ collection: articles(), lastModified: 'version' }), /"version" is named for two purposes/],
    [() => ({ collection: articles(), history: { collection: articles(), keepVersions: 3 } }), /history needs client/],
    [
      () => ({ collection: articles(), client, history: { collection: articles(), keepVersions: 0 } }),
      /keepVersions a positive integer/,
    ],
    [() => ({ collection: articles(), toValue: () => ({}) }), /toValue and toDocument go together/],
    [() => ({ collection: articles(), softDeletes: 'x' }), /softDelete/],
  ])('%s', (options, message) => {
    const make = () => mongoAdapter(options() as never)
    expect(make).toThrow(TypeError)
    expect(make).toThrow(message)
  })
})

test('nothing of the adapter is a conflict by itself', async () => {
  const error = await thrownBy(over(collection()).write('a', undefined as never, null))
  expect(isConflictError(error)).toBe(false)
})
