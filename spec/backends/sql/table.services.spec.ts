import { addColumnStatements, createTableStatements, type SqlTable, sqlAdapter } from '../../../lib/backends/sql'
import { describeWith, ownName } from '../../services'
import { type Opened, SQL_SERVERS } from './servers'

const TABLES: Readonly<Record<string, Omit<SqlTable, 'table'>>> = {
  'the least': { json: 'value' },
  'all of it': { json: 'value', scope: { tenant: 'acme', region: 7 }, lastModified: 'modified', softDelete: 'removed' },
  'other types': {
    json: 'value',
    keyType: 'sha256',
    version: { column: 'revision', type: 'bigint' },
    lastModified: { column: 'modified', type: 'ms' },
    softDelete: { column: 'removed', type: 'boolean' },
  },
  'a key of two columns': {
    json: 'value',
    key: ['a', 'b'],
    keyType: ['uuid', 'integer'],
    version: { column: 'v', type: 'integer' },
  },
}
const KEY = '0b1f0b5e-7d5c-4f67-9a5a-0a5ad7a1b2c3/7'

for (const server of SQL_SERVERS) {
  describeWith(server.service, `statements for ${server.service}`, (url) => {
    const { dialect } = server
    const made: string[] = []
    let opened: Opened
    beforeAll(() => {
      opened = server.open(url)
    })
    afterAll(async () => {
      for (const table of made) await opened.run(`drop table ${table}`)
      await opened.close()
    })

    const run = async (table: string, statements: readonly string[]) => {
      for (const statement of statements) await opened.run(statement)
      made.push(table)
    }

    test.each(Object.entries(TABLES))('make a table that the adapter works on: %s', async (_, options) => {
      const table = ownName('made')
      const history = { table: `${table}_history` }
      await run(table, createTableStatements(dialect, { ...options, table, history }))
      made.push(history.table)
      const adapter = sqlAdapter<object>({ client: opened.client, ...options, table, history })
      const result = await adapter.write(KEY, { text: 'é\0' }, null)
      if (!result.ok) throw new Error('the key is taken')
      expect(await adapter.read(KEY)).toEqual(result.state)
      expect(await adapter.write(KEY, { text: 'no' }, null)).toEqual({ ok: false, current: result.state })
      const next = await adapter.write(KEY, { text: 'two' }, result.state.version)
      expect(await adapter.readVersion?.(KEY, result.state.version)).toEqual(result.state)
      expect(await adapter.remove(KEY, next.ok ? next.state.version : '')).toEqual({ ok: true })
    })

    test.each(['text', 'bigint', 'integer'] as const)('add to a table what it lacks: version as %s', async (type) => {
      const table = ownName('grown')
      const options: SqlTable = {
        table,
        columns: ['title'],
        version: { column: 'version', type },
        lastModified: 'modified',
        softDelete: { column: 'removed', type: 'boolean' },
        history: { table: `${table}_history` },
      }
      made.push(`${table}_history`)
      await run(table, [`create table ${table} (id varchar(50) primary key, title varchar(50))`])
      await opened.run(`insert into ${table} values ('a', 'one')`)
      for (const statement of addColumnStatements(dialect, options, ['id', 'title'])) await opened.run(statement)
      const adapter = sqlAdapter<object>({ client: opened.client, ...options })
      const state = await adapter.read('a')
      expect(state).toMatchObject({ value: { title: 'one' }, version: expect.stringMatching(/./) })
      expect(await adapter.write('a', { title: 'two' }, state?.version ?? null)).toMatchObject({ ok: true })
      expect(await adapter.readVersion?.('a', state?.version ?? '')).toEqual(state)
      const { history, ...bare } = options
      expect(addColumnStatements(dialect, bare, ['version', 'modified', 'removed'])).toEqual([])
      expect(addColumnStatements(dialect, options, ['version', 'modified', 'removed'])).toHaveLength(1)
    })
  })
}
