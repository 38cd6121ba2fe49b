import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kysely, MysqlDialect, type MysqlPool, PostgresDialect, type PostgresPool, SqliteDialect, sql } from 'kysely'
import { createPool } from 'mysql2'
import { createStoreTableStatements, type SqlStoreOptions, sqlStore } from '../../../lib/backends/sql'
import { isStoreFault } from '../../../lib/contracts/store-fault'
import { storeKit } from '../../../lib/testing'
import { describeWith, ownName } from '../../services'
import { inProcesses } from '../processes'
import { type Opened, SQL_SERVERS, type SqlServer } from './servers'

const kyselyOver = ({ dialect }: SqlServer, client: unknown): Kysely<unknown> => {
  if (dialect === 'postgres') return new Kysely({ dialect: new PostgresDialect({ pool: client as PostgresPool }) })
  if (dialect === 'mysql') return new Kysely({ dialect: new MysqlDialect({ pool: client as MysqlPool }) })
  return new Kysely({ dialect: new SqliteDialect({ database: client as never }) })
}

describe.each(SQL_SERVERS)('over $service', (server) => {
  const { service, dialect, open, closed } = server
  describeWith(service, 'sqlStore', (url) => {
    const tables: string[] = []
    let opened: Opened
    let kysely: Kysely<unknown>
    const folder = mkdtempSync(join(tmpdir(), 'sql-store-'))
    const address = dialect === 'sqlite' ? join(folder, 'test.db') : url
    beforeAll(() => {
      opened = open(address)
      kysely = kyselyOver(server, opened.client)
    })
    afterEach(async () => {
      for (const table of tables.splice(0)) await opened.run(`drop table if exists ${table}`)
    })
    afterAll(async () => {
      await opened.close()
      rmSync(folder, { recursive: true })
    })

    async function fresh(): Promise<string> {
      const table = ownName('store')
      tables.push(table)
      for (const statement of createStoreTableStatements(dialect, { table })) await opened.run(statement)
      return table
    }

    describe('keeps the contract', () => {
      const down = closed()
      afterAll(() => down.close())
      const kit = storeKit({
        makeStore: async () => sqlStore({ client: kysely, table: await fresh() }),
        makeSecond: () =>
          sqlStore({ client: dialect === 'sqlite' ? kysely : opened.client, table: tables.at(-1) ?? '' }),
        makeFailing: () => sqlStore({ client: down.client }),
        transact: async (run) => void (await kysely.transaction().execute(run)),
        abilities: { within: true, acrossProcesses: true },
        processes: inProcesses(() => ({ at: 'SQL', service, address, table: { table: tables.at(-1) ?? '' } })),
      })
      for (const { name, run } of kit) test(name, run)
    })

    test('the statements that make the table may run again', async () => {
      const table = await fresh()
      const store = sqlStore({ client: opened.client, table })
      expect(await store.create('a', 'one', 60_000)).toBe(true)
      for (const statement of createStoreTableStatements(dialect, { table })) await opened.run(statement)
      expect(await store.read('a')).toBe('one')
    })

    test('rows that have expired are swept, and no others', async () => {
      const table = await fresh()
      const store = sqlStore({ client: opened.client, table })
      for (const key of ['a', 'b']) await store.create(key, 'one', 1)
      await store.create('c', 'one', 60_000)
      const rows = async () => {
        const found = (await kysely
          .withoutPlugins()
          .selectFrom(table as never)
          .selectAll()
          .execute()) as unknown[]
        return found.length
      }
      expect(await rows()).toBe(3)
      await new Promise((resolve) => setTimeout(resolve, 20))
      await store.sweep()
      expect(await rows()).toBe(1)
      expect(await store.read('c')).toBe('one')
    })

    describe('sweeping', () => {
      const ROWS = 2500
      async function expiredRows() {
        const table = await fresh()
        const now = Date.now()
        for (let from = 0; from < ROWS; from += 500) {
          const rows = Array.from({ length: 500 }, (_, index) => `('${from + index}', 'one', ${now - 1000})`)
          await opened.run(`insert into ${table} (record_key, value, expires_at) values ${rows.join(', ')}`)
        }
        const count = async () => {
          const counted = await sql<{ n: unknown }>`select count(*) as n from ${sql.table(table)}`.execute(
            kysely.withoutPlugins(),
          )
          return Number(counted.rows[0]?.n)
        }
        return { table, count }
      }
      const emptied = async (count: () => Promise<number>, rest: number) => {
        while ((await count()) > rest) await new Promise((resolve) => setTimeout(resolve, 5))
      }

      test('takes away all that has expired, not a part of it', async () => {
        const { table, count } = await expiredRows()
        expect(await count()).toBe(ROWS)
        await sqlStore({ client: opened.client, table }).sweep()
        expect(await count()).toBe(0)
      })

      test('happens by itself where records are created, once a minute', async () => {
        const { table, count } = await expiredRows()
        const store = sqlStore({ client: opened.client, table })
        await store.create('a', 'one', 60_000)
        const soon = performance.now() + 60_000
        const clock = jest.spyOn(performance, 'now').mockImplementation(() => soon)
        await store.create('b', 'one', 60_000).finally(() => clock.mockRestore())
        await emptied(count, 2)
        expect(await store.read('a')).toBe('one')
      })

      test('happens by itself where many records are created', async () => {
        const { table, count } = await expiredRows()
        const store = sqlStore({ client: opened.client, table })
        for (let index = 0; index < 1000; index++) await store.create(`${index}`, 'one', 1)
        await emptied(count, 999)
      })
    })

    test('the time zone of a session changes nothing', async () => {
      if (dialect === 'sqlite') return
      const table = await fresh()
      const store = sqlStore({ client: kysely, table })
      await store.create('a', 'one', 30_000)
      await kysely.connection().execute(async (connection) => {
        const zone = dialect === 'postgres' ? "set time zone 'Asia/Tokyo'" : "set time_zone = '+09:00'"
        await sql.raw(zone).execute(connection)
        const there = sqlStore({ client: connection, table })
        expect(await there.read('a')).toBe('one')
        expect(await there.replace('a', 'one', 'two', 30_000)).toBe(true)
        await sql.raw(dialect === 'postgres' ? 'reset time zone' : 'set time_zone = default').execute(connection)
      })
      expect(await store.read('a')).toBe('two')
    })

    if (dialect === 'mysql') {
      test('what the connection counts as a changed row does not matter', async () => {
        const table = await fresh()
        const pool = createPool({ uri: url, flags: ['-FOUND_ROWS'] })
        const store = sqlStore({ client: pool, table })
        expect(await store.create('a', 'one', 60_000)).toBe(true)
        expect(await store.create('a', 'one', 60_000)).toBe(false)
        for (let time = 0; time < 20; time++) expect(await store.replace('a', 'one', 'one', 60_000)).toBe(true)
        expect(await store.replace('a', 'two', 'one', 60_000)).toBe(false)
        await pool.promise().end()
      })
    }

    if (dialect !== 'sqlite') {
      test('in a transaction that began long ago a record expires all the same', async () => {
        const store = sqlStore({ client: kysely, table: await fresh() })
        await kysely.transaction().execute(async (transaction) => {
          const within = store.within(transaction)
          await within.create('a', 'one', 30)
          await new Promise((resolve) => setTimeout(resolve, 60))
          expect(await within.read('a')).toBeUndefined()
          expect(await within.create('a', 'two', 30)).toBe(true)
        })
      })

      test('who creates what a transaction has created waits for it', async () => {
        const table = await fresh()
        const store = sqlStore({ client: kysely, table })
        const second = sqlStore({ client: opened.client, table })
        let other: Promise<boolean> | undefined
        await kysely.transaction().execute(async (transaction) => {
          expect(await store.within(transaction).create('a', 'one', 60_000)).toBe(true)
          other = second.create('a', 'two', 60_000)
          expect(await Promise.race([other, new Promise((resolve) => setTimeout(resolve, 50, 'waits'))])).toBe('waits')
        })
        expect(await other).toBe(false)
      })
    }

    test('an error of the database is a fault without its words', async () => {
      const store = sqlStore({ client: opened.client, table: 'ec_no_such_table' })
      const error = await store.create('a', 'secret', 1000).catch((reason: unknown) => reason)
      expect(isStoreFault(error) && error.applied).toBe('no')
      expect(String(error)).toMatch(/sqlStore\(\): [\w ,;]+ \(\w+\)$/)
      expect(String(error)).not.toContain('secret')
    })

    test('within takes a transaction of Kysely alone', async () => {
      const store = sqlStore({ client: opened.client })
      expect(() => store.within({})).toThrow('sqlStore(): within() takes a transaction of Kysely')
    })
  })
})

describe('sqlStore', () => {
  test.each([
    [{ client: undefined }, 'sqlStore(): client is undefined; give one.'],
    [{ client: {} }, 'sqlStore(): client is no Kysely instance, no pool of pg or mysql2'],
    [{ client: {}, table: 'a b' }, 'sqlStore(): table is "a b"; give a plain name, or schema.table.'],
    [{ client: {}, tabel: 'a' }, 'sqlStore(): there is no option "tabel". Did you mean "table"?'],
  ])('refuses %j at start-up', (wrong, message) => {
    expect(() => sqlStore(wrong as unknown as SqlStoreOptions)).toThrow(message)
  })
})
