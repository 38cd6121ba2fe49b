import express from 'express'
import type { SqliteDatabase } from 'kysely'
import request from 'supertest'
import { type ConflictOptions, resourceRouter, respondToConflicts } from '../../../lib'
import { createTableStatements, type SqlAdapterOptions, sqlAdapter } from '../../../lib/backends/sql'
import { describeWith } from '../../services'

interface Doc {
  readonly title: string
}

const tagOf = ({ headers }: request.Response) => headers.etag ?? ''

/** What the spec asks of better-sqlite3. */
interface Database {
  pragma(text: string): unknown
  exec(text: string): unknown
  prepare(text: string): { raw(): { all(): string[][] }; pluck(): { get(): unknown }; run(row: string[]): unknown }
  close(): void
}

describeWith('SQLite', 'a replica that is behind', () => {
  let primary: Database & SqliteDatabase
  let replica: Database & SqliteDatabase

  const table = { table: 'docs', json: 'value', history: { table: 'docs_history' } } as const

  beforeEach(() => {
    const Database = require('better-sqlite3')
    primary = new Database(':memory:')
    replica = new Database(':memory:')
    for (const database of [primary, replica])
      for (const statement of createTableStatements('sqlite', table)) database.exec(statement)
    replica.pragma('query_only = on')
  })
  afterEach(() => {
    primary.close()
    replica.close()
  })

  /** Nothing comes to the replica before this. */
  function catchUp(): void {
    replica.pragma('query_only = off')
    replica.exec('delete from docs')
    for (const row of primary.prepare('select id, value, version from docs').raw().all())
      replica.prepare('insert into docs (id, value, version) values (?, ?, ?)').run(row)
    replica.pragma('query_only = on')
  }

  function appWith(more: Partial<ConflictOptions<Doc>> = {}) {
    const app = express()
    const adapter = sqlAdapter<Doc>({ client: primary, replica, ...table })
    app.use('/docs', resourceRouter<Doc>({ name: 'doc', adapter, ...more }))
    app.use(respondToConflicts({ logger: { warn: () => undefined, error: () => undefined } }))
    return app
  }
  const put = (app: express.Express, title: string, tag?: string) =>
    request(app)
      .put('/docs/1')
      .set(tag === undefined ? { 'If-None-Match': '*' } : { 'If-Match': tag })
      .send({ title })

  test.each(['compare-and-swap', 'transaction'] as const)(
    'refuses no condition that is right, %s',
    async (isolation) => {
      const app = appWith({ isolation })
      const made = tagOf(await put(app, 'one').expect(201))
      const second = tagOf(await put(app, 'two', made).expect(200))
      catchUp()
      const third = tagOf(await put(app, 'three', second).expect(200))
      await request(app).get('/docs/1').set('If-Match', third).expect(200)
      // What it shows is old, and what is old changes nothing.
      const { headers, body } = await request(app).get('/docs/1').expect(200)
      expect([headers.etag, body]).toEqual([second, { title: 'two' }])
      await put(app, 'mine', second).expect(412)
      await request(app).delete('/docs/1').set('If-Match', second).expect(412)
      await request(app).patch('/docs/1').set('If-Match', third).send({ title: 'four' }).expect(200)
      catchUp()
      expect((await request(app).get('/docs/1').expect(200)).body).toEqual({ title: 'four' })
    },
  )

  test('a resource that it has not yet is found', async () => {
    const app = appWith()
    await put(app, 'one').expect(201)
    expect((await request(app).get('/docs/1').expect(200)).body).toEqual({ title: 'one' })
    await request(app).get('/docs/2').expect(404)
    await put(app, 'again').expect(412)
  })

  test('a change that was made from what it shows is merged with what the primary has', async () => {
    const app = appWith({ merge: 'disjoint' })
    await put(app, 'one').expect(201)
    catchUp()
    const shown = tagOf(await request(app).get('/docs/1').expect(200))
    await request(app).patch('/docs/1').set('If-Match', shown).send({ a: 1 }).expect(200)
    await request(app).patch('/docs/1').set('If-Match', shown).send({ b: 2 }).expect(200)
    expect(primary.prepare('select value from docs').pluck().get()).toBe('{"title":"one","a":1,"b":2}')
  })

  test('it speaks the language of the primary', () => {
    const stranger = { connect: () => undefined, end: () => undefined } as unknown as SqlAdapterOptions['client']
    expect(() => sqlAdapter({ client: primary, replica: stranger, ...table })).toThrow(
      'sqlAdapter(): replica is for postgres, and client for sqlite.',
    )
  })
})
