import express from 'express'
import { createPool, type Pool } from 'mysql2'
import request from 'supertest'
import { resourceRouter, respondToConflicts } from '../../../lib'
import { createTableStatements, type SqlTable, sqlAdapter } from '../../../lib/backends/sql'
import { describeWith, ownName } from '../../services'

describeWith('MariaDB', 'a write is strict, whatever sql_mode is', (url) => {
  const table = ownName('lax')
  const history = `${table}_history`
  const columns = { name: 'name', small: 'small', day: 'day', kind: 'kind', needed: 'needed' }
  const good = { name: 'abc', small: 1, day: '2020-01-31', kind: 'x', needed: 1 }
  let pool: Pool
  beforeAll(async () => {
    pool = createPool({ uri: url, connectionLimit: 2, dateStrings: true })
    pool.on('connection', (connection) => connection.query("set sql_mode = ''"))
    await pool
      .promise()
      .query(
        `create table ${table} (id varbinary(20) primary key, name varchar(3), small tinyint, day date, kind enum('x', 'y'), needed int not null, version varchar(40) not null)`,
      )
    const options: SqlTable = { table, key: 'id', columns, history: { table: history } }
    const [, statement = ''] = createTableStatements('mysql', {
      table,
      json: 'value',
      ...(options.history && { history: options.history }),
    })
    await pool.promise().query(statement)
  })
  beforeEach(() => pool.promise().query(`replace into ${table} values ('a', 'abc', 1, '2020-01-31', 'x', 1, 'v')`))
  afterAll(async () => {
    await pool.promise().query(`drop table ${table}, ${history}`)
    await pool.promise().end()
  })

  test('a session in which the escapes of the driver do not count is refused, for a value could become SQL', async () => {
    const open = createPool({ uri: url, connectionLimit: 1 })
    open.on('connection', (connection) => connection.query("set sql_mode = 'NO_BACKSLASH_ESCAPES'"))
    try {
      const adapter = sqlAdapter({ client: open, table, columns })
      await expect(adapter.read(`\\' or id = 'a' -- `)).rejects.toThrow('sql_mode has NO_BACKSLASH_ESCAPES')
    } finally {
      await open.promise().end()
    }
  })

  const wrong = [
    ['a text that is too long', { ...good, name: 'abcd' }],
    ['a character that the column has not', { ...good, kind: '🙂' }],
    ['a number out of range', { ...good, small: 300 }],
    ['a text for a number', { ...good, small: 'x' }],
    ['a date that does not exist', { ...good, day: '2020-02-31' }],
    ['a value that the enum has not', { ...good, kind: 'z' }],
    ['NULL where the column takes none', { ...good, needed: null }],
    ['a column without a default, left out of a new row', { name: 'abc' }],
  ] as const
  const ways = [
    ['plain', {}, {}],
    ['in a transaction', { isolation: 'transaction' }, {}],
    ['with history', {}, { history: { table: history } }],
  ] as const

  describe.each(ways)('%s', (_, options, more) => {
    const app = () => {
      const adapter = sqlAdapter({ client: pool, table, columns, ...more })
      const server = express()
      server.use('/rows', resourceRouter({ name: 'row', adapter, ...options }))
      server.use(respondToConflicts({ logger: { warn: () => {}, error: () => {} } }))
      return server
    }
    const rows = async () => (await pool.promise().query(`select * from ${table} order by id`))[0]

    test.each(wrong)('%s is refused, and nothing is stored', async (_name, value) => {
      const before = await rows()
      const creation = await request(app()).put('/rows/new').send(value)
      const change = await request(app()).put('/rows/a').set('If-Match', '"v"').send(value)
      for (const { status, body } of [creation, change]) expect([status, body.code]).toEqual([409, 'check_violation'])
      expect(await rows()).toEqual(before)
    })

    test('what fits is stored, and the session is as it was', async () => {
      expect((await request(app()).put('/rows/a').set('If-Match', '"v"').send(good)).status).toBe(200)
      expect((await pool.promise().query('select @@sql_mode as mode'))[0]).toEqual([{ mode: '' }])
    })
  })
})
