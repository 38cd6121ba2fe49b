import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import express, { type RequestHandler } from 'express'
import type { SqliteDatabase } from 'kysely'
import request from 'supertest'
import { detectConflicts, resourceOf, respondToConflicts } from '../../../lib'
import { type SqlAdapterOptions, sqlAdapter } from '../../../lib/backends/sql'
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

function made(db: TestDatabase): void {
  db.exec('create table articles (id text primary key, title text, version text not null)')
  db.exec('create table log (entry text)')
  db.exec(`insert into articles values ('a', 'one', 'v'), ('b', 'one', 'v')`)
}

/** What node:sqlite throws has one code, and the number of SQLite. */
function asNodeSays(error: unknown): Error {
  const { code, message } = error as { code: string; message: string }
  const errcode = { SQLITE_BUSY: 5, SQLITE_READONLY: 8 }[code] ?? 1
  return Object.assign(new Error(message), { code: 'ERR_SQLITE_ERROR', errcode })
}

/** node:sqlite takes parameters one by one, and tells by its columns what gives rows. It is in no Node 20. */
function asNodeHasIt(db: TestDatabase, onError = () => {}): SqlAdapterOptions['client'] {
  const told = <R>(step: () => R): R => {
    try {
      return step()
    } catch (error) {
      onError()
      throw asNodeSays(error)
    }
  }
  return {
    exec: (text: string) => void told(() => db.exec(text)),
    close: () => void db.close(),
    prepare(text: string) {
      const statement = told(() => db.prepare(text))
      return {
        columns: () => (statement.reader ? [{}] : []),
        all: (...parameters: unknown[]) => told(() => statement.all(parameters)),
        run: (...parameters: unknown[]) => told(() => statement.run(parameters)),
        iterate: (...parameters: unknown[]) => statement.iterate(parameters),
      }
    },
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
    made(db)
  })
  afterEach(() => db.close())
  afterAll(() => rmSync(folder, { recursive: true }))

  const entries = () => db.prepare('select entry from log').pluck().all()
  const titleOf = (id: string) => db.prepare('select title from articles where id = ?').pluck().get(id)

  /** PUT waits in its transaction until the gate opens, and then fails or commits. POST /log is a route of the app's. */
  function appWith(client: SqlAdapterOptions['client'] = db) {
    const [begun, go] = [gate(), gate()]
    const adapter = sqlAdapter<{ title: string }>({ client, table: 'articles', columns: ['title'] })
    const app = express()
    const chain = detectConflicts({ name: 'article', adapter, isolation: 'transaction' })
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

  describe.each(['better-sqlite3', 'node:sqlite'])('in memory, %s', (driver) => {
    beforeEach(() => {
      db.close()
      const Database = require('better-sqlite3') as new (path: string) => TestDatabase
      db = new Database(':memory:')
      made(db)
    })

    test.each([
      ['is rolled back', '/articles/a?fail=1', 500],
      ['is committed', '/articles/a', 200],
    ])('what the app was told is stored stays stored, when the transaction %s', async (_, path, status) => {
      const { app, begun, go, adapter } = appWith(driver === 'node:sqlite' ? asNodeHasIt(db) : db)
      const change = put(app, path)
      await begun.opened
      const logged = await request(app).post('/log')
      expect([logged.status, logged.body.code]).toEqual([500, 'SQLITE_READONLY'])
      const other = adapter.write('b', { title: 'three' }, 'v')
      go.open()
      expect([(await change).status, (await other).ok]).toEqual([status, true])
      expect((await request(app).post('/log')).status).toBe(201)
      expect([entries(), titleOf('a'), titleOf('b')]).toEqual([['mine'], status === 200 ? 'two' : 'one', 'three'])
    })

    test('a transaction that the app has open fails ours, and goes on', async () => {
      const { adapter } = appWith(driver === 'node:sqlite' ? asNodeHasIt(db) : db)
      db.exec('begin')
      await expect(adapter.transaction(async (tx) => tx.read('a'))).rejects.toThrow()
      db.exec(`update articles set title = 'mine' where id = 'b'`)
      db.exec('commit')
      expect(titleOf('b')).toBe('mine')
    })
  })

  test('a change on node:sqlite is tried again where another process writes', async () => {
    const Database = require('better-sqlite3') as new (path: string) => TestDatabase
    const other = new Database(join(folder, `${name}.db`))
    other.exec('begin immediate')
    db.pragma('busy_timeout = 0')
    let failures = 0
    const onError = () => {
      if (++failures === 2) other.exec('commit')
    }
    const client = asNodeHasIt(db, onError)
    const { write } = sqlAdapter<{ title: string }>({ client, table: 'articles', columns: ['title'] })
    expect(await write('a', { title: 'two' }, 'v')).toMatchObject({ ok: true })
    expect([failures, titleOf('a')]).toEqual([2, 'two'])
    other.close()
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

  test.each(['opened to be read', 'told to be read'])(
    'a database that is %s is not written in a transaction',
    async (way) => {
      const Database = require('better-sqlite3') as new (path: string, options: object) => TestDatabase
      const client = new Database(join(folder, `${name}.db`), { readonly: way === 'opened to be read' })
      if (way === 'told to be read') client.pragma('query_only = on')
      const { transaction } = sqlAdapter({ client, table: 'articles', columns: ['title'] })
      await expect(transaction(async (tx) => tx.write?.('a', { title: 'two' }, 'v'))).rejects.toThrow(
        'busy (SQLITE_READONLY)',
      )
      expect(db.prepare('select title from articles').pluck().all()).toEqual(['one', 'one'])
      client.close()
    },
  )

  test('a database in memory that is told to be read is not written in a transaction, and stays so', async () => {
    const Database = require('better-sqlite3') as new (path: string) => TestDatabase
    const client = new Database(':memory:')
    made(client)
    client.pragma('query_only = on')
    const { transaction } = sqlAdapter({ client, table: 'articles', columns: ['title'] })
    await expect(transaction(async (tx) => tx.write?.('a', { title: 'two' }, 'v'))).rejects.toThrow(
      'busy (SQLITE_READONLY)',
    )
    expect(client.pragma('query_only', { simple: true })).toBe(1)
    client.close()
  })
})
