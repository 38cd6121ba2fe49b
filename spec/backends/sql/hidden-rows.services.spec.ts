import express from 'express'
import { Pool } from 'pg'
import request from 'supertest'
import { resourceRouter, respondToConflicts } from '../../../lib'
import { sqlAdapter } from '../../../lib/backends/sql'
import { describeWith, ownName } from '../../services'

describeWith('PostgreSQL', 'rows that the database hides, or lets nobody change', (url) => {
  const table = ownName('hidden')
  const role = ownName('reader')
  const history = `${table}_history`
  const admin = new Pool({ connectionString: url, max: 1 })
  const client = new Pool({ connectionString: url, max: 2, options: `-c role=${role}` })
  const run = (text: string) => admin.query(text)
  beforeAll(async () => {
    await run(`create table ${table} (id text primary key, title text, owner text, version text not null default 'v')`)
    await run(
      `create table ${history} (id text, version text, value json, modified_ms bigint, gone boolean, position bigint, primary key (id, version))`,
    )
    await run(`create role ${role}`)
    await run(`grant all on ${table}, ${history} to ${role}`)
    await run(`alter table ${table} enable row level security`)
    await run(`create policy seen on ${table} for select using (owner <> 'secret')`)
    await run(`create policy made on ${table} for insert with check (true)`)
    await run(`create policy changed on ${table} for update using (owner = 'me')`)
    await run(`create policy removed on ${table} for delete using (owner = 'me')`)
    await run(
      `create function ${table}_skip() returns trigger language plpgsql as $$ begin if old.title = 'stuck' then return null; end if; return case when tg_op = 'DELETE' then old else new end; end $$`,
    )
    await run(`create trigger skip before update or delete on ${table} for each row execute function ${table}_skip()`)
  })
  beforeEach(async () => {
    await run(`truncate ${table}`)
    await run(
      `insert into ${table} values ('mine', 'x', 'me', 'v'), ('theirs', 'x', 'them', 'v'), ('secret', 'x', 'secret', 'v'), ('stuck', 'stuck', 'me', 'v')`,
    )
  })
  afterAll(async () => {
    await run(`drop table ${table}, ${history}`)
    await run(`drop function ${table}_skip`)
    await run(`drop role ${role}`)
    await admin.end()
    await client.end()
  })

  test.each(['compare-and-swap', 'transaction'] as const)(
    'a value that takes the row out of its view is refused, %s',
    async (isolation) => {
      await run(`create view ${table}_view as select * from ${table} where title <> 'gone'`)
      try {
        const app = express()
        const adapter = sqlAdapter({ client: admin, table: `${table}_view`, columns: ['title', 'owner'] })
        app.use('/rows', resourceRouter({ name: 'row', adapter, isolation }))
        app.use(respondToConflicts({ logger: { warn: () => {}, error: () => {} } }))
        const change = (title: string) =>
          request(app).put('/rows/mine').set('If-Match', '"v"').send({ title, owner: 'me' })
        expect((await change('gone')).body.code).toBe('check_violation')
        expect((await change('kept')).status).toBe(200)
      } finally {
        await run(`drop view ${table}_view`)
      }
    },
  )

  const ways = [
    ['plain', {}, {}],
    ['in a transaction', { isolation: 'transaction' }, {}],
    ['with history', {}, { history: { table: history } }],
    ['without a version', {}, { version: false }],
  ] as const
  describe.each(ways)('%s', (_, options, more) => {
    const app = express()
    const adapter = sqlAdapter({ client, table, columns: ['title', 'owner'], ...more })
    app.use('/rows', resourceRouter({ name: 'row', adapter, ...options }))
    app.use(respondToConflicts({ logger: { warn: () => {}, error: () => {} } }))
    const body = { title: 'y', owner: 'me' }

    test.each(['theirs', 'stuck'])('a change of %s ends, and is not to be tried again', async (id) => {
      const { etag = '' } = (await request(app).get(`/rows/${id}`)).headers
      const answers = [
        await request(app).put(`/rows/${id}`).set('If-Match', etag).send(body),
        await request(app).put(`/rows/${id}`).set('If-Match', '*').send(body),
        await request(app).patch(`/rows/${id}`).set('If-Match', etag).type('application/merge-patch+json').send(body),
        await request(app).delete(`/rows/${id}`).set('If-Match', etag),
      ]
      for (const { status, body: problem } of answers) {
        expect([403, 404, 412]).toContain(status)
        expect(problem.retryable).toBe(false)
      }
      const { rows } = await run(`select title, version from ${table} where id = '${id}'`)
      expect(rows).toEqual([{ title: id === 'stuck' ? 'stuck' : 'x', version: 'v' }])
    })

    test('a key that is taken by a row that cannot be seen is not created, and not to be tried again', async () => {
      const { status, body: problem } = await request(app).put('/rows/secret').send(body)
      expect([status, problem.code, problem.retryable]).toEqual([403, 'denied', false])
    })

    test('what the policies allow goes through', async () => {
      const { etag = '' } = (await request(app).get('/rows/mine')).headers
      const changed = await request(app).put('/rows/mine').set('If-Match', etag).send(body)
      expect(changed.status).toBe(200)
      const { status } = await request(app).delete('/rows/mine').set('If-Match', String(changed.headers.etag))
      expect(status).toBe(204)
    })
  })
})
