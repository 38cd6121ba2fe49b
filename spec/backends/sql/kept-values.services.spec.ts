import express from 'express'
import request from 'supertest'
import { resourceRouter, respondToConflicts } from '../../../lib'
import { sqlAdapter } from '../../../lib/backends/sql'
import { describeWith, ownName } from '../../services'
import { type Opened, SQL_SERVERS } from './servers'

/** Where the database takes two keys for one. */
const ALIKE = {
  PostgreSQL: [
    `create collation if not exists express_conflict_alike (provider = icu, locale = 'und-u-ks-level1', deterministic = false)`,
    'text collate express_conflict_alike',
  ],
  MariaDB: ['select 1', 'varchar(20) collate utf8mb4_general_ci'],
  SQLite: ['select 1', 'text collate nocase'],
} as const

for (const server of SQL_SERVERS) {
  const { service } = server
  if (service !== 'PostgreSQL' && service !== 'MariaDB' && service !== 'SQLite') continue
  describeWith(service, `what ${service} would not give back as it was sent`, (url) => {
    const table = ownName('kept')
    const [before, key] = ALIKE[service]
    let opened: Opened
    beforeAll(async () => {
      opened = server.open(url)
      await opened.run(before)
      await opened.run(
        `create table ${table} (id ${key} primary key, n integer, big bigint, day ${service === 'SQLite' ? 'text' : 'date'}, version varchar(40) not null)`,
      )
      await opened.run(`insert into ${table} values ('a', 1, 1, '2020-01-31', 'v')`)
    })
    afterAll(async () => {
      await opened.run(`drop table ${table}`)
      await opened.close()
    })

    describe.each(['compare-and-swap', 'transaction'] as const)('%s', (isolation) => {
      const app = express()
      beforeAll(() => {
        const columns = { n: 'n', big: 'big', day: { type: 'date' } } as const
        const adapter = sqlAdapter({ client: opened.client, table, columns })
        app.use('/rows', resourceRouter({ name: 'row', adapter, isolation }))
        app.use(respondToConflicts({ logger: { warn: () => {}, error: () => {} } }))
      })

      test.each([
        ['a fraction in a column of integers', { n: 1.5 }, '/n'],
        ['an integer that is rounded when it is read', { big: 2 ** 60 }, '/big'],
        ['the same as a text', { big: '9223372036854775806' }, '/big'],
        ['a day that does not exist', { day: '2020-02-30' }, '/day'],
        ['a moment of such a day', { day: '2020-02-30T10:00:00Z' }, '/day'],
      ])('%s is refused, and the row stays as it was', async (_, patch: Readonly<Record<string, unknown>>, pointer) => {
        const { body: stored, headers } = await request(app).get('/rows/a').expect(200)
        const { status, body } = await request(app).patch('/rows/a').set('If-Match', String(headers.etag)).send(patch)
        // SQLite keeps a fraction, and PostgreSQL's driver gives large integers as texts.
        if ('n' in patch && service === 'SQLite') expect(status).toBe(200)
        else if (typeof patch.big === 'string' && service === 'PostgreSQL') expect(body.big).toBe(patch.big)
        else {
          expect([body.code, body.conflicts?.[0]?.pointer]).toEqual(['check_violation', pointer])
          expect((await request(app).get('/rows/a').expect(200)).body).toEqual(stored)
        }
      })

      test('a key that a collation takes for another one finds nothing, and cannot be created', async () => {
        await request(app).get('/rows/A').expect(404)
        const { status, body } = await request(app).put('/rows/A').send({ n: 1 })
        expect([status, body.code, body.retryable]).toEqual([409, 'unique_violation', false])
      })
    })
  })
}
