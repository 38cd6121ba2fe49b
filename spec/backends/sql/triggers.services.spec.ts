import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import express from 'express'
import request from 'supertest'
import { type ConflictOptions, resourceRouter, respondToConflicts } from '../../../lib'
import { type SqlDialect, type SqlTable, sqlAdapter } from '../../../lib/backends/sql'
import { describeWith, ownName } from '../../services'
import { type Opened, SQL_SERVERS } from './servers'

interface Row {
  readonly title: string
  readonly shown?: string
}

/** What changes a row by itself, as statements that follow the creation of the table `t`, by dialect. */
const CHANGES: Readonly<Record<string, (dialect: SqlDialect, table: string) => readonly string[] | undefined>> = {
  'an AFTER trigger that changes another column': (dialect, t) =>
    afterTrigger(
      dialect,
      t,
      `update ${t} set shown = upper(new.title) where id = new.id and shown is not upper_of_title`,
    ),
  'an AFTER trigger that changes the version': (dialect, t) =>
    afterTrigger(
      dialect,
      t,
      `update ${t} set version = 'by-trigger-' || new.version where id = new.id and version not like 'by-%'`,
    ),
  'an AFTER trigger of a statement': (dialect, t) =>
    dialect === 'postgres'
      ? [
          `create function ${t}_f() returns trigger language plpgsql as $$ begin if pg_trigger_depth() < 2 then update ${t} set shown = upper(title), version = 'by-' || version where version not like 'by-%'; end if; return null; end $$`,
          `create trigger a after insert or update on ${t} for each statement execute function ${t}_f()`,
        ]
      : undefined,
  'a trigger that waits for COMMIT': (dialect, t) =>
    dialect === 'postgres'
      ? [
          `create function ${t}_f() returns trigger language plpgsql as $$ begin if pg_trigger_depth() < 2 then update ${t} set version = 'by-' || new.version where id = new.id; end if; return null; end $$`,
          `create constraint trigger a after insert or update on ${t} deferrable initially deferred for each row execute function ${t}_f()`,
        ]
      : undefined,
  'a BEFORE trigger that changes another column': (dialect, t) =>
    beforeTrigger(dialect, t, 'shown', 'upper(new.title)'),
  'a BEFORE trigger that changes the version': (dialect, t) =>
    beforeTrigger(
      dialect,
      t,
      'version',
      dialect === 'mysql' ? "concat('by-', left(new.version, 30))" : "'by-' || left(new.version, 30)",
    ),
  'a generated column': (dialect, t) => [
    `alter table ${t} drop column shown`,
    `alter table ${t} add column shown varchar(50) generated always as (upper(title)) ${dialect === 'sqlite' ? 'virtual' : 'stored'}`,
  ],
  'ON UPDATE and defaults': (dialect, t) =>
    dialect === 'mysql'
      ? [
          `alter table ${t} modify shown varchar(50) default 'by default', add seen timestamp(6) default current_timestamp(6) on update current_timestamp(6)`,
        ]
      : undefined,
}

function afterTrigger(dialect: SqlDialect, t: string, statement: string): readonly string[] | undefined {
  // MySQL and MariaDB let no trigger change its own table.
  if (dialect === 'mysql') return undefined
  if (dialect === 'postgres')
    return [
      `create function ${t}_f() returns trigger language plpgsql as $$ begin ${statement.replace('shown is not upper_of_title', 'shown is distinct from upper(title)')}; return null; end $$`,
      `create trigger a after insert or update on ${t} for each row execute function ${t}_f()`,
    ]
  const body = statement.replace('shown is not upper_of_title', 'shown is not upper(title)')
  return ['insert', 'update'].map((verb) => `create trigger ${t}_${verb} after ${verb} on ${t} begin ${body}; end`)
}

function beforeTrigger(dialect: SqlDialect, t: string, column: string, content: string): readonly string[] | undefined {
  // In SQLite none can change what is written.
  if (dialect === 'sqlite') return undefined
  if (dialect === 'mysql')
    return ['insert', 'update'].map(
      (verb) => `create trigger ${t}_${verb} before ${verb} on ${t} for each row set new.${column} = ${content}`,
    )
  return [
    `create function ${t}_f() returns trigger language plpgsql as $$ begin new.${column} := ${content}; return new; end $$`,
    `create trigger b before insert or update on ${t} for each row execute function ${t}_f()`,
  ]
}

for (const server of SQL_SERVERS) {
  describeWith(server.service, `rows that change by themselves on ${server.service}`, (url) => {
    const { dialect } = server
    const folder = mkdtempSync(join(tmpdir(), 'express-conflict-'))
    const dropping: string[] = []
    let one: Opened
    beforeAll(() => {
      one = server.open(dialect === 'sqlite' ? join(folder, 'test.db') : url, 2)
    })
    afterAll(async () => {
      for (const statement of dropping.reverse()) await one.run(statement)
      await one.close()
      rmSync(folder, { recursive: true })
    })

    async function made(more: readonly string[] = []): Promise<string> {
      const t = ownName('auto')
      await one.run(
        `create table ${t} (id varchar(50) primary key, title varchar(50), shown varchar(50), version varchar(60) not null)`,
      )
      await one.run(
        `create table ${t}_history (id varchar(50), version varchar(60), value ${server.types.json}, modified_ms bigint, gone boolean, position bigint, primary key (id, version))`,
      )
      dropping.push(`drop table ${t}_history`)
      if (dialect === 'postgres') dropping.push(`drop function if exists ${t}_f cascade`)
      dropping.push(`drop table ${t}`)
      for (const statement of more) await one.run(statement.replaceAll('$t', t))
      return t
    }

    const appOver = (table: string, options: Partial<ConflictOptions<Row>> = {}, more: Partial<SqlTable> = {}) => {
      const app = express()
      const adapter = sqlAdapter<Row>({ client: one.client, table, columns: ['title', 'shown'], ...more })
      app.use('/rows', resourceRouter({ name: 'row', adapter, ...options }))
      app.use(respondToConflicts())
      return app
    }

    const tagOf = async (app: express.Express, path = '/rows/a') => String((await request(app).get(path)).headers.etag)

    /** The answer shows the stored row: the next change with its tag goes through, and so does the one after. */
    async function goesOn(app: express.Express, id: string): Promise<void> {
      let answer = await request(app).put(`/rows/${id}`).send({ title: 'one' })
      expect(answer.status).toBe(201)
      for (const title of ['two', 'three']) {
        const read = await request(app).get(`/rows/${id}`)
        // RFC 9110 §9.3.4: no tag where what was stored is not what was sent.
        const etag = String(read.headers.etag)
        expect([answer.headers.etag ?? etag, answer.body]).toEqual([etag, read.body])
        answer = await request(app).put(`/rows/${id}`).set('If-Match', etag).send({ title })
        expect(answer.status).toBe(200)
      }
      answer = await request(app)
        .patch(`/rows/${id}`)
        .set('If-Match', answer.headers.etag ?? (await tagOf(app, `/rows/${id}`)))
        .type('application/merge-patch+json')
        .send({ title: 'four' })
      expect(answer.status).toBe(200)
      const { status } = await request(app).delete(`/rows/${id}`).set('If-Match', String(answer.headers.etag))
      expect(status).toBe(204)
    }

    const ways: ReadonlyArray<readonly [string, Partial<ConflictOptions<Row>>, (t: string) => Partial<SqlTable>]> = [
      ['plain', {}, () => ({})],
      ['in a transaction', { isolation: 'transaction' }, () => ({})],
      ['with history', {}, (t) => ({ history: { table: `${t}_history` } })],
    ]
    describe.each(ways)('%s', (way, options, more) => {
      for (const [name, change] of Object.entries(CHANGES)) {
        if (change(dialect, 't') === undefined) continue
        // The answer of a transaction of the app's is given before its end.
        if (name.includes('COMMIT') && way === 'in a transaction') continue
        test(name, async () => {
          const t = await made()
          for (const statement of change(dialect, t) ?? []) await one.run(statement)
          await goesOn(appOver(t, options, more(t)), 'a')
        })
      }
    })

    test('a hash of the columns in place of a version', async () => {
      for (const [name, change] of Object.entries(CHANGES)) {
        const statements = change(dialect, 't')
        if (statements === undefined || /version|statement|COMMIT/.test(name)) continue
        const t = await made()
        for (const statement of change(dialect, t) ?? []) await one.run(statement)
        if (dialect === 'mysql') await one.run(`alter table ${t} modify version varchar(60) not null default 'v'`)
        else if (dialect === 'postgres') await one.run(`alter table ${t} alter version set default 'v'`)
        else continue
        await goesOn(appOver(t, {}, { version: false }), 'a')
      }
    })

    if (dialect !== 'mysql') {
      test('a trigger that comes while the app runs is noticed', async () => {
        const t = await made()
        const app = appOver(t)
        await request(app).put('/rows/a').send({ title: 'one' })
        const change = CHANGES['an AFTER trigger that changes the version']
        for (const statement of change?.(dialect, t) ?? []) await one.run(statement)
        const clock = jest.spyOn(performance, 'now').mockReturnValue(performance.now() + 10_001)
        await request(app).get('/rows/a')
        await request(app).get('/rows/a')
        clock.mockRestore()
        await goesOn(app, 'b')
      })

      test('a trigger that removes the row is the mistake of the table, and changes nothing', async () => {
        const t = await made()
        const statement = `delete from ${t} where id = new.id and title = 'bad'`
        for (const each of afterTrigger(dialect, t, statement) ?? []) await one.run(each)
        const app = appOver(t)
        app.use(((_error, _req, res, _next) => res.status(500).end()) as express.ErrorRequestHandler)
        await request(app).put('/rows/a').send({ title: 'good' })
        const bad = await request(app)
          .put('/rows/a')
          .set('If-Match', await tagOf(app))
          .send({ title: 'bad' })
        expect(bad.status).toBe(500)
        expect((await request(app).get('/rows/a')).body.title).toBe('good')
      })
    }

    test('a view over a table', async () => {
      const t = await made()
      dropping.push(`drop view ${t}_view`)
      await one.run(`create view ${t}_view as select id, title, shown, version from ${t}`)
      if (dialect === 'sqlite')
        for (const verb of ['insert', 'update', 'delete'])
          await one.run(
            `create trigger ${t}_v_${verb} instead of ${verb} on ${t}_view begin ${
              {
                insert: `insert into ${t} values (new.id, new.title, new.shown, new.version)`,
                update: `update ${t} set title = new.title, shown = new.shown, version = new.version where id = old.id`,
                delete: `delete from ${t} where id = old.id`,
              }[verb]
            }; end`,
          )
      const app = appOver(`${t}_view`)
      await one.run(`insert into ${t} values ('a', 'one', null, 'v')`)
      let etag = '"v"'
      for (const title of ['two', 'three']) {
        const { status, headers } = await request(app).put('/rows/a').set('If-Match', etag).send({ title })
        expect(status).toBe(200)
        etag = headers.etag ?? (await tagOf(app))
      }
      expect((await request(app).delete('/rows/a').set('If-Match', etag)).status).toBe(204)
      expect((await request(app).put('/rows/b').send({ title: 'one' })).status).toBe(201)
    })

    test.each([{}, { isolation: 'transaction' }] as const)(
      'a row is created once through a view whose INSERT is a trigger, %j',
      async (options) => {
        if (dialect === 'mysql') return
        const t = await made([`create view $t_view as select id, title, shown, version from $t`])
        dropping.push(`drop view ${t}_view`)
        const insert = `insert into ${t} values (new.id, new.title, 'by trigger', new.version)`
        if (dialect === 'sqlite')
          await one.run(`create trigger ${t}_v instead of insert on ${t}_view begin ${insert}; end`)
        else
          await one.run(
            `create function ${t}_f() returns trigger language plpgsql as $$ begin ${insert}; return new; end $$; create trigger i instead of insert on ${t}_view for each row execute function ${t}_f()`,
          )
        const app = appOver(`${t}_view`, options)
        const create = (id: string) => request(app).put(`/rows/${id}`).set('If-None-Match', '*').send({ title: id })
        const answers = await Promise.all(['a', 'a', 'a', 'b'].map(create))
        expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 412, 412])
        expect((await request(app).get('/rows/a')).body).toEqual({ title: 'a', shown: 'by trigger' })
      },
    )

    if (dialect !== 'postgres') return
    test('a partitioned table, whose triggers stand on a partition', async () => {
      const t = ownName('parted')
      dropping.push(`drop function if exists ${t}_f cascade`, `drop table ${t}`)
      await one.run(
        `create table ${t} (id varchar(50) primary key, title varchar(50), shown varchar(50), version varchar(60) not null) partition by hash (id)`,
      )
      await one.run(`create table ${t}_0 partition of ${t} for values with (modulus 1, remainder 0)`)
      const statements = afterTrigger(
        dialect,
        t,
        `update ${t} set version = 'by-trigger-' || new.version where id = new.id and version not like 'by-%'`,
      )
      for (const statement of statements ?? []) await one.run(statement.replace(`on ${t} for`, `on ${t}_0 for`))
      await goesOn(appOver(t), 'a')
    })
  })
}
