import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import knex from 'knex'
import { DataTypes, Sequelize } from 'sequelize'
import { DataSource, EntitySchema } from 'typeorm'
import { recogniseStoreError } from '../../lib/conflicts/store-errors'
import { describeWith, ownName } from '../services'
import { ownDatabase } from './databases'

const TABLES = [
  `create table parents (id integer primary key, slug text not null, n integer, version integer not null default 1,
    constraint parents_slug unique (slug), constraint parents_n check (n > 0))`,
  `create table children (id integer primary key, parent integer,
    constraint children_parent foreign key (parent) references parents (id))`,
  `insert into parents values (1, 'a', 1), (2, 'b', 1)`,
  'insert into children values (1, 1)',
]

interface Orm {
  run(statement: string): PromiseLike<unknown>
  close(): PromiseLike<unknown>
}

type Open = (url: string) => Orm | Promise<Orm>

const ORMS: ReadonlyArray<readonly [string, Open]> = [
  [
    'Drizzle',
    (url) => {
      const db = drizzle(url)
      return { run: (statement) => db.execute(sql.raw(statement)), close: () => db.$client.end() }
    },
  ],
  [
    'Knex',
    (url) => {
      const db = knex({ client: 'pg', connection: url, log: { warn: () => {} } })
      return { run: (statement) => db.raw(statement), close: () => db.destroy() }
    },
  ],
  [
    'TypeORM',
    async (url) => {
      const source = await new DataSource({ type: 'postgres', url }).initialize()
      return { run: (statement) => source.query(statement), close: () => source.destroy() }
    },
  ],
  [
    'Sequelize',
    (url) => {
      const sequelize = new Sequelize(url, { logging: false })
      return { run: (statement) => sequelize.query(statement), close: () => sequelize.close() }
    },
  ],
]

const seen = (call: PromiseLike<unknown>) =>
  Promise.resolve(call).then(
    () => 'it was carried out',
    (error: unknown) => recogniseStoreError(error),
  )

describe.each(ORMS)('what %s makes of an error', (_, open) => {
  describeWith('PostgreSQL', 'is recognised', (url) => {
    let orm: Orm
    afterAll(() => orm.close())
    const own = ownDatabase(url, ownName('errors'), TABLES)
    beforeAll(async () => {
      orm = await open(own)
    })

    test.each([
      ['unique', `insert into parents values (3, 'a', 1)`, 'parents_slug'],
      ['reference', 'insert into children values (2, 99)', 'children_parent'],
      ['reference', 'delete from parents where id = 1', 'children_parent'],
      ['check', `insert into parents values (3, 'c', -1)`, 'parents_n'],
      ['check', `insert into parents (id) values (3)`, undefined],
      ['malformed', `insert into parents values (99999999999, 'c', 1)`, undefined],
      ['mistake', 'insert into nowhere values (1)', undefined],
    ])('%s: %s', async (kind, statement, constraint) => {
      const error = await seen(orm.run(statement))
      expect(error).toMatchObject({ kind, applied: 'no', ...(constraint && { constraint }) })
    })

    test('a deadlock, a serialization failure and a lock that was not to be had in time', async () => {
      const raise = (state: string) => `do $$ begin raise exception 'x' using errcode = '${state}'; end $$`
      expect(await seen(orm.run(raise('40P01')))).toMatchObject({ kind: 'deadlock', applied: 'no' })
      expect(await seen(orm.run(raise('40001')))).toMatchObject({ kind: 'serialization', applied: 'no' })
      expect(await seen(orm.run(raise('55P03')))).toMatchObject({ kind: 'lock-timeout', applied: 'no' })
    })

    test('a connection that the server ends leaves the outcome open', async () => {
      expect(await seen(orm.run('select pg_terminate_backend(pg_backend_pid())'))).toMatchObject({
        kind: 'connection',
        applied: 'unknown',
      })
    })

    test('a server that is not there has done nothing', async () => {
      const error = await seen(
        (async () => {
          const closed = await open('postgres://postgres@127.0.0.1:1/test')
          try {
            await closed.run('select 1')
          } finally {
            await closed.close()
          }
        })(),
      )
      expect(error).toMatchObject({ kind: 'connection', applied: 'no' })
    })
  })
})

describeWith('PostgreSQL', 'the optimistic locks of ORMs', (url) => {
  const closing: Array<() => Promise<unknown>> = []
  afterAll(() => Promise.all(closing.map((close) => close())))
  const own = ownDatabase(url, ownName('stale'), TABLES)

  test('of Sequelize say that a row is stale', async () => {
    const sequelize = new Sequelize(own, { logging: false })
    closing.push(() => sequelize.close())
    const Parent = sequelize.define(
      'parent',
      { id: { type: DataTypes.INTEGER, primaryKey: true }, slug: DataTypes.TEXT },
      { timestamps: false, version: true },
    )
    const [one, two] = [await Parent.findByPk(1), await Parent.findByPk(1)]
    await one?.update({ slug: 'one' })
    expect(await seen(two?.update({ slug: 'two' }) as PromiseLike<unknown>)).toMatchObject({ kind: 'stale' })
  })

  test('of TypeORM say that a row is stale', async () => {
    const Parent = new EntitySchema<{ id: number; version: number }>({
      name: 'Parent',
      tableName: 'parents',
      columns: { id: { type: 'int', primary: true }, version: { type: 'int', version: true } },
    })
    const source = await new DataSource({ type: 'postgres', url: own, entities: [Parent] }).initialize()
    closing.push(() => source.destroy())
    const find = source.getRepository(Parent).createQueryBuilder('parent').where({ id: 2 })
    expect(await seen(find.setLock('optimistic', 7).getOne())).toMatchObject({ kind: 'stale' })
  })
})
