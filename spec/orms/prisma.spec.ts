import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from '@prisma/client'
import { prismaAdapter } from '../../lib/backends/prisma'
import { recogniseStoreError } from '../../lib/conflicts/store-errors'
import { isStoreFault } from '../../lib/contracts/store-fault'
import { adapterKit, jsonValues } from '../../lib/testing'
import { describeWith, ownName } from '../services'
import { ownDatabase } from './databases'

const TABLES = [
  `create table articles (id text primary key, title text not null, count integer, tags jsonb, labels text[], stars integer[],
    big bigint, slug text unique,
    version text not null, modified timestamptz(3))`,
  `create table documents (id text primary key, value text not null, version bigint not null,
    modified timestamptz(3) not null, removed timestamptz(3))`,
  'create table notes (id serial primary key, text text not null, version integer not null default 1)',
]

const clients: PrismaClient[] = []

function open(connectionString: string): PrismaClient {
  const client = new PrismaClient({ adapter: new PrismaPg({ connectionString, max: 4 }) })
  clients.push(client)
  return client
}

describeWith('PostgreSQL', 'prismaAdapter', (url) => {
  // Before the database is dropped.
  afterAll(() => Promise.all(clients.map((client) => client.$disconnect())))
  const own = ownDatabase(url, ownName('prisma'), TABLES)
  const one = open(own)
  const two = open(own)
  const closed = open('postgres://postgres@127.0.0.1:1/test')
  let ms = Date.now()
  const now = () => ms
  const advance = (by: number) => {
    ms += by
  }
  const abilities = {
    remove: true,
    create: false,
    tombstones: false,
    lastModified: true,
    transaction: false,
    readVersion: false,
  }

  describe('over fields keeps the contract', () => {
    const over = ({ article }: PrismaClient) =>
      prismaAdapter<unknown>({
        model: article,
        fields: { title: 'plain', count: 'plain', tags: 'json' },
        lastModified: 'modified',
        now,
      })
    const tags = { tags: ['a', { b: null }] }
    const kit = adapterKit<unknown>({
      makeAdapter: async () => {
        await one.article.deleteMany()
        return over(one)
      },
      makeSecond: () => over(two),
      makeFailing: () => over(closed),
      values: [
        { title: 'one', count: 1, ...tags },
        { title: 'two ', count: null, ...tags },
        { title: 'Three', count: 3, tags: null },
      ],
      extraValues: [{ title: "'; --", count: 2 ** 31 - 1, tags: { increment: 1, set: 'é' } }],
      rounds: 8,
      abilities,
      advance,
    })
    for (const { name, run } of kit) test(name, run)
  })

  describe('over JSON in a String, with a BigInt version and tombstones, keeps the contract', () => {
    const over = ({ document }: PrismaClient) =>
      prismaAdapter<unknown>({
        model: document,
        json: 'value',
        version: { field: 'version', type: 'bigint' },
        lastModified: 'modified',
        softDelete: 'removed',
        now,
      })
    const kit = adapterKit<unknown>({
      makeAdapter: async () => {
        await one.document.deleteMany()
        return over(one)
      },
      makeSecond: () => over(two),
      makeFailing: () => over(closed),
      values: [{ a: 1 }, { a: 2 }, [3]],
      extraValues: jsonValues,
      rounds: 8,
      abilities: { ...abilities, tombstones: true },
      advance,
    })
    for (const { name, run } of kit) test(name, run)
  })

  describe('in the traps of a table', () => {
    const articles = prismaAdapter<unknown>({ model: one.article, fields: ['title', 'count', 'slug'] })
    const notes = prismaAdapter<{ text: string }>({
      model: one.note,
      keyType: 'integer',
      fields: ['text'],
      version: { field: 'version', type: 'integer' },
      generatedKeys: true,
    })
    beforeAll(() => one.article.deleteMany())

    const faultOf = (call: Promise<unknown> | undefined) =>
      Promise.resolve(call).then(
        () => undefined,
        (error: unknown) => (isStoreFault(error) ? { ...recogniseStoreError(error), said: error.message } : error),
      )

    test('a change, a creation and a removal are one statement each', async () => {
      const statements: string[] = []
      const logged = new PrismaClient({
        adapter: new PrismaPg({ connectionString: own }),
        log: [{ emit: 'event', level: 'query' }],
      })
      clients.push(logged)
      logged.$on('query', ({ query }) => statements.push(query))
      // With lastModified, two changes in one second take two more.
      const adapter = prismaAdapter<unknown>({ model: logged.article, fields: ['title'] })
      const made = await adapter.write('counted', { title: 'one' }, null)
      const changed = made.ok && (await adapter.write('counted', { title: 'two' }, made.state.version))
      if (changed && 'state' in changed) await adapter.remove('counted', changed.state.version)
      expect(statements.map((statement) => statement.split(' ')[0])).toEqual(['INSERT', 'UPDATE', 'SELECT', 'DELETE'])
    })

    test('what Prisma would take for an operation is refused as a value', async () => {
      const made = await articles.write('operations', { title: 'one', count: 1 }, null)
      const version = made.ok ? made.state.version : ''
      for (const [value, kind] of [
        [{ title: { set: 'x' } }, 'check'],
        [{ title: 'x', count: { increment: 5 } }, 'check'],
        [{ title: 'x', author: { create: {} } }, 'check'],
        [{ title: 4 }, 'malformed'],
      ] as const)
        expect(await faultOf(articles.write('operations', value, version))).toMatchObject({ kind, applied: 'no' })
      expect((await articles.read('operations'))?.value).toEqual({ title: 'one', count: 1, slug: null })
    })

    test('lists and numbers come back as they were, and take no operation and no rounding', async () => {
      const adapter = prismaAdapter<unknown>({
        model: one.article,
        fields: { title: 'plain', labels: 'json', stars: 'plain', big: 'plain', count: 'plain' },
      })
      const value = { title: 'x', labels: ['a', 'b'], stars: [1, 2], big: '9223372036854775807', count: 1 }
      const made = await adapter.write('lists', value, null)
      const version = made.ok ? made.state.version : ''
      expect(made).toMatchObject({ ok: true, state: { value } })
      for (const wrong of [
        { labels: { push: 'x' } },
        { labels: { set: ['x'] } },
        { stars: { push: 1 } },
        { stars: [1.5] },
        { count: 1.5 },
        { big: 1.5 },
      ])
        expect(await faultOf(adapter.write('lists', { ...value, ...wrong }, version))).toMatchObject({ kind: 'check' })
      expect(await adapter.write('lists', value, version)).toMatchObject({ ok: true, state: { value } })
    })

    test('another unique field that is in the way is no lost race', async () => {
      await articles.write('first', { title: 'one', slug: 'taken' }, null)
      const fault = await faultOf(articles.write('second', { title: 'secret', slug: 'taken' }, null))
      expect(fault).toMatchObject({
        kind: 'unique',
        applied: 'no',
        said: expect.stringMatching(/prismaAdapter\(\): unique \(P2002\)$/),
      })
    })

    test('keys that the database gives are good for a read and a write', async () => {
      const made = await notes.create?.({ text: 'one' })
      const { key = '', state } = made ?? {}
      expect(await notes.read(key)).toEqual(state)
      expect(await notes.write(key, { text: 'two' }, '1')).toMatchObject({ ok: true, state: { version: '2' } })
      for (const other of [`0${key}`, `${key}.0`, ` ${key}`, '1e400', '9999999999'])
        expect(await notes.read(other)).toBeUndefined()
    })

    test('mistakes in the options are told when the app starts', () => {
      const over = (options: object) => () => prismaAdapter({ model: one.article, fields: ['title'], ...options })
      expect(over({ model: one })).toThrow('prismaAdapter(): model is no model of a Prisma client')
      expect(over({ json: 'value' })).toThrow('prismaAdapter(): give either json or fields.')
      expect(over({ columns: ['title'] })).toThrow(
        'prismaAdapter(): there is no option "columns". Known are model, key',
      )
      expect(over({ lastModified: 'version' })).toThrow('the field "version" is named for two purposes.')
    })
  })

  describe('errors', () => {
    const seen = (call: PromiseLike<unknown>) =>
      Promise.resolve(call).then(
        () => 'it was carried out',
        (error: unknown) => recogniseStoreError(error),
      )

    test('of Prisma are recognised', async () => {
      const { article } = one
      const data = { id: 'errors', title: 'one', slug: 'errors', version: '1' }
      await article.create({ data })
      expect(await seen(article.create({ data }))).toMatchObject({ kind: 'unique', applied: 'no' })
      expect(await seen(article.create({ data: { ...data, id: 'other' } }))).toMatchObject({ kind: 'unique' })
      expect(await seen(article.create({ data: { ...data, id: 'a\0' } }))).toMatchObject({ kind: 'malformed' })
      expect(await seen(article.create({ data: { ...data, title: 4 as never } }))).toMatchObject({ kind: 'malformed' })
      expect(await seen(article.update({ where: { id: 'errors', version: '0' }, data: { title: 'x' } }))).toMatchObject(
        {
          kind: 'stale',
        },
      )
      expect(await seen(closed.article.count())).toMatchObject({ kind: 'connection', applied: 'no' })
    })

    test.each<[string, string]>([
      ['unique', `insert into notes (id, text) values (1, 'x'), (1, 'y')`],
      ['check', 'insert into notes (id) values (2)'],
      ...(
        [
          ['rule', 'AB123'],
          ['serialization', '40001'],
          ['deadlock', '40P01'],
          ['busy', '53300'],
          ['ambiguous', '40003'],
        ] as const
      ).map(([kind, code]): [string, string] => [
        kind,
        `do $$ begin raise exception 'x' using errcode = '${code}'; end $$`,
      ]),
    ])('of a statement of the app are recognised: %s', async (kind, statement) => {
      expect(await seen(one.$executeRawUnsafe(statement))).toMatchObject({ kind })
    })

    test('of a statement of the app to a server that is not there are recognised', async () => {
      expect(await seen(closed.$executeRawUnsafe('select 1'))).toMatchObject({ kind: 'connection', applied: 'no' })
    })

    test('a serialization failure is one', async () => {
      await one.note.create({ data: { text: 'contended', id: 77 } })
      const arrived: Array<() => void> = []
      const both = Promise.all([0, 1].map(() => new Promise<void>((resolve) => arrived.push(resolve))))
      const increment = (client: PrismaClient, index: number) =>
        client.$transaction(
          async (tx) => {
            await tx.note.findMany()
            arrived[index]?.()
            await both
            await tx.note.update({ where: { id: 77 }, data: { version: { increment: 1 } } })
          },
          { isolationLevel: 'Serializable' },
        )
      const results = await Promise.allSettled([one, two].map(increment))
      const failed = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
      expect(failed.map((error) => recogniseStoreError(error)?.kind)).toEqual(['serialization'])
    })
  })
})
