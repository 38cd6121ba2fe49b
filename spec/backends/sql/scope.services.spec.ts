import { type SqlTable, sqlAdapter } from '../../../lib/backends/sql'
import { recogniseStoreError } from '../../../lib/conflicts/store-errors'
import { describeWith, ownName } from '../../services'
import { type Opened, SQL_SERVERS } from './servers'

/** Collations and types that take other texts for the same one. */
const COLUMNS = {
  postgres: ['text', 'text collate "ec_loose"', 'varchar(20)', 'char(20)'],
  mysql: ['varchar(20)', 'varchar(20) collate utf8mb4_unicode_ci', 'char(20)', 'varbinary(20)'],
  sqlite: ['text', 'text collate nocase', 'text collate rtrim'],
}
const NUMBERS = {
  postgres: ['integer', 'bigint', 'numeric(10,2)', 'text'],
  mysql: ['integer', 'bigint', 'decimal(10,2)', 'double', 'varchar(20)'],
  sqlite: ['integer', 'numeric', 'real', 'text', ''],
}

/** Columns of a key, and a key that they would keep as another one. */
const CHANGED = {
  postgres: [
    ['char(8)', 'x '],
    ['varchar(3)', 'abc '],
    ['uuid', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'],
    ['bytea', 'x'],
    ['inet', '1/2'],
    ['double precision', '1e2'],
    ['date', 'infinity '],
  ],
  mysql: [
    ['char(8)', 'x '],
    ['integer', '01'],
    ['uuid', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'],
    ['double', '1e2'],
    ["enum('x')", 'X'],
    ['varchar(8) character set latin1', '🙂'],
  ],
  sqlite: [
    ['integer', '01'],
    ['real', '1e2'],
    ['numeric', '1.0'],
    ['datetime', '01'],
  ],
} as const

for (const server of SQL_SERVERS) {
  describeWith(server.service, `keys that columns of ${server.service} would change`, (url) => {
    test.each(CHANGED[server.dialect])('%s: %j finds nothing, and is not created', async (type, key) => {
      const table = ownName('changed')
      const one = server.open(url)
      await one.run(`create table ${table} (id ${type} primary key, title varchar(20), version varchar(40) not null)`)
      try {
        const adapter = sqlAdapter({ client: one.client, table, columns: ['title'] })
        const unfit = (call: Promise<unknown>) =>
          call.then(
            (found) => found ?? 'nothing',
            (error: unknown) => recogniseStoreError(error)?.kind,
          )
        expect(['nothing', 'malformed']).toContain(await unfit(adapter.read(key)))
        for (const write of [
          adapter.write,
          (...args: Parameters<typeof adapter.write>) => adapter.transaction((tx) => tx.write?.(...args) as never),
        ])
          expect(['check', 'malformed']).toContain(await unfit(write(key, { title: 'x' }, null)))
        const counted = (await one.run(`select count(*) as n from ${table}`)) as { rows: unknown[] } & unknown[][]
        if (server.dialect !== 'sqlite')
          expect(JSON.stringify(server.dialect === 'postgres' ? counted.rows : counted[0])).toMatch(/"n":"?0"?/)
        for (const written of ['7', 'x']) expect(await unfit(adapter.read(written))).toMatch(/nothing|malformed/)
      } finally {
        await one.run(`drop table ${table}`)
        await one.close()
      }
    })
  })

  describeWith(server.service, `scopes on ${server.service}`, (url) => {
    const { dialect } = server
    const tables: string[] = []
    let one: Opened
    beforeAll(async () => {
      one = server.open(url)
      if (dialect === 'postgres')
        await one.run(
          `create collation if not exists ec_loose (provider = icu, locale = 'und-u-ks-level1', deterministic = false)`,
        )
    })
    afterAll(async () => {
      for (const table of tables) await one.run(`drop table ${table}`)
      await one.close()
    })

    async function made(type: string, stored: string) {
      const table = ownName('scope')
      tables.push(table)
      await one.run(
        `create table ${table} (tenant ${type} not null, id ${dialect === 'mysql' ? 'varbinary(40)' : 'varchar(40)'} not null, title varchar(20), version varchar(40) not null, primary key (tenant, id))`,
      )
      await one.run(`insert into ${table} values (${stored}, 'a', 'theirs', 'v')`)
      return table
    }
    const over = (table: string, tenant: string | number, more: Partial<SqlTable> = {}) =>
      sqlAdapter<{ title: string }>({ client: one.client, table, columns: ['title'], scope: { tenant }, ...more })

    async function expectApart(table: string, tenant: string | number) {
      const other = over(table, tenant)
      expect(await other.read('a')).toBeUndefined()
      expect(await other.write('a', { title: 'mine' }, 'v')).toEqual({ ok: false, current: undefined })
      expect(await other.remove('a', 'v')).toEqual({ ok: false, current: undefined })
      await other.transaction(async (tx) => expect(await tx.read('a')).toBeUndefined())
      expect(await over(table, tenant, { version: false }).read('a')).toBeUndefined()
    }

    describe.each(COLUMNS[dialect])('%s', (type) => {
      test.each(['ACME', 'acmé', 'acme ', 'acme\t', '', '0'])('%j is not acme', async (tenant) => {
        const table = await made(type, `'acme'`)
        await expectApart(table, tenant)
        expect((await over(table, 'acme').read('a'))?.value).toEqual({ title: 'theirs' })
      })
    })

    test('a number is not a text that begins with it', async () => {
      const text = COLUMNS[dialect][0] ?? ''
      for (const stored of [`'5abc'`, `'05'`, `'acme'`]) {
        const table = await made(text, stored)
        for (const tenant of [0, 5]) await expectApart(table, tenant)
      }
    })

    test.each(NUMBERS[dialect])('a number finds itself in %s', async (type) => {
      const table = await made(type, '5')
      const five = over(table, 5)
      expect((await five.read('a'))?.value).toEqual({ title: 'theirs' })
      expect(await five.write('a', { title: 'two' }, 'v')).toMatchObject({ ok: true })
      expect(await five.write('b', { title: 'new' }, null)).toMatchObject({ ok: true })
      expect((await five.read('b'))?.value).toEqual({ title: 'new' })
      await expectApart(table, 6)
    })

    test('the index is used', async () => {
      const table = await made(COLUMNS[dialect][0] ?? '', `'acme'`)
      const rows = Array.from({ length: 5000 }, (_, index) => `('acme', 'k${index}', 't', 'v')`).join()
      await one.run(`insert into ${table} values ${rows}`)
      const isThis =
        dialect === 'mysql'
          ? `cast(convert(tenant using utf8mb4) as binary) = cast(convert('acme' using utf8mb4) as binary)`
          : dialect === 'postgres'
            ? `cast(tenant as text) collate "C" = 'acme'`
            : `cast(tenant as text) collate binary = 'acme'`
      const read = `select title from ${table} where tenant = 'acme' and ${isThis} and id = 'k7'`
      expect(await planOf(read, table)).toMatch(PLANS[dialect])
    })

    async function planOf(statement: string, table: string): Promise<string> {
      if (dialect === 'postgres') {
        await one.run(`analyze ${table}`)
        return JSON.stringify(((await one.run(`explain ${statement}`)) as { rows: unknown }).rows)
      }
      if (dialect === 'mysql') return JSON.stringify(((await one.run(`explain ${statement}`)) as unknown[])[0])
      const database = one.client as unknown as { prepare(text: string): { all(): unknown } }
      return JSON.stringify(database.prepare(`explain query plan ${statement}`).all())
    }
  })
}

const PLANS = {
  postgres: /Index Cond: .*tenant.*id/,
  mysql: /"type":"const"|"key":"PRIMARY"/,
  sqlite: /SEARCH .*tenant=\? AND id=\?/,
}
