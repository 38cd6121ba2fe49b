import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kysely, MysqlDialect, PostgresDialect, type SqliteDatabase, SqliteDialect } from 'kysely'
import { Pool } from 'pg'
import { type SqlAdapterOptions, type SqlTable, sqlAdapter } from '../../../lib/backends/sql'
import { recogniseStoreError } from '../../../lib/conflicts/store-errors'
import { isStoreFault, type StoreFault } from '../../../lib/contracts/store-fault'
import { describeWith, ownName } from '../../services'
import { cuttable } from '../leases/cuttable'
import { type Opened, SQL_SERVERS, type SqlServer } from './servers'

interface Article {
  title: string
  count?: number | null
}

for (const server of SQL_SERVERS) {
  describeWith(server.service, `sqlAdapter on ${server.service}`, (url) => runSpecs(server, url))
}

function runSpecs(server: SqlServer, url: string): void {
  const { dialect, types } = server
  const folder = mkdtempSync(join(tmpdir(), 'express-conflict-'))
  const address = dialect === 'sqlite' ? join(folder, 'test.db') : url
  const serial = { postgres: 'serial', mysql: 'integer auto_increment', sqlite: 'integer' }[dialect]
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

  async function made(columns: string): Promise<string> {
    const table = ownName('sql')
    await one.run(`create table ${table} (${columns})`)
    tables.push(table)
    return table
  }

  const article = `id ${types.key} not null primary key, title varchar(50) not null, count integer, version varchar(40) not null`
  const columns = ['title', 'count'] as const
  const over = (table: string, options: Partial<SqlTable> = {}, client = one.client) =>
    sqlAdapter<Article>({ client, table, columns, ...options })

  async function created(adapter: ReturnType<typeof over>, key: string, value: Article) {
    const result = await adapter.write(key, value, null)
    if (!result.ok) throw new Error(`${key} is taken`)
    return result.state
  }

  const faultOf = async (call: Promise<unknown>): Promise<StoreFault> => {
    const error = await call.then(
      () => new Error('it did not reject'),
      (reason: unknown) => reason,
    )
    if (!isStoreFault(error)) throw error
    return error
  }

  describe('statements', () => {
    const statements: string[] = []
    let adapter: ReturnType<typeof over>
    beforeAll(async () => {
      const log = ({ query }: { query: { sql: string } }) => void statements.push(query.sql.replace(STRICTNESS, ''))
      adapter = over(await made(article), {}, new Kysely<unknown>({ dialect: dialectOver(one), log }))
      // The catalogue is read before the first statement.
      await adapter.read('nothing')
    })
    beforeEach(() => statements.splice(0))
    const readBack = dialect === 'mysql' ? ['select'] : []
    const verbs = () => statements.map((text) => text.split(' ')[0])

    test('a read is one', async () => {
      await adapter.read('nothing')
      expect(verbs()).toEqual(['select'])
    })

    test('a creation is one, a change is one, a removal is one; MySQL has what it wrote read back', async () => {
      const { version } = await created(adapter, 'a', { title: 'one' })
      const next = await adapter.write('a', { title: 'two' }, version)
      if (!next.ok) throw new Error('the race is lost')
      await adapter.remove('a', next.state.version)
      expect(verbs()).toEqual(['insert', ...readBack, 'update', ...readBack, 'delete'])
      expect(statements.find((text) => text.startsWith('update'))).toMatch(/set .*version.* where .*version/)
    })

    test('a refusal takes one more, for what stands in the way', async () => {
      await created(adapter, 'b', { title: 'one' })
      statements.splice(0)
      await adapter.write('b', { title: 'two' }, 'old')
      expect(verbs()).toEqual(['update', 'select'])
      await adapter.remove('b', 'old')
      expect(verbs()).toEqual(['update', 'select', 'delete', 'select'])
    })

    test('a table may gain columns while it is in use', async () => {
      const table = await made(article)
      const used = over(table)
      const { version } = await created(used, 'a', { title: 'one' })
      await used.read('a')
      await one.run(`alter table ${table} add column note varchar(10) default 'x'`)
      expect(await used.write('a', { title: 'two' }, version)).toMatchObject({ ok: true })
      expect((await used.read('a'))?.value).toEqual({ title: 'two', count: null })
    })

    test('what a key or a value holds is never in one', async () => {
      await created(adapter, "x'; drop table y; --", { title: "z'" })
      expect(statements.join()).not.toMatch(/drop|z'/)
    })
  })

  describe('races across connections', () => {
    const shapes: ReadonlyArray<readonly [string, string, Partial<SqlTable>]> = [
      ['a text version', 'version varchar(40) not null', {}],
      ['a bigint version', 'version bigint not null', { version: { column: 'version', type: 'bigint' } }],
      ['a hash of the columns', 'version integer', { version: false }],
    ]
    test.each(shapes)('8 that add 25 each, with %s, end at 200', async (_, version, options) => {
      const table = await made(
        `id ${types.key} not null primary key, title varchar(50) not null, count integer, ${version}`,
      )
      const adapters = [over(table, options), over(table, options, two.client)] as const
      await created(adapters[0], 'a', { title: 'counter', count: 0 })
      const add = async (index: number) => {
        const adapter = adapters[index % 2 === 0 ? 0 : 1]
        for (let added = 0; added < 25; ) {
          const state = await adapter.read('a')
          if (!state) throw new Error('the counter is gone')
          const { title, count } = state.value
          if ((await adapter.write('a', { title, count: (count ?? 0) + 1 }, state.version)).ok) added += 1
        }
      }
      await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(add))
      expect((await adapters[0].read('a'))?.value.count).toBe(200)
    })

    test('makers and removers at once: never a rejection, and each removal follows a creation', async () => {
      const table = await made(article)
      const adapters = [over(table), over(table, {}, two.client)] as const
      let balance = 0
      const work = async (index: number) => {
        const adapter = adapters[index % 2 === 0 ? 0 : 1]
        for (let turn = 0; turn < 25; turn++) {
          if ((await adapter.write('a', { title: `${index}` }, null)).ok) balance += 1
          const state = await adapter.read('a')
          if (state && (await adapter.remove('a', state.version)).ok) balance -= 1
        }
      }
      await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(work))
      expect(balance).toBe((await adapters[0].read('a')) ? 1 : 0)
    })
  })

  describe('keys', () => {
    test('with NUL, half a surrogate pair or the mark of either are taken, and kept apart', async () => {
      const adapter = over(await made(article))
      const keys = ['a', 'a\0', '\0a', '\ud800', '\udc00', '\uffff', '\uffff0000', '\ufffd', 'a\0b']
      for (const key of keys) await created(adapter, key, { title: JSON.stringify(key) })
      for (const key of keys) expect((await adapter.read(key))?.value.title).toBe(JSON.stringify(key))
    })

    test('of 16 KiB fit as SHA-256', async () => {
      const adapter = over(await made(article), { keyType: 'sha256' })
      const key = 'k'.repeat(16_384)
      await created(adapter, key, { title: 'long' })
      expect((await adapter.read(key))?.value.title).toBe('long')
      expect(await adapter.read(`${key}k`)).toBeUndefined()
    })

    test('of an integer column: only its own text finds a row', async () => {
      const adapter = over(await made(article.replace(types.key, 'integer')), { keyType: 'integer' })
      const { version } = await created(adapter, '1', { title: 'one' })
      for (const other of [
        '01',
        '1 ',
        '+1',
        '1.0',
        '1e0',
        '1 or 1=1',
        '0x1',
        '',
        'one',
        '-0',
        '9223372036854775808',
        '99999999999999999999',
      ]) {
        expect(await adapter.read(other)).toBeUndefined()
        expect(await adapter.write(other, { title: 'two' }, version)).toEqual({ ok: false, current: undefined })
        expect(await adapter.remove(other, version)).toEqual({ ok: false, current: undefined })
      }
      expect(await adapter.read('2147483648')).toBeUndefined()
    })

    test('that the column cannot hold: creating one is the fault of the request', async () => {
      const adapter = over(await made(article.replace(types.key, 'integer')), { keyType: 'integer' })
      const fault = await faultOf(adapter.write('one', { title: 'one' }, null))
      expect(fault.applied).toBe('no')
      expect(recogniseStoreError(fault)).toMatchObject({ kind: 'check', applied: 'no' })
    })

    test('of several columns are split; one with another number of parts finds nothing', async () => {
      const table = await made(
        `tenant varchar(20) not null, part ${types.key} not null, id integer not null, title varchar(50), count integer, version varchar(40) not null, primary key (tenant, part, id)`,
      )
      const keyed = { key: ['part', 'id'], keyType: ['text', 'integer'] } as const
      const acme = over(table, { ...keyed, scope: { tenant: 'acme' } })
      const other = over(table, { ...keyed, scope: { tenant: 'other' } })
      const { version } = await created(acme, 'a/1', { title: 'one' })
      expect((await acme.read('a/1'))?.value.title).toBe('one')
      for (const key of ['a', 'a/1/', 'a/01', '/1', 'a/1/1']) expect(await acme.read(key)).toBeUndefined()
      expect(await other.read('a/1')).toBeUndefined()
      expect(await other.write('a/1', { title: 'two' }, version)).toEqual({ ok: false, current: undefined })
      expect(await other.remove('a/1', version)).toEqual({ ok: false, current: undefined })
      await created(other, 'a/1', { title: 'theirs' })
      expect((await acme.read('a/1'))?.value.title).toBe('one')
    })

    test('that the database gives: serial ones, and each is good for a read and a write', async () => {
      const table = await made(
        `id ${serial} primary key, title varchar(50) not null, count integer, version varchar(40) not null`,
      )
      const adapter = sqlAdapter<Article>({
        client: one.client,
        table,
        columns,
        keyType: 'integer',
        generatedKeys: true,
      })
      const { key, state } = (await adapter.create?.({ title: 'one' })) ?? fail()
      expect(key).toMatch(/^[1-9]\d*$/)
      expect(await adapter.read(key)).toEqual(state)
      expect(await adapter.write(key, { title: 'two' }, state.version)).toMatchObject({ ok: true })
      const many = await Promise.all([1, 2, 3, 4].map((count) => adapter.create?.({ title: 'more', count })))
      expect(new Set(many.map((made) => made?.key)).size).toBe(4)
    })
  })

  describe('versions', () => {
    test('that begin at 1 come back after a removal, unless a tombstone stays', async () => {
      const table = await made(`${article.replace('varchar(40)', 'integer')}, removed ${types.date}`)
      const version = { column: 'version', type: 'integer' } as const
      const bare = over(table, { version })
      const first = await created(bare, 'a', { title: 'one' })
      expect(first.version).toBe('1')
      await bare.remove('a', '1')
      expect((await created(bare, 'a', { title: 'another' })).version).toBe('1')
      const buried = over(table, { version, softDelete: 'removed' })
      await buried.remove('a', '1')
      expect(await buried.write('a', { title: 'again' }, null)).toMatchObject({
        ok: false,
        current: { gone: true, version: '2' },
      })
      expect(await buried.write('a', { title: 'again' }, '2')).toMatchObject({ ok: true, state: { version: '3' } })
    })

    test('are compared as text: nothing that is equal as a number matches', async () => {
      const table = await made(article.replace('varchar(40)', 'bigint'))
      const adapter = over(table, { version: { column: 'version', type: 'bigint' } })
      const { version } = await created(adapter, 'a', { title: 'one' })
      for (const other of [`0${version}`, `${version} `, `${version}.0`, `+${version}`, 'x', '', '9'.repeat(30)])
        expect(await adapter.write('a', { title: 'two' }, other)).toMatchObject({ ok: false, current: { version } })
    })

    test('of a hash: a change behind our back is seen, in a column that reads the same as a number too', async () => {
      const table = await made(`id ${types.key} not null primary key, title varchar(50), ratio double precision`)
      const adapter = sqlAdapter<{ ratio: number | null }>({
        client: one.client,
        table,
        columns: ['ratio'],
        version: false,
      })
      const result = await adapter.write('a', { ratio: 0.1 + 0.2 }, null)
      if (!result.ok) throw new Error('a is taken')
      expect(await adapter.read('a')).toEqual(result.state)
      await one.run(`update ${table} set ratio = 0.3`)
      expect(await adapter.write('a', { ratio: 1 }, result.state.version)).toMatchObject({
        ok: false,
        current: { value: { ratio: 0.3 } },
      })
    })

    test('of a hash: so is one in the last digit of a float', async () => {
      const float = { postgres: 'real', mysql: 'float', sqlite: 'real' }[dialect]
      const table = await made(`id ${types.key} not null primary key, title varchar(50), ratio ${float}`)
      const adapter = sqlAdapter<{ title: string; ratio: number }>({
        client: one.client,
        table,
        columns: { title: 'title', ratio: { type: dialect === 'mysql' ? 'number' : 'plain' } },
        version: false,
      })
      await one.run(`insert into ${table} values ('a', '1e999', 1234567)`)
      const before = await adapter.read('a')
      await one.run(`update ${table} set ratio = 1234568`)
      expect((await adapter.read('a'))?.version).not.toBe(before?.version)
      expect(await adapter.write('a', { title: 'b', ratio: 1 }, before?.version ?? '')).toMatchObject({ ok: false })
      const now = await adapter.read('a')
      expect(await adapter.write('a', { title: '.', ratio: 1 }, now?.version ?? '')).toMatchObject({ ok: true })
      const last = await adapter.read('a')
      expect(await adapter.write('a', { title: 'c', ratio: 2 }, last?.version ?? '')).toMatchObject({ ok: true })
    })
  })

  describe('values', () => {
    test('come back as they were written: JSON, booleans, numbers and dates in columns', async () => {
      const boolean = dialect === 'mysql' ? 'tinyint' : 'boolean'
      const table = await made(
        `id ${types.key} not null primary key, doc ${types.json}, is_done ${boolean}, price numeric(10, 2), due ${types.date}, version varchar(40) not null`,
      )
      const adapter = sqlAdapter<object>({
        client: one.client,
        table,
        columns: {
          doc: { type: 'json' },
          done: { column: 'is_done', type: 'boolean' },
          price: { type: 'number' },
          due: { type: 'date' },
        },
      })
      const value = { doc: 'text', done: false, price: 12.5, due: '2026-02-03T04:05:06.789Z' }
      expect(await adapter.write('a', value, null)).toMatchObject({ ok: true, state: { value } })
      expect((await adapter.read('a'))?.value).toEqual(value)
      const nothing = { doc: null, done: null, price: null, due: null }
      await adapter.write('b', {}, null)
      expect((await adapter.read('b'))?.value).toEqual(nothing)
    })

    describe('of other columns, after three changes of one', () => {
      const boolean = { postgres: 'boolean', mysql: 'bit(1)', sqlite: 'integer' }[dialect]
      const one1 = { postgres: 'true', mysql: "b'1'", sqlite: '1' }[dialect]
      const moments: Array<[type: string, stored: string, shown: string]> = {
        postgres: [
          ['date', '2024-03-01', '2024-03-01'],
          ['timestamp', '2024-03-01 12:00:00', '2024-03-01T12:00:00.000Z'],
          ['timestamp', '2024-03-01 12:00:00.123456', '2024-03-01T12:00:00.123456Z'],
          ['timestamptz', '2024-03-01 12:00:00.123456+02', '2024-03-01T10:00:00.123456Z'],
          ['timestamptz', '2024-03-01 12:00:00+00', '2024-03-01T12:00:00.000Z'],
        ] as Array<[string, string, string]>,
        mysql: [],
        sqlite: [
          ['text', '2024-03-01 12:00:00', '2024-03-01T12:00:00.000Z'],
          ['text', '2024-03-01T12:00:00.123456Z', '2024-03-01T12:00:00.123456Z'],
          ['text', '2024-03-01', '2024-03-01'],
        ] as Array<[string, string, string]>,
      }[dialect]

      if (moments.length > 0)
        test.each(moments)('a %s of %s is what it was', async (type, stored, shown) => {
          const table = await made(
            `id ${types.key} not null primary key, title varchar(50), at ${type}, version varchar(40) not null`,
          )
          await one.run(`insert into ${table} values ('a', 'none', '${stored}', 'first')`)
          const adapter = sqlAdapter<{ at: string }>({
            client: one.client,
            table,
            columns: { title: 'title', at: { type: 'date' } },
          })
          for (const title of ['one', 'two', 'three']) {
            const state = await adapter.read('a')
            expect(state?.value.at).toBe(shown)
            await adapter.write('a', { ...state?.value, title } as never, state?.version ?? '')
          }
          expect((await adapter.read('a'))?.value).toEqual({ title: 'three', at: shown })
        })

      test('a bit is a boolean', async () => {
        const table = await made(
          `id ${types.key} not null primary key, title varchar(50), paid ${boolean}, gone ${boolean}, version varchar(40) not null`,
        )
        await one.run(`insert into ${table} (id, paid, version) values ('a', ${one1}, 'first')`)
        const adapter = sqlAdapter<{ title: string | null; paid: boolean }>({
          client: one.client,
          table,
          columns: { title: 'title', paid: { type: 'boolean' } },
          softDelete: { column: 'gone', type: 'boolean' },
        })
        expect(await adapter.write('a', { title: 'one', paid: true }, 'first')).toMatchObject({ ok: true })
        const state = await adapter.read('a')
        expect(state).toMatchObject({ value: { title: 'one', paid: true } })
        expect(state).not.toHaveProperty('gone')
        expect(await adapter.remove('a', state?.version ?? '')).toEqual({ ok: true })
        expect(await adapter.read('a')).toMatchObject({ gone: true })
      })
    })

    const unkept: Array<[type: string, literal: string, as: 'plain' | 'number', what: string]> = [
      [{ postgres: 'bytea', mysql: 'blob', sqlite: 'blob' }[dialect], bytesOf(dialect), 'plain', 'bytes'],
      ...(dialect === 'postgres'
        ? []
        : ([['bigint', '9007199254740993', 'plain', 'about 9007199254740992']] as Array<
            [string, string, 'plain', string]
          >)),
      [
        'bigint',
        '9007199254740993',
        'number',
        dialect === 'postgres' ? '9007199254740993, more digits' : 'about 9007199254740992',
      ],
      ...(dialect === 'sqlite'
        ? []
        : ([['date', "'2024-03-01'", 'plain', `a date; say { type: 'date' }`]] as Array<
            [string, string, 'plain', string]
          >)),
    ]
    test.each(unkept)(
      'a %s of %s, read as %s, would not come back as it was, and is told',
      async (type, literal, as, what) => {
        const table = await made(`id ${types.key} not null primary key, odd ${type}, version varchar(40) not null`)
        await one.run(`insert into ${table} values ('a', ${literal}, 'first')`)
        const adapter = sqlAdapter({ client: one.client, table, columns: { odd: { type: as } } })
        await expect(adapter.read('a')).rejects.toThrow(`sqlAdapter(): the column of "odd" holds ${what}`)
        await expect(adapter.read('a')).rejects.toThrow(TypeError)
      },
    )

    test('a number in JSON that JavaScript would change is told, and stays', async () => {
      const table = await made(`id ${types.key} not null primary key, doc ${types.json}, version varchar(40) not null`)
      await one.run(`insert into ${table} values ('a', '{"tweetId":1790000000000000123}', 'first')`)
      for (const where of [{ json: 'doc' }, { columns: { doc: { type: 'json' } } } as const]) {
        const adapter = sqlAdapter({ client: one.client, table, ...where })
        await expect(adapter.read('a')).rejects.toThrow(
          /^sqlAdapter\(\): the stored JSON has the number 1790000000000000123,/,
        )
      }
    })

    const unfit: Array<[value: unknown, why: string]> = [
      [{ title: 'one', stranger: 1 }, 'a member without a column'],
      [{ title: { toString: 'x' } }, 'an object in a plain column'],
      [['one'], 'no object'],
      ['one', 'no object'],
      [null, 'no object'],
      [{ title: null }, 'NULL where the table wants none'],
    ]
    // SQLite takes any text of any length, and only PostgreSQL minds NUL.
    if (dialect !== 'sqlite')
      unfit.push([{ title: 'x'.repeat(51) }, 'too long'], [{ title: 'x', count: 'many' }, 'no number'])
    if (dialect === 'postgres') unfit.push([{ title: 'a\0b' }, 'NUL in a text'])
    test.each(unfit)('%j is the fault of the request: %s', async (value) => {
      const adapter = sqlAdapter<unknown>({ client: one.client, table: await made(article), columns })
      const fault = await faultOf(adapter.write('a', value, null))
      expect(fault.applied).toBe('no')
      expect(['check', 'malformed']).toContain(recogniseStoreError(fault)?.kind)
      expect(await adapter.read('a')).toBeUndefined()
    })

    test.each<[member: string, value: unknown]>([
      ['done', 'yes'],
      ['done', 2],
      ['done', 1],
      ['price', 'five'],
      ['price', ''],
      ['price', true],
    ])('%s of %j is the fault of the request too, whatever the database would make of it', async (member, value) => {
      const boolean = dialect === 'mysql' ? 'tinyint' : 'boolean'
      const table = await made(
        `id ${types.key} not null primary key, done ${boolean}, price numeric(10, 2), version varchar(40) not null`,
      )
      const columns = { done: { type: 'boolean' }, price: { type: 'number' } } as const
      const adapter = sqlAdapter<object>({ client: one.client, table, columns })
      const fault = await faultOf(adapter.write('a', { [member]: value }, null))
      expect([fault.applied, recogniseStoreError(fault)?.kind]).toEqual(['no', 'check'])
      expect((await adapter.write('a', { done: true, price: '12.50' }, null)).ok).toBe(true)
    })

    test('a column that is not named stays what it is', async () => {
      const table = await made(article)
      const adapter = sqlAdapter<{ title: string }>({ client: one.client, table, columns: ['title'] })
      const result = await adapter.write('a', { title: 'one' }, null)
      await one.run(`update ${table} set count = 7`)
      await adapter.write('a', { title: 'two' }, result.ok ? result.state.version : null)
      expect((await over(table).read('a'))?.value).toEqual({ title: 'two', count: 7 })
    })
  })

  describe('faults', () => {
    test('another unique index that is in the way is no lost race', async () => {
      const table = await made(`${article.replace('title varchar(50) not null', 'title varchar(50) not null unique')}`)
      const adapter = over(table)
      await created(adapter, 'a', { title: 'secret' })
      const { version } = await created(adapter, 'b', { title: 'free' })
      for (const call of [
        () => adapter.write('c', { title: 'secret' }, null),
        () => adapter.write('b', { title: 'secret' }, version),
      ]) {
        const fault = await faultOf(call())
        expect(fault.applied).toBe('no')
        expect(recogniseStoreError(fault)).toMatchObject({
          kind: 'unique',
          constraint: expect.stringContaining('title'),
        })
        expect(fault.message).not.toMatch(/secret|insert|update/i)
      }
      expect(await adapter.read('c')).toBeUndefined()
    })

    test('a server that is not there has written nothing', async () => {
      if (dialect === 'sqlite') return
      const closed = server.closed()
      const fault = await faultOf(over('articles', {}, closed.client).write('a', { title: 'one' }, null))
      expect(fault.applied).toBe('no')
      await closed.close()
    })

    if (dialect !== 'sqlite') {
      test('a connection that ends during a statement rejects that statement, and ends nothing else', async () => {
        const table = await made(article)
        const way = await cuttable(Number(new URL(url).port))
        const { href } = Object.assign(new URL(url), { port: String(way.port) })
        const cut = server.open(href)
        const adapter = over(table, {}, cut.client)
        await adapter.read('a')
        way.swallow()
        const reads = Promise.all(['a', 'b'].map((key) => faultOf(adapter.read(key))))
        // Sent, and not answered.
        await new Promise(setImmediate)
        way.cut()
        expect((await reads).map(isStoreFault)).toEqual([true, true])
        way.heal()
        expect(await adapter.read('a')).toBeUndefined()
        await cut.close()
        await way.close()
      })
    }

    if (dialect === 'postgres') {
      test('a connection is listened to before anybody waits for it', async () => {
        const pool = new Pool({ connectionString: url, max: 1 })
        sqlAdapter({ client: pool, table: 'articles', columns })
        await new Promise<void>((resolve, reject) => {
          pool.connect((error, client, release) => {
            if (error) reject(error)
            expect(client?.listenerCount('error')).toBe(1)
            release()
            resolve()
          })
        })
        await pool.end()
      })
    }

    test('a table without a unique index over the key is refused where that can be seen', async () => {
      const table = await made(article.replace(' primary key', ''))
      if (dialect === 'mysql') return
      expect((await faultOf(over(table).write('a', { title: 'one' }, null))).applied).toBe('no')
    })

    test('a key that names two rows is a mistake of the app', async () => {
      const table = await made(article.replace(' primary key', ''))
      await one.run(`insert into ${table} (id, title, version) values ('a', 'x', 'v'), ('a', 'y', 'w')`)
      await expect(over(table).read('a')).rejects.toThrow(
        /^sqlAdapter\(\): a key of "\w+" names several rows; it needs a unique index\.$/,
      )
    })

    if (dialect === 'mysql') {
      test('a key column whose collation takes keys for one: the other key finds nothing and cannot be made', async () => {
        const adapter = over(await made(article.replace(types.key, 'varchar(50)')))
        const { version } = await created(adapter, 'AbC', { title: 'one' })
        for (const other of ['abc', 'AbC   ', 'ÁbC']) {
          expect(await adapter.read(other)).toBeUndefined()
          expect(await adapter.write(other, { title: 'two' }, version)).toEqual({ ok: false, current: undefined })
          expect(recogniseStoreError(await faultOf(adapter.write(other, { title: 'two' }, null)))?.kind).toBe('unique')
        }
        expect((await adapter.read('AbC'))?.value.title).toBe('one')
      })

      test('columns in latin1 find their keys too', async () => {
        const adapter = over(await made(article.replace(types.key, 'varchar(50) character set latin1')))
        await created(adapter, 'ü', { title: 'one' })
        expect((await adapter.read('ü'))?.value.title).toBe('one')
        expect(await adapter.read('u')).toBeUndefined()
      })
    }
  })

  test('a Kysely instance with plugins, and a pool of promises, work too', async () => {
    const table = await made(article)
    const kysely = new Kysely<unknown>({ dialect: dialectOver(one) })
    const adapter = over(table, {}, kysely)
    const state = await created(adapter, 'a', { title: 'one' })
    expect(await over(table).read('a')).toEqual(state)
    if (dialect !== 'mysql') return
    const { promise } = one.client as unknown as { promise(): SqlAdapterOptions['client'] }
    expect(await over(table, {}, promise.call(one.client)).read('a')).toEqual(state)
  })
}

function fail(): never {
  throw new Error('there is no create')
}

function dialectOver({ client }: Opened) {
  if ('prepare' in client) return new SqliteDialect({ database: client as SqliteDatabase })
  if ('connect' in client) return new PostgresDialect({ pool: client })
  if ('getConnection' in client) return new MysqlDialect({ pool: client })
  throw new Error('a client of another kind')
}

/** ff d8 ff, which is no UTF-8. */
function bytesOf(dialect: 'postgres' | 'mysql' | 'sqlite'): string {
  return dialect === 'postgres' ? "'\\xffd8ff'" : "x'ffd8ff'"
}

/** What makes a write strict on MySQL and MariaDB. */
const STRICTNESS = /^\/\*M!.*? for \*\/ /
