import { Pool } from 'pg'
import { sqlAdapter, sqlStore } from '../../../lib/backends/sql'
import { createStoreTableStatements } from '../../../lib/backends/sql/store'
import { describeWith, ownName } from '../../services'
import { ownPgbouncer, type Pgbouncer } from './own-pgbouncer'

interface Article {
  readonly title: string
  readonly n: number | string
}

const columns = ['title', 'n'] as const

describeWith('PostgreSQL', 'statements of PostgreSQL have names', (url) => {
  const table = ownName('named')
  let pool: Pool

  /** One connection, so that each call meets what the one before left there. */
  beforeEach(async () => {
    pool = new Pool({ connectionString: url, max: 1 })
    await pool.query(`drop table if exists ${table}`)
    await pool.query(`create table ${table} (id text primary key, title text, n integer, version text not null)`)
    await pool.query(`insert into ${table} values ('a', 'one', 1, 'v')`)
  })
  afterEach(async () => {
    await pool.query(`drop table ${table}`)
    await pool.end()
  })

  const adapterOver = (client: Pool) => sqlAdapter<Article>({ client, table, columns })

  /** How often each of our statements was carried out, by its name. */
  async function uses(): Promise<number[]> {
    const { rows } = await pool.query(
      `select (generic_plans + custom_plans)::int as times from pg_prepared_statements where name like 'express-conflict%' order by times`,
    )
    return rows.map(({ times }) => times)
  }

  /** A change of the row that is stored, whatever version it has. */
  async function change(adapter: ReturnType<typeof adapterOver>, value: Article) {
    const version = (await adapter.read('a'))?.version ?? ''
    return adapter.write('a', value, version)
  }

  test('each is planned once a connection', async () => {
    const adapter = adapterOver(pool)
    for (let round = 0; round < 3; round++) await change(adapter, { title: `${round}`, n: round })
    // The columns and the constraints in the catalogue, the read, and the update.
    expect(await uses()).toEqual([1, 1, 3, 3])
  })

  test('nothing is refused after DEALLOCATE ALL, and then they go without names', async () => {
    const adapter = adapterOver(pool)
    await change(adapter, { title: 'two', n: 2 })
    await pool.query('deallocate all')
    expect(await change(adapter, { title: 'three', n: 3 })).toMatchObject({ ok: true })
    expect(await adapter.read('a')).toMatchObject({ value: { title: 'three', n: 3 } })
    expect(await uses()).toEqual([])
  })

  test.each([
    ['a type of the result', 'alter column n type text', '7'],
    ['what a parameter was taken for', 'alter column n type bigint', 2 ** 40],
  ])('nothing is refused after an ALTER TABLE that changes %s', async (_, alteration, n) => {
    const adapter = sqlAdapter<Article>({
      client: pool,
      table,
      columns: { title: 'title', n: { type: typeof n === 'number' ? 'number' : 'plain' } },
    })
    await change(adapter, { title: 'two', n: typeof n === 'number' ? 2 : '2' })
    await pool.query(`alter table ${table} ${alteration}`)
    expect(await change(adapter, { title: 'three', n })).toMatchObject({ ok: true, state: { value: { n } } })
    await change(adapter, { title: 'four', n })
    await change(adapter, { title: 'five', n })
    // Those that fitted keep their names; for the others there are new ones, and each is in use.
    expect((await uses()).filter((times) => times >= 2).length).toBeGreaterThanOrEqual(2)
  })

  test('what the database refuses is refused with its own error', async () => {
    const adapter = adapterOver(pool)
    await expect(change(adapter, { title: 'x', n: 2 ** 40 })).rejects.toMatchObject({ applied: 'no' })
    expect(await change(adapter, { title: 'two', n: 2 })).toMatchObject({ ok: true })
  })

  test('as many shapes as clients can think of do not fill the memory of the server', async () => {
    const many = Array.from({ length: 9 }, (_, index) => `m${index}`)
    await pool.query(`alter table ${table} ${many.map((name) => `add column ${name} integer`).join(', ')}`)
    const adapter = sqlAdapter<object>({ client: pool, table, columns: many })
    for (let shape = 0; shape < 210; shape++) {
      const members = many.filter((_, bit) => (shape >> bit) & 1).map((name) => [name, shape])
      expect(await adapter.write(`s${shape}`, Object.fromEntries(members), null)).toMatchObject({ ok: true })
    }
    expect(await uses()).toHaveLength(200)
  })

  test('a transaction has none, for one that is not there would end it', async () => {
    const adapter = adapterOver(pool)
    await change(adapter, { title: 'two', n: 2 })
    await pool.query('deallocate all')
    const result = await adapter.transaction(async (tx) => {
      const state = await tx.read('a')
      return tx.write?.('a', { title: 'three', n: 3 }, state?.version ?? '')
    })
    expect(result).toMatchObject({ ok: true })
  })
})

describeWith('pgbouncer', 'behind pgbouncer in transaction mode nothing is refused', (url) => {
  const table = ownName('pooled')
  const records = ownName('pooled_records')
  let direct: Pool
  let bouncer: Pgbouncer

  beforeAll(async () => {
    direct = new Pool({ connectionString: url })
    bouncer = await ownPgbouncer(url)
    await direct.query(`create table ${table} (id text primary key, title text, n integer, version text not null)`)
    for (const statement of createStoreTableStatements('postgres', { table: records })) await direct.query(statement)
  })
  afterAll(async () => {
    await bouncer.stop()
    await direct.query(`drop table ${table}, ${records}`)
    await direct.end()
  })

  /** Each process has a pool of its own; the pooler has fewer connections than they have together. */
  const open = () => {
    const pool = new Pool({ connectionString: bouncer.url, max: 4 })
    pool.on('error', () => {})
    return pool
  }

  test('in statements, in transactions, and in a store', async () => {
    const pools = [open(), open()]
    const adapters = pools.map((client) => sqlAdapter<Article>({ client, table, columns }))
    const stores = pools.map((client) => sqlStore({ client, table: records }))
    const increments = async (key: string, index: number) => {
      const adapter = adapters[index % 2] as (typeof adapters)[number]
      expect(await adapter.write(key, { title: key, n: 0 }, null)).toMatchObject({ ok: true })
      for (let n = 1; n <= 5; n++) {
        const version = (await adapter.read(key))?.version ?? ''
        expect(await adapter.write(key, { title: key, n }, version)).toMatchObject({ ok: true })
      }
      await adapter.transaction(async (tx) => {
        const version = (await tx.read(key))?.version ?? ''
        expect(await tx.write?.(key, { title: key, n: 6 }, version)).toMatchObject({ ok: true })
      })
      expect(await stores[index % 2]?.create(key, 'record', 60_000)).toBe(true)
    }
    await Promise.all(Array.from({ length: 16 }, (_, index) => increments(`k${index}`, index)))
    const { rows } = await direct.query(`select n, count(*)::int as times from ${table} group by n`)
    expect(rows).toEqual([{ n: 6, times: 16 }])
    for (const pool of pools) await pool.end()
  })

  test('and the server was asked for a name that it does not have, or has already', async () => {
    const pool = open()
    const codes: string[] = []
    pool.on('connect', (client) => {
      const { query } = client
      client.query = ((...args: Parameters<typeof query>) => {
        const answer = (query as (...all: unknown[]) => unknown).apply(client, args)
        if (answer instanceof Promise) answer.catch(({ code }) => codes.push(code))
        return answer
      }) as typeof query
    })
    const adapter = sqlAdapter<Article>({ client: pool, table, columns })
    for (let times = 0; times < 8; times++) await adapter.read(`k${times}`)
    expect(codes).toHaveLength(1)
    expect(['26000', '42P05']).toContain(codes[0])
    await pool.end()
  })
})
