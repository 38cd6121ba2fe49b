import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  Kysely,
  MysqlDialect,
  type MysqlPool,
  PostgresDialect,
  type PostgresPool,
  type SqliteDatabase,
  SqliteDialect,
} from 'kysely'
import request from 'supertest'
import type { ConflictOptions } from '../../../lib'
import { addColumnStatements, createTableStatements, type SqlTable, sqlAdapter } from '../../../lib/backends/sql'
import { isStoreFault } from '../../../lib/contracts/store-fault'
import { describeWith, ownName } from '../../services'
import { type Note, noteApp } from '../../stories/race'
import { cuttable } from '../leases/cuttable'
import { type Opened, SQL_SERVERS, type SqlServer } from './servers'

interface Article {
  readonly title: string
  readonly body?: string | null
}

for (const server of SQL_SERVERS) {
  describeWith(server.service, `history on ${server.service}`, (url) => runSpecs(server, url))
}

function runSpecs(server: SqlServer, url: string): void {
  const { dialect, types } = server
  const folder = mkdtempSync(join(tmpdir(), 'express-conflict-'))
  const address = dialect === 'sqlite' ? join(folder, 'test.db') : url
  const tables: string[] = []
  let one: Opened
  let two: Opened

  beforeAll(() => {
    one = server.open(address)
    two = server.open(address)
  })
  afterAll(async () => {
    for (const table of tables.reverse()) await one.run(`drop table ${table}`)
    await one.close()
    await two.close()
    rmSync(folder, { recursive: true })
  })

  /** A table of JSON and its history, as the statements make them. */
  async function made(more: Partial<SqlTable> = {}, keepVersions = 100) {
    const table = ownName('kept')
    const options = { table, json: 'value', history: { table: `${table}_history`, keepVersions }, ...more }
    for (const statement of createTableStatements(dialect, options)) await one.run(statement)
    tables.push(table, `${table}_history`)
    return options
  }
  const over = (options: SqlTable, client = one.client) => sqlAdapter<Article>({ client, ...options })
  type Adapter = ReturnType<typeof over>

  /** Writes the titles one after another, and gives the versions. */
  async function written(
    adapter: Pick<Adapter, 'read' | 'write'>,
    key: string,
    ...titles: readonly string[]
  ): Promise<string[]> {
    const versions: string[] = []
    let expected = (await adapter.read(key))?.version ?? null
    for (const title of titles) {
      const result = await adapter.write(key, { title }, expected)
      if (!result.ok) throw new Error('the race is lost')
      expected = result.state.version
      versions.push(expected)
    }
    return versions
  }
  const titleAt = async (adapter: Pick<Adapter, 'readVersion'>, key: string, version = '') =>
    (await adapter.readVersion?.(key, version))?.value.title
  const titlesAt = (adapter: Adapter, key: string, versions: readonly string[]) =>
    Promise.all(versions.map((version) => titleAt(adapter, key, version)))

  describe('statements', () => {
    const statements: string[] = []
    const verbs = () => statements.splice(0).map((text) => text.split(' ')[0])
    const begun = { postgres: ['begin'], mysql: ['set', 'begin'], sqlite: ['begin'] }[dialect]
    const readBack = dialect === 'mysql' ? ['select'] : []
    let adapter: Adapter
    beforeAll(async () => {
      const log = ({ query }: { query: { sql: string } }) => void statements.push(query.sql.replace(STRICTNESS, ''))
      adapter = over(await made(), new Kysely<unknown>({ dialect: dialectOver(one), log }))
      // The catalogue is read before the first statement.
      await adapter.read('nothing')
    })
    beforeEach(() => statements.splice(0))

    test('a read and a creation are one, as without history', async () => {
      await adapter.read('nothing')
      expect(verbs()).toEqual(['select'])
      await adapter.write('a', { title: 'one' }, null)
      expect(verbs()).toEqual(['insert', ...readBack])
    })

    test('a change is one statement behind a read, or a transaction that keeps before it changes; so is a removal', async () => {
      const [version = ''] = await written(adapter, 'b', 'one')
      statements.splice(0)
      const next = await adapter.write('b', { title: 'two' }, version)
      expect(verbs()).toEqual(
        dialect === 'postgres'
          ? ['select', 'with']
          : [...begun, 'select', 'insert', 'update', ...readBack, 'delete', 'commit'],
      )
      await adapter.remove('b', next.ok ? next.state.version : '')
      expect(verbs()).toEqual(dialect === 'postgres' ? ['with'] : [...begun, 'delete', 'delete', 'commit'])
    })

    test('a version that is stored takes one, an older one two', async () => {
      const [first = '', second = ''] = await written(adapter, 'c', 'one', 'two')
      statements.splice(0)
      await adapter.readVersion?.('c', second)
      expect(verbs()).toEqual(['select'])
      await adapter.readVersion?.('c', first)
      expect(verbs()).toEqual(['select', 'select'])
    })

    test('what a key, a version or a value holds is never in one', async () => {
      await written(adapter, "x'; drop table y; --", "z'", "y'")
      await adapter.readVersion?.("x'; drop table y; --", "v'; drop table y; --")
      expect(statements.join()).not.toMatch(/drop|[xyz]'/)
    })
  })

  describe('what is kept', () => {
    test('is so many versions of each resource, and rows for no more', async () => {
      const options = await made({}, 3)
      const adapter = over(options)
      const versions = await written(adapter, 'a', ...'abcdefgh')
      await written(adapter, 'b', ...'xyz')
      expect(await titlesAt(adapter, 'a', versions)).toEqual([...Array(4), 'e', 'f', 'g', 'h'])
      expect(await rowsIn(`${options.table}_history`)).toBe(3 + 2)
    })

    test('is told from a version on, in order, as far as nothing is missing', async () => {
      const adapter = over(await made({}, 3))
      const versions = await written(adapter, 'a', ...'abcdef')
      await written(adapter, 'b', ...'xyz')
      const titlesSince = async (version = '') =>
        (await adapter.readSince?.('a', version))?.map(({ value }) => value.title).join('')
      const since = []
      for (const version of versions) since.push(await titlesSince(version))
      expect(since).toEqual([undefined, undefined, 'cdef', 'def', 'ef', 'f'])
    })

    test('stays what it is when changes are refused', async () => {
      const options = await made({ softDelete: 'removed' }, 1)
      const adapter = over(options)
      const versions = await written(adapter, 'a', 'one', 'two')
      for (const stale of [versions[0] ?? '', 'never given']) {
        expect(await adapter.write('a', { title: 'three' }, stale)).toMatchObject({ ok: false })
        expect(await adapter.remove('a', stale)).toMatchObject({ ok: false })
      }
      expect(await titlesAt(adapter, 'a', versions)).toEqual(['one', 'two'])
      expect(await rowsIn(`${options.table}_history`)).toBe(1)
    })

    test('is never found under another key, tenant, or spelling of a key', async () => {
      const options = await made({ scope: { tenant: 'acme', region: 1 }, key: ['part', 'id'] })
      const acme = over(options)
      const others = [
        { tenant: 'acme', region: 2 },
        { tenant: 'Acme', region: 1 },
        { tenant: 'other', region: 1 },
      ].map((scope) => over({ ...options, scope }))
      const [first = ''] = await written(acme, 'p/1', 'secret', 'two')
      for (const other of others) await written(other, 'p/1', 'theirs', 'more')
      for (const key of ['P/1', 'p/2', 'p /1', 'p/1 ', 'q/1']) await written(acme, key, 'one', 'two')
      expect(await titleAt(acme, 'p/1', first)).toBe('secret')
      for (const other of others) expect(await titleAt(other, 'p/1', first)).toBeUndefined()
      for (const key of ['P/1', 'p/2', 'p /1', 'p/1 ', 'q/1', 'p', 'p/1/'])
        expect(await titleAt(acme, key, first)).toBeUndefined()
    })

    test('is gone with what was removed, and nobody else loses anything', async () => {
      const options = await made({ version: { column: 'version', type: 'integer' } })
      const adapter = over(options)
      await written(adapter, 'a', 'one', 'two', 'three')
      await written(adapter, 'b', 'x', 'y')
      await adapter.remove('a', '3')
      expect(await titlesAt(adapter, 'a', ['1', '2', '3'])).toEqual([undefined, undefined, undefined])
      // Its versions come back: what they show is the new one's.
      await written(adapter, 'a', 'new')
      expect(await titlesAt(adapter, 'a', ['1', '2', '3'])).toEqual(['new', undefined, undefined])
      expect(await titlesAt(adapter, 'b', ['1', '2'])).toEqual(['x', 'y'])
    })

    test('stays under a tombstone, which is a version too', async () => {
      const adapter = over(await made({ softDelete: 'removed', lastModified: 'modified' }))
      const [first = '', second = ''] = await written(adapter, 'a', 'one', 'two')
      await adapter.remove('a', second)
      const tombstone = await adapter.read('a')
      const [back = ''] = await written(adapter, 'a', 'three')
      expect(await titlesAt(adapter, 'a', [first, second, back])).toEqual(['one', 'two', 'three'])
      expect(await adapter.readVersion?.('a', tombstone?.version ?? '')).toEqual(tombstone)
      expect(tombstone).toMatchObject({ gone: true, lastModified: expect.any(Date) })
    })

    test('holds every row that was replaced, by any statement, and begins when history is turned on', async () => {
      const { history, ...options } = await made()
      const [first = '', second = ''] = await written(over(options), 'a', 'one', 'two')
      await one.run(`update ${options.table} set value = '{"title":"by hand"}', version = 'h'`)
      const adapter = over({ ...options, history })
      const [last = ''] = await written(adapter, 'a', 'three')
      expect(await titlesAt(adapter, 'a', [first, second, 'h', last])).toEqual([
        undefined,
        undefined,
        'by hand',
        'three',
      ])
    })

    test('of a table of columns is the value as it was read, of every type, and outlives a column', async () => {
      const table = ownName('kept')
      const boolean = dialect === 'mysql' ? 'tinyint' : 'boolean'
      await one.run(
        `create table ${table} (id ${types.key} not null primary key, doc ${types.json}, done ${boolean}, price numeric(10, 2), due ${types.date}, old varchar(20), version varchar(40) not null)`,
      )
      const options = {
        table,
        columns: {
          doc: { type: 'json' },
          isDone: { column: 'done', type: 'boolean' },
          price: { type: 'number' },
          due: { type: 'date' },
          old: 'old',
        },
        history: { table: `${table}_history` },
      } as const
      for (const statement of addColumnStatements(dialect, options, ['version'])) await one.run(statement)
      tables.push(table, `${table}_history`)
      const value = {
        doc: { a: ['\0', '\ud800', 1e21] },
        isDone: false,
        price: 12.5,
        due: '2026-02-03T04:05:06.789Z',
        old: 'x',
      }
      const adapter = sqlAdapter<object>({ client: one.client, ...options })
      const first = await adapter.write('a', value, null)
      const { version } = first.ok ? first.state : { version: '' }
      const second = await adapter.write('a', { ...value, isDone: true }, version)
      expect(await adapter.readVersion?.('a', version)).toEqual(first.ok && first.state)
      const { old, ...columns } = options.columns
      await one.run(`alter table ${table} drop column ${old}`)
      const later = sqlAdapter<object>({ client: one.client, ...options, columns })
      await later.write('a', { price: 1 }, second.ok ? second.state.version : '')
      expect((await later.readVersion?.('a', version))?.value).toEqual(value)
    })
  })

  describe('transactions', () => {
    test('that are rolled back keep nothing, and drive nothing out', async () => {
      const options = await made({}, 1)
      const adapter = over(options)
      const [first = '', second = ''] = await written(adapter, 'a', 'one', 'two')
      const failing = adapter.transaction(async (tx) => {
        const result = await tx.write?.('a', { title: 'three' }, second)
        expect(await titleAt(tx, 'a', second)).toBe('two')
        expect(await titleAt(tx, 'a', first)).toBeUndefined()
        await tx.remove?.('a', result?.ok ? result.state.version : '')
        throw new Error('no')
      })
      await expect(failing).rejects.toThrow('no')
      expect(await titlesAt(adapter, 'a', [first, second])).toEqual(['one', 'two'])
      expect(await rowsIn(`${options.table}_history`)).toBe(1)
    })

    test('that change one resource several times keep each of its versions', async () => {
      const adapter = over(await made())
      const [first = ''] = await written(adapter, 'a', 'one')
      const versions = await adapter.transaction((tx) =>
        written(tx as Pick<Adapter, 'read' | 'write'>, 'a', 'two', 'three', 'four'),
      )
      expect(await titlesAt(adapter, 'a', [first, ...versions])).toEqual(['one', 'two', 'three', 'four'])
    })

    test('in which a change was refused by a unique index, and that go on, have lost no version', async () => {
      // In PostgreSQL an error ends a transaction.
      if (dialect === 'postgres') return
      const { history, table } = await made({}, 2)
      await one.run(`drop table ${table}`)
      await one.run(
        `create table ${table} (id varchar(20) not null primary key, title varchar(20) unique, body varchar(20), version varchar(40) not null)`,
      )
      const adapter = over({ table, columns: ['title', 'body'], history })
      const versions = await written(adapter, 'a', 'one', 'two', 'three')
      await written(adapter, 'b', 'taken')
      await adapter.transaction(async (tx) => {
        const refused = tx.write?.('a', { title: 'taken' }, versions[2] ?? '')
        await expect(refused).rejects.toThrow('unique')
      })
      expect(await titlesAt(adapter, 'a', versions)).toEqual(['one', 'two', 'three'])
      const [last = ''] = await written(adapter, 'a', 'four')
      expect(await titlesAt(adapter, 'a', [...versions, last])).toEqual([undefined, 'two', 'three', 'four'])
    })
  })

  test('8 that change one resource 10 times each: nothing is lost, and each version is what its writer says', async () => {
    const options = await made()
    const adapters = [over(options), over(options, two.client)] as const
    const [first = ''] = await written(adapters[0], 'a', '0')
    const titles = new Map([[first, '0']])
    const add = async (index: number) => {
      const adapter = adapters[index % 2 === 0 ? 0 : 1]
      for (let added = 0; added < 10; ) {
        const state = await adapter.read('a')
        const title = `${Number(state?.value.title) + 1}`
        const result = await adapter.write('a', { title }, state?.version ?? '')
        if (!result.ok) continue
        titles.set(result.state.version, title)
        added += 1
      }
    }
    await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(add))
    const versions = [...titles.keys()]
    expect(versions).toHaveLength(81)
    expect(await titlesAt(adapters[0], 'a', versions)).toEqual([...titles.values()])
    expect([...titles.values()].sort((a, b) => Number(a) - Number(b)).at(-1)).toBe('80')
  }, 60_000)

  test('of many resources at once, changed and removed: no call is rejected', async () => {
    const options = await made({}, 2)
    const adapters = [over(options), over(options, two.client)] as const
    const work = async (index: number) => {
      const adapter = adapters[index % 2 === 0 ? 0 : 1]
      for (let turn = 0; turn < 10; turn++) {
        const key = `${(index + turn) % 3}`
        const [version] = await written(adapter, key, 'a', 'b', 'c').catch(() => [])
        const state = await adapter.read(key)
        if (state && version !== undefined) await adapter.remove(key, state.version)
      }
    }
    await expect(Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(work))).resolves.toHaveLength(8)
  }, 60_000)

  if (dialect !== 'sqlite') {
    test('a connection that is lost before COMMIT was sent has written nothing, and says so; nor has it done one half', async () => {
      // In PostgreSQL there is none: the one statement may have been carried out, and here it was, all of it.
      const [applied, title, kept] = dialect === 'postgres' ? ['unknown', 'two', 1] : ['no', 'one', 0]

      const options = await made()
      const [version = ''] = await written(over(options), 'a', 'one')
      const way = await cuttable(Number(new URL(url).port))
      const { href } = Object.assign(new URL(url), { port: String(way.port) })
      const cut = server.open(href, 1)
      const adapter = over(options, cut.client)
      try {
        await adapter.read('a')
        const swallowed = way.swallowFrom(/update [`"]/i)
        const change = adapter.write('a', { title: 'two' }, version).catch((error: unknown) => error)
        await swallowed
        way.cut()
        const error = await change
        expect(isStoreFault(error) && error.applied).toBe(applied)
        expect(await over(options).read('a')).toMatchObject({ value: { title } })
        expect(await rowsIn(`${options.table}_history`)).toBe(kept)
      } finally {
        await cut.close()
        await way.close()
      }
    })
  }

  describe('over HTTP', () => {
    const isolations = ['compare-and-swap', 'transaction'] as const

    /** A note that somebody has read, and that another one has changed since. */
    async function notes(options: Partial<ConflictOptions<Note>>) {
      const adapter = sqlAdapter<Note>({ client: one.client, ...(await made()) })
      const app = noteApp(adapter, { merge: 'disjoint', ...options })
      const put = (value: object) =>
        request(app)
          .put('/notes/1')
          .send({ id: '1', ...value })
      const first = await adapter.write('1', { id: '1', title: 'a', body: 'a' }, null)
      const version = first.ok ? first.state.version : ''
      const theirs = await adapter.write('1', { id: '1', title: 'theirs', body: 'a' }, version)
      const current = theirs.ok ? `"${theirs.state.version}"` : ''
      return { app, put, version, tag: `"${version}"`, current, read: () => request(app).get('/notes/1') }
    }

    test.each(isolations)('%s: what nobody else has touched goes through, and says what it met', async (isolation) => {
      const { app, put, tag, current, read } = await notes({ isolation })
      const patched = await request(app).patch('/notes/1').set('If-Match', tag).send({ body: 'mine' })
      expect([patched.status, patched.headers['merged-with']]).toEqual([200, current])
      expect((await read()).body).toMatchObject({ title: 'theirs', body: 'mine' })
      const replaced = await put({ title: 'a', body: 'a', more: 1 }).set('If-Match', tag)
      expect([replaced.status, replaced.headers['merged-with']]).toEqual([200, patched.headers.etag])
      expect((await read()).body).toMatchObject({ title: 'theirs', body: 'mine', more: 1 })
    })

    test.each(isolations)('%s: what meets is 412, with who changed what, and nothing is written', async (isolation) => {
      const { app, tag, current, read } = await notes({ isolation })
      const answer = await request(app).patch('/notes/1').set('If-Match', tag).send({ title: 'mine', body: 'mine' })
      expect([answer.status, answer.headers.etag, answer.headers['merged-with']]).toEqual([412, current, undefined])
      expect(answer.body).toMatchObject({
        code: 'precondition_failed',
        conflicts: [
          { pointer: '/title', kind: 'both' },
          { pointer: '/body', kind: 'mine' },
        ],
      })
      expect((await read()).body).toMatchObject({ title: 'theirs', body: 'a' })
    })

    test('a version in the body that is old is 409, with who changed what', async () => {
      const { put, version } = await notes({ preconditions: { versionField: '/version' } })
      const refused = await put({ title: 'mine', body: 'a', version })
      expect(refused.body).toMatchObject({
        status: 409,
        code: 'stale_version',
        conflicts: [{ pointer: '/title', kind: 'both' }],
      })
      expect((await put({ title: 'a', body: 'mine', version })).status).toBe(200)
    })

    test('a state that is not kept any more is refused as without history', async () => {
      const { app, put, tag } = await notes({})
      for (let count = 0; count < 101; count++) await put({ title: `${count}`, body: 'a' }).set('If-Match', '*')
      const answer = await request(app).patch('/notes/1').set('If-Match', tag).send({ body: 'mine' })
      expect([answer.status, answer.body.conflicts]).toEqual([412, undefined])
    })
  })

  async function rowsIn(table: string): Promise<number> {
    const kysely = new Kysely<Record<string, object>>({ dialect: dialectOver(one) })
    const found = await kysely.selectFrom(table).selectAll().execute()
    return found.length
  }
}

function dialectOver({ client }: Opened) {
  if ('prepare' in client) return new SqliteDialect({ database: client as SqliteDatabase })
  if ('connect' in client) return new PostgresDialect({ pool: client as PostgresPool })
  return new MysqlDialect({ pool: client as MysqlPool })
}

/** What makes a write strict on MySQL and MariaDB. */
const STRICTNESS = /^\/\*M!.*? for \*\/ /
