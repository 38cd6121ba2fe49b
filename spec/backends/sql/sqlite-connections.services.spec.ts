import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import express, { type RequestHandler } from 'express'
import type { SqliteDatabase } from 'kysely'
import request from 'supertest'
import { type ConflictOptions, detectConflicts, resourceOf, respondToConflicts } from '../../../lib'
import { sqlAdapter } from '../../../lib/backends/sql'
import { describeWith } from '../../services'

/** What is used of better-sqlite3, which brings no types. */
interface TestDatabase extends SqliteDatabase {
  exec(text: string): unknown
  pragma(text: string, options?: { readonly simple: boolean }): unknown
  prepare(text: string): ReturnType<SqliteDatabase['prepare']> & {
    run(...parameters: unknown[]): unknown
    pluck(): { all(): unknown[]; get(...parameters: unknown[]): unknown }
  }
}

/** A promise that is fulfilled from outside. */
function gate() {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open: () => open(), opened }
}

describeWith('SQLite', 'a transaction, and what the app runs on its own connection meanwhile', () => {
  const folder = mkdtempSync(join(tmpdir(), 'express-conflict-'))
  let db: TestDatabase
  let name = 0
  beforeEach(() => {
    const Database = require('better-sqlite3') as new (path: string) => TestDatabase
    name++
    db = new Database(join(folder, `${name}.db`))
    db.pragma('journal_mode = WAL')
    db.exec('create table articles (id text primary key, title text, version text not null)')
    db.exec('create table log (entry text)')
    db.exec(`insert into articles values ('a', 'one', 'v'), ('b', 'one', 'v')`)
  })
  afterEach(() => db.close())
  afterAll(() => rmSync(folder, { recursive: true }))

  const entries = () => db.prepare('select entry from log').pluck().all()
  const titleOf = (id: string) => db.prepare('select title from articles where id = ?').pluck().get(id)

  /** PUT waits in its transaction until the gate opens, and then fails or commits. POST /log is a route of the app's. */
  function appWith(options: Partial<ConflictOptions<{ title: string }>> = {}) {
    const [begun, go] = [gate(), gate()]
    const adapter = sqlAdapter<{ title: string }>({ client: db, table: 'articles', columns: ['title'] })
    const app = express()
    const chain = detectConflicts({ name: 'article', adapter, isolation: 'transaction', ...options })
    const put: RequestHandler = async (req, res, next) => {
      try {
        const article = resourceOf(req, chain)
        begun.open()
        await go.opened
        if (req.query.fail) throw new Error('the handler fails')
        await article.commit()
        res.json({})
      } catch (error) {
        next(error)
      }
    }
    app.put('/articles/:id', express.json(), chain, put)
    app.post('/log', (_req, res) => {
      db.prepare('insert into log values (?)').run('mine')
      res.status(201).end()
    })
    app.get('/log', (_req, res) => res.json([entries(), titleOf('a')]))
    app.use(respondToConflicts({ logger: { warn: () => {}, error: () => {} } }))
    app.use(((error, _req, res, _next) => res.status(500).json({ code: error.code })) as express.ErrorRequestHandler)
    return { app, begun, go, adapter }
  }
  const put = (app: express.Express, path: string) =>
    request(app)
      .put(path)
      .set('If-Match', '"v"')
      .send({ title: 'two' })
      .then((response) => response)

  test.each([
    ['is rolled back', '/articles/a?fail=1', 500],
    ['is committed', '/articles/a', 200],
  ])('what the app was told is stored stays stored, when the transaction %s', async (_, path, status) => {
    const { app, begun, go } = appWith()
    const change = put(app, path)
    await begun.opened
    const since = performance.now()
    const logged = await request(app).post('/log')
    expect([logged.status, logged.body.code]).toEqual([500, 'SQLITE_BUSY'])
    // At once: to wait would keep the transaction from going on.
    expect(performance.now() - since).toBeLessThan(2500)
    expect((await request(app).get('/log')).body).toEqual([[], 'one'])
    go.open()
    expect((await change).status).toBe(status)
    expect((await request(app).post('/log')).status).toBe(201)
    expect([entries(), titleOf('a')]).toEqual([['mine'], status === 200 ? 'two' : 'one'])
    expect(db.pragma('busy_timeout', { simple: true })).toBe(5000)
  })

  test('statements of an adapter wait for it, as they did', async () => {
    const { app, begun, go, adapter } = appWith()
    const change = put(app, '/articles/a')
    await begun.opened
    const other = adapter.write('b', { title: 'three' }, 'v')
    go.open()
    expect([(await change).status, (await other).ok]).toEqual([200, true])
    expect([titleOf('a'), titleOf('b')]).toEqual(['two', 'three'])
  })

  test('foreign keys and attached databases are there in a transaction as well', async () => {
    db.pragma('foreign_keys = on')
    db.exec(`attach '${join(folder, `other${name}.db`)}' as other`)
    db.exec('create table other.articles (id text primary key, title text, version text not null)')
    db.exec('create table parents (id text primary key)')
    db.exec('create table children (id text primary key, parent text references parents, version text not null)')
    const other = sqlAdapter<object>({ client: db, table: 'other.articles', columns: ['title'] })
    await other.transaction(async (tx) => tx.write?.('x', { title: 'there' }, null))
    expect(db.prepare('select title from other.articles').pluck().all()).toEqual(['there'])
    const children = sqlAdapter<object>({ client: db, table: 'children', columns: ['parent'] })
    await expect(children.transaction(async (tx) => tx.write?.('x', { parent: 'none' }, null))).rejects.toThrow()
  })

  test('a transaction that the app has open on its connection is no reason to stand still', async () => {
    const { adapter } = appWith()
    db.exec('begin')
    db.exec(`update articles set title = 'mine' where id = 'b'`)
    const since = performance.now()
    await expect(adapter.transaction(async (tx) => tx.read('a'))).rejects.toThrow(/busy/)
    expect(performance.now() - since).toBeLessThan(2500)
    db.exec('commit')
    expect((await adapter.transaction(async (tx) => tx.read('a')))?.version).toBe('v')
  })
})
