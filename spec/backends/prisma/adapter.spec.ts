import express from 'express'
import request from 'supertest'
import { type ConflictOptions, resourceRouter, respondToConflicts } from '../../../lib'
import { prismaAdapter } from '../../../lib/backends/prisma'
import { recogniseStoreError } from '../../../lib/conflicts/store-errors'
import { isStoreFault } from '../../../lib/contracts/store-fault'
import { adapterKit } from '../../../lib/testing'
import { abilitiesOf } from '../abilities'

type Row = Record<string, unknown>

/** As a row comes from a database: nothing in it is shared. */
const copied = (row: Row): Row => ('tags' in row ? { ...row, tags: JSON.parse(JSON.stringify(row.tags)) } : { ...row })

/** A model as Prisma has it, in memory. The real one is in spec/orms. */
function toyModel() {
  const rows: Row[] = []
  const seen: Array<readonly [method: string, args: unknown]> = []
  const holds = (row: Row, [field, wanted]: [string, unknown]) =>
    typeof wanted === 'object' && wanted !== null
      ? row[field] !== null && (row[field] as Date) <= (wanted as { lte: Date }).lte
      : row[field] === wanted
  const found = (where: Row) => rows.filter((row) => Object.entries(where).every((entry) => holds(row, entry)))
  const noted = async <R>(method: string, args: unknown, run: () => R): Promise<R> => {
    seen.push([method, args])
    await null
    return run()
  }
  return {
    rows,
    seen,
    findUnique: ({ where }: { where: Row }) =>
      noted('findUnique', { where }, () => {
        const [row] = found(where)
        return row ? copied(row) : null
      }),
    create: ({ data }: { data: Row }) =>
      noted('create', { data }, () => {
        const row = { id: `${rows.length + 1}`, ...data }
        if (rows.some(({ id, slug }) => id === row.id || (slug !== undefined && slug === data.slug))) {
          const error = new Error('Unique constraint failed on the fields: (`id`)')
          throw Object.assign(error, { name: 'PrismaClientKnownRequestError', code: 'P2002' })
        }
        rows.push(row)
        return copied(row)
      }),
    updateMany: ({ where, data }: { where: Row; data: Row }) =>
      noted('updateMany', { where, data }, () => {
        const matched = found(where)
        for (const row of matched) Object.assign(row, data)
        return { count: matched.length }
      }),
    deleteMany: ({ where }: { where: Row }) =>
      noted('deleteMany', { where }, () => {
        const matched = found(where)
        for (const row of matched) rows.splice(rows.indexOf(row), 1)
        return { count: matched.length }
      }),
  }
}

describe.each([
  ['text versions', { version: 'version' }, {}],
  [
    'bigint versions, tombstones, generated keys',
    { version: { field: 'version', type: 'bigint' }, softDelete: 'removed', generatedKeys: true },
    { tombstones: true, create: true },
  ],
] as const)('prismaAdapter keeps the contract: %s', (_, options, more) => {
  let ms = 1e12
  const kit = adapterKit<unknown>({
    makeAdapter: () =>
      prismaAdapter({
        model: toyModel(),
        fields: { title: 'plain', tags: 'json' },
        lastModified: 'modified',
        now: () => ms,
        ...options,
      }),
    values: [
      { title: 'one', tags: [1] },
      { title: null, tags: { a: 1 } },
      { title: 'three', tags: null },
    ],
    abilities: abilitiesOf('prismaAdapter', { lastModified: true, ...more }),
    advance: (by) => {
      ms += by
    },
  })
  for (const { name, run } of kit) test(name, run)
})

test('a change is one updateMany whose where names key and version', async () => {
  const model = toyModel()
  const adapter = prismaAdapter<{ title: string }>({ model, fields: ['title'] })
  const made = await adapter.write('a', { title: 'one' }, null)
  const version = made.ok ? made.state.version : ''
  await adapter.write('a', { title: 'two' }, version)
  const data = { title: 'two', version: expect.not.stringMatching(new RegExp(`^${version}$`)) }
  expect(model.seen.slice(1, 2)).toEqual([['updateMany', { where: { id: 'a', version }, data }]])
})

test.each([
  ['a member that is no field', { title: 'x', author: { create: {} } }],
  ['an operation', { title: { set: 'x' } }],
  ['no object', 'x'],
  ['an array', []],
])('%s never reaches Prisma, and is the fault of the request', async (_, value) => {
  const model = toyModel()
  const error = await prismaAdapter<unknown>({ model, fields: ['title'] })
    .write('a', value, null)
    .catch((reason: unknown) => reason)
  expect([isStoreFault(error), recogniseStoreError(error)?.kind, model.seen]).toEqual([true, 'check', []])
})

test('an integer key finds what was written like it, and nothing else', async () => {
  const model = toyModel()
  model.rows.push({ id: 7, title: 'seven', version: 1 })
  const adapter = prismaAdapter({
    model,
    fields: ['title'],
    keyType: 'integer',
    version: { field: 'version', type: 'integer' },
  })
  expect(await adapter.read('7')).toEqual({ value: { title: 'seven' }, version: '1' })
  for (const key of ['07', '7.0', ' 7', '7e0', '99999999999', 'x']) expect(await adapter.read(key)).toBeUndefined()
  expect(await adapter.write('7', { title: 'x' }, '01')).toMatchObject({ ok: false, current: { version: '1' } })
  expect(await adapter.write('7', { title: 'x' }, '1')).toMatchObject({ ok: true, state: { version: '2' } })
})

test('what Prisma gives as an object becomes JSON', async () => {
  const model = toyModel()
  const decimal = { toJSON: () => '1.50' }
  model.rows.push({ id: 'a', version: 'v', price: decimal, amount: 12n, due: new Date(0), huge: 2n ** 60n })
  const fields = { price: 'plain', amount: 'number', due: 'date', huge: 'plain' } as const
  expect((await prismaAdapter({ model, fields }).read('a'))?.value).toEqual({
    price: '1.50',
    amount: 12,
    due: '1970-01-01T00:00:00.000Z',
    huge: '1152921504606846976',
  })
})

test('a BigInt that no number can keep is told, where it was to be one', async () => {
  const model = toyModel()
  model.rows.push({ id: 'a', version: 'v', amount: 2n ** 53n })
  const reading = prismaAdapter({ model, fields: { amount: 'number' } }).read('a')
  await expect(reading).rejects.toThrow(
    new TypeError(
      "prismaAdapter(): amount holds 9007199254740992, more than a number can keep; say 'plain', and it is text.",
    ),
  )
})

test.each([
  [{ model: {} }, 'model is no model of a Prisma client; give one, such as prisma.article.'],
  [{ json: 'value' }, 'give either json or fields.'],
  [{ columns: [] }, 'there is no option "columns". Known are model, key,'],
  [{ keyType: 'uuid' }, `keyType is "uuid"; say 'text' or 'integer'.`],
  [{ fields: { title: 'text' } }, 'the field "title" cannot be of type "text"; say plain, json, number or date.'],
  [{ version: { field: 'version', type: 'int' } }, 'version cannot be of type "int"; say text, bigint or integer.'],
  [{ lastModified: 'version' }, 'the field "version" is named for two purposes.'],
])('%j is refused when the app starts', (options, message) => {
  const mistaken = { model: toyModel(), fields: ['title'], ...options } as never
  expect(() => prismaAdapter(mistaken)).toThrow(`prismaAdapter(): ${message}`)
})

describe('a model whose client says of which type its fields are', () => {
  const TYPES = {
    id: 'String',
    title: 'String',
    n: 'Int',
    big: 'BigInt',
    list: 'String',
    days: 'DateTime',
    data: 'Json',
    whole: 'BigInt',
    price: 'Decimal',
  }
  const typed = () => ({
    ...toyModel(),
    fields: Object.fromEntries(Object.entries(TYPES).map(([name, typeName]) => [name, { name, typeName }])),
  })
  const fields = {
    title: 'plain',
    n: 'plain',
    big: 'plain',
    list: 'json',
    days: 'date',
    data: 'json',
    whole: 'number',
    price: 'number',
  } as const
  const written = async (value: object, model: object = typed()) =>
    prismaAdapter<unknown>({ model, fields })
      .write('a', { title: 'x', ...value }, null)
      .catch((reason: unknown) => reason)

  test.each([
    ['push on a list', { list: { push: 'x' } }],
    ['set on a list', { list: { set: ['x'] } }],
    ['an operation on an item of a list', { list: [{ set: 'x' }] }],
    ['an operation on a number', { n: { increment: 1 } }],
    ['an operation on a date', { days: { set: '2020-01-01' } }],
    ['a relation', { title: { connect: { id: 1 } } }],
    ['a fraction in an Int', { n: 1.5 }],
    ['an Int out of range', { n: 2 ** 31 }],
    ['a fraction in a BigInt', { big: 1.5 }],
    ['a text that is no BigInt', { big: '1x' }],
    ['a BigInt out of range', { big: '9223372036854775808' }],
    ['a number in a BigInt that is rounded', { big: 2 ** 53 }],
    ['a BigInt that no read could give as a number', { whole: '9007199254740994' }],
    ['a decimal that no read could give as a number', { price: '0.12345678901234567890' }],
    ['a day that does not exist', { days: '2020-02-30T00:00:00Z' }],
  ])('%s is refused', async (_, value) => {
    const model = typed()
    const error = await written(value, model)
    expect([recogniseStoreError(error)?.kind, model.seen]).toEqual(['check', []])
    expect(isStoreFault(error) && error.pointers).toEqual([`/${Object.keys(value)[0]}`])
  })

  test('a decimal that a number cannot keep is not rounded when it is read', async () => {
    const model = typed()
    await written({ price: 1 }, model)
    Object.assign(model.rows[0] ?? {}, { price: { toString: () => '0.12345678901234567890', toJSON: () => '' } })
    await expect(prismaAdapter<unknown>({ model, fields }).read('a')).rejects.toThrow(
      'price holds 0.1234567890123456789',
    )
  })

  test('without its types, what can only be an operation on a list is refused', async () => {
    expect(recogniseStoreError(await written({ list: { push: 'x' } }, toyModel()))?.kind).toBe('check')
  })

  test('lists, JSON of any form and the ends of the ranges are stored, and come back', async () => {
    const value = {
      title: 'x',
      n: 2 ** 31 - 1,
      big: '-9223372036854775808',
      list: ['a', 'b'],
      days: ['2020-01-01T00:00:00.000Z'],
      data: { push: 'x', set: [{ increment: 1 }] },
      whole: 5,
      price: 1.25,
    }
    const model = typed()
    const { state } = (await written(value, model)) as { state: { value: unknown } }
    expect(state.value).toEqual(value)
    expect(model.rows[0]).toMatchObject({ big: -(2n ** 63n), days: [new Date('2020-01-01')] })
  })

  test.each([
    [{ titel: 'plain' }, 'the model has no field "titel"; it has id, title, n,'],
    [{ photo: 'plain' }, 'the field "photo" is of type Bytes, which JSON has not; leave it out.'],
  ])('%j is refused when the app starts', (wrong, message) => {
    const model = { ...typed(), fields: { ...typed().fields, photo: { typeName: 'Bytes' } } }
    expect(() => prismaAdapter({ model, fields: wrong as never })).toThrow(`prismaAdapter(): ${message}`)
  })
})

test('a row that has its version, and that a policy lets nobody change, is denied', async () => {
  const model = { ...toyModel(), updateMany: async () => ({ count: 0 }), deleteMany: async () => ({ count: 0 }) }
  const adapter = prismaAdapter<unknown>({ model, fields: ['title'] })
  const made = await adapter.write('a', { title: 'x' }, null)
  const version = made.ok ? made.state.version : ''
  for (const change of [adapter.write('a', { title: 'y' }, version), adapter.remove('a', version)]) {
    const error = await change.catch((reason: unknown) => reason)
    expect([isStoreFault(error), recogniseStoreError(error)?.kind]).toEqual([true, 'denied'])
  }
})

test('a row that only looked as if it had its version is changed at the second attempt', async () => {
  const model = toyModel()
  let isBehind = true
  const adapter = prismaAdapter<unknown>({
    model: {
      ...model,
      updateMany: (args: { where: Row; data: Row }) => {
        if (!isBehind) return model.updateMany(args)
        isBehind = false
        return Promise.resolve({ count: 0 })
      },
    },
    fields: ['title'],
  })
  const made = await adapter.write('a', { title: 'x' }, null)
  const version = made.ok ? made.state.version : ''
  expect(await adapter.write('a', { title: 'y' }, version)).toMatchObject({
    ok: true,
    state: { value: { title: 'y' } },
  })
})

describe('the members that Prisma names when it refuses a value', () => {
  const known = (code: string, meta?: object) =>
    Object.assign(new Error('x'), { name: 'PrismaClientKnownRequestError', code, meta })
  const byDriver = (code: string, cause: object) => known(code, { driverAdapterError: { cause } })
  const refusing = (error: Error, more: object = {}) => ({
    ...toyModel(),
    ...more,
    create: () => Promise.reject(error),
    updateMany: () => Promise.reject(error),
  })
  const fields = ['id', 'slug', 'title', 'author']
  const pointersOf = async (model: object, expected: string | null = null) => {
    const writing = prismaAdapter<unknown>({ model, fields }).write('a', { slug: 's', title: 't' }, expected)
    const error = await writing.catch((reason: unknown) => reason)
    return isStoreFault(error) ? [error.applied, ...(error.pointers ?? [])] : error
  }
  const unique = { kind: 'UniqueConstraintViolation' }
  const reference = { kind: 'ForeignKeyConstraintViolation' }

  test.each([
    ['a unique index', known('P2002', { target: ['slug', 'title'] }), ['/slug', '/title']],
    ['a foreign key', known('P2003', { field_name: 'author' }), ['/author']],
    ['a value too long', known('P2000', { column_name: 'title' }), ['/title']],
    ['NOT NULL', known('P2011', { constraint: ['title'] }), ['/title']],
    [
      'a unique index, by a driver adapter',
      byDriver('P2002', { ...unique, constraint: { fields: ['slug'] } }),
      ['/slug'],
    ],
    [
      'a foreign key, by a driver adapter',
      byDriver('P2003', { ...reference, originalCode: '1452', constraint: { fields: ['author'] } }),
      ['/author'],
    ],
    [
      'a value too long, by a driver adapter',
      byDriver('P2000', { kind: 'LengthMismatch', column: 'title' }),
      ['/title'],
    ],
    [
      'NOT NULL, by a driver adapter',
      byDriver('P2011', { kind: 'NullConstraintViolation', constraint: { fields: ['title'] } }),
      ['/title'],
    ],
    ['fields that are no members', known('P2002', { target: ['id', 'tenant', 'version', 'slug'] }), ['/slug']],
    ['an index that is called like a field', known('P2002', { target: 'slug' }), []],
    ['an index, by a driver adapter', byDriver('P2002', { ...unique, constraint: { index: 'slug' } }), []],
    ['a constraint', known('P2003', { field_name: 'articles_author_fkey (index)' }), []],
    [
      'a row to which others refer',
      byDriver('P2003', { ...reference, originalCode: '1451', constraint: { fields: ['author'] } }),
      [],
    ],
    ['nothing', known('P2002'), []],
  ])('%s', async (_, error, pointers) => {
    expect(await pointersOf(refusing(error))).toEqual(['no', ...pointers])
    expect(await pointersOf(refusing(error), 'v')).toEqual(['no', ...pointers])
  })

  test('none, if a trigger wrote to another model', async () => {
    const said = Object.fromEntries(fields.map((name) => [name, { name, modelName: 'Article', typeName: 'String' }]))
    const of = (modelName: string) => refusing(known('P2002', { modelName, target: ['slug'] }), { fields: said })
    expect(await pointersOf(of('Article'))).toEqual(['no', '/slug'])
    expect(await pointersOf(of('Audit'))).toEqual(['no'])
  })

  const conflictsOf = async (error: Error, options: Partial<ConflictOptions<object>>) => {
    const adapter = prismaAdapter<object>({ model: refusing(error), fields })
    const app = express()
    app.use('/articles', resourceRouter<object>({ name: 'article', adapter, ...options }))
    app.use(respondToConflicts())
    const answer = await request(app).put('/articles/a').set('If-None-Match', '*').send({ title: 't' })
    expect(answer.status).toBe(409)
    return (answer.body.conflicts ?? []).map(({ pointer }: { pointer: string }) => pointer)
  }

  test('reach a client, except those that it cannot see', async () => {
    const error = known('P2002', { target: ['slug', 'title'] })
    expect(await conflictsOf(error, {})).toEqual(['/slug', '/title'])
    expect(await conflictsOf(error, { hidden: ['/slug'] })).toEqual(['/title'])
    expect(await conflictsOf(error, { hidden: ['/slug', '/title'] })).toEqual([])
  })

  test('give way to what constraints says', async () => {
    const option = (name: string) => ({ constraints: { [name]: '/author' } })
    expect(await conflictsOf(known('P2002', { target: ['slug', 'title'] }), option('slug, title'))).toEqual(['/author'])
    expect(await conflictsOf(known('P2000', { column_name: 'title' }), option('title'))).toEqual(['/author'])
    expect(await conflictsOf(known('P2011', { constraint: ['title'] }), option('title'))).toEqual(['/author'])
  })
})
