import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import express, { type Request, type RequestHandler, type Response } from 'express'
import { Kysely, MysqlDialect, type MysqlPool, PostgresDialect, type PostgresPool, sql } from 'kysely'
import { Pool } from 'pg'
import {
  type ConflictMiddleware,
  type ConflictOptions,
  detectConflicts,
  type Resource,
  resourceOf,
  respondToConflicts,
} from '../../../lib'
import { type SqlAdapter, type SqlClient, sqlAdapter } from '../../../lib/backends/sql'
import { describeWith, ownName } from '../../services'
import { type Opened, SQL_SERVERS, type SqlServer } from './servers'

interface Counter {
  readonly n: number
}
type Found = Resource<Counter, Parameters<Parameters<SqlAdapter<Counter>['transaction']>[0]>[0]['transactionHandle']>

const [postgres, mysql, sqlite] = SQL_SERVERS as readonly [SqlServer, SqlServer, SqlServer]

const CLIENTS: readonly (readonly [name: string, server: SqlServer, wrap: (opened: Opened) => SqlClient])[] = [
  ['a pool of pg', postgres, ({ client }) => client],
  [
    'a Kysely instance over pg',
    postgres,
    ({ client }) => {
      // What ends a connection of pg that is out ends the process, unless the app listens.
      ;(client as unknown as Pool).on('connect', (one) => one.on('error', () => undefined))
      return new Kysely<unknown>({ dialect: new PostgresDialect({ pool: client as PostgresPool }) })
    },
  ],
  ['a pool of mysql2', mysql, ({ client }) => client],
  [
    'a Kysely instance over mysql2',
    mysql,
    ({ client }) => new Kysely<unknown>({ dialect: new MysqlDialect({ pool: client as MysqlPool }) }),
  ],
  ['better-sqlite3', sqlite, ({ client }) => client],
]

describe.each(CLIENTS)('transactions over %s', (name, server, wrap) => {
  describeWith(server.service, 'on the real server', (url) => {
    const { dialect } = server
    const folder = mkdtempSync(join(tmpdir(), 'express-conflict-'))
    const table = ownName('tx')
    const opened = server.open(dialect === 'sqlite' ? join(folder, 'test.db') : url)
    const outside = server.open(dialect === 'sqlite' ? join(folder, 'test.db') : url)
    const adapter = sqlAdapter<Counter>({ client: wrap(opened), table, columns: ['n'] })
    const log = sql.table(`${table}_log`)

    beforeAll(async () => {
      await outside.run(
        `create table ${table} (id varchar(20) primary key, n integer not null, version varchar(40) not null)`,
      )
      await outside.run(`create table ${table}_log (what varchar(20) not null, constraint ${table}_once unique (what))`)
    })
    beforeEach(async () => {
      await outside.run(`delete from ${table}`)
      await outside.run(`delete from ${table}_log`)
      for (let key = 0; key < 8; key++) await adapter.write(`${key}`, { n: 0 }, null)
    })
    afterAll(async () => {
      await opened.close()
      await outside.run(`drop table ${table}`)
      await outside.run(`drop table ${table}_log`)
      await outside.close()
      rmSync(folder, { recursive: true })
    })

    type Handle = (counter: Found, req: Request, res: Response) => Promise<unknown>

    /** An app that is listening, whose handler gets the resource. */
    async function listening(handle: Handle, options: Partial<ConflictOptions<Counter>> = {}, over = adapter) {
      const app = express()
      app.use(express.json())
      const preconditions = { required: false }
      const chain = detectConflicts<Counter>({
        name: 'counter',
        adapter: over,
        isolation: 'transaction',
        preconditions,
        ...options,
      }) as ConflictMiddleware<Counter, Found['transaction']>
      app.use('/counters/:id', chain)
      const run: RequestHandler = (req, res, next) => {
        handle(resourceOf(req, chain), req, res).catch(next)
      }
      app.all('/counters/:id', run)
      app.use(respondToConflicts({ logger: { warn: () => undefined, error: () => undefined } }))
      const failed: express.ErrorRequestHandler = (error, _req, res, _next) => {
        res.status(500).json({ mistake: String(error) })
      }
      app.use(failed)
      const http = app.listen(0)
      await once(http, 'listening')
      const address = `http://127.0.0.1:${(http.address() as AddressInfo).port}/counters/`
      return {
        send: (key: string, init: RequestInit = {}) => fetch(address + key, { method: 'POST', ...init }),
        put: (key: string, n: number) =>
          fetch(address + key, {
            method: 'PUT',
            headers: { 'Content-Type': 'application/json' },
            body: JSON.stringify({ n }),
          }),
        close: () => {
          http.closeAllConnections()
          http.close()
        },
      }
    }

    /** Which connection a transaction runs on. */
    async function idOf({ transaction }: Found): Promise<number> {
      if (dialect === 'sqlite') return 1
      const call = dialect === 'postgres' ? sql`pg_backend_pid()` : sql`connection_id()`
      const { rows } = await sql<{ id: number }>`select ${call} as id`.execute(transaction)
      return Number(rows[0]?.id)
    }
    const count = async (from: string, what: string): Promise<number> => {
      const select = `select ${what} as total from ${from}`
      if (dialect === 'sqlite') {
        const { rows } = await sql<{ total: number }>`select ${sql.raw(what)} as total from ${sql.table(from)}`.execute(
          sqliteOf(opened),
        )
        return Number(rows[0]?.total)
      }
      const found = (await outside.run(select)) as { rows: { total: unknown }[] } & { total: unknown }[][]
      return Number((dialect === 'postgres' ? found.rows : found[0])?.[0]?.total)
    }
    const stateOfPool = () => {
      if (dialect === 'postgres') {
        const { totalCount, idleCount, waitingCount } = opened.client as unknown as Pool
        return { out: totalCount - idleCount, waiting: waitingCount }
      }
      const { _allConnections, _freeConnections, _connectionQueue } = opened.client as unknown as Record<
        '_allConnections' | '_freeConnections' | '_connectionQueue',
        { length: number }
      >
      return { out: _allConnections.length - _freeConnections.length, waiting: _connectionQueue.length }
    }

    test('a handler that never answers holds its transaction for maxHoldMs, though its client stays', async () => {
      let goOn: () => void = () => undefined
      let isLost: () => void = () => undefined
      const losing = new Promise<void>((resolve) => (isLost = resolve))
      const slow = await listening(
        async (counter) => {
          await sql`insert into ${log} (what) values ('stuck')`.execute(counter.transaction)
          await once(counter.signal, 'abort')
          isLost()
          await new Promise<void>((resolve) => (goOn = resolve))
          return counter.commit({ n: 9 })
        },
        { maxHoldMs: 500 },
      )
      // Without that limit: on a busy machine these may take long, too.
      const { put, close } = await listening(async (counter, _, res) => res.json(await counter.commit()))
      const stuck = slow.send('1')
      await losing
      // The same row, too: nothing of it is locked any more.
      const others = [(await put('2', 5)).status, (await put('1', 6)).status]
      goOn()
      const first = await stuck
      slow.close()
      close()
      expect([others, first.status, await codeOf(first)]).toEqual([[200, 200], 409, 'lock_lost'])
      expect([await count(`${table}_log`, 'count(*)'), (await adapter.read('1'))?.value]).toEqual([0, { n: 6 }])
    })

    // What is another way to the same rules is asked less often.
    const total = name === 'a pool of pg' ? 1000 : 200
    test(`${total} mixed requests: no connection is leaked, none is shared, and what was committed is there`, async () => {
      const inUse = new Map<number, string>()
      const shared: string[] = []
      const arrivals = new Map<string, () => void>()
      let committed = 0
      const handle: Handle = async (counter, req, res) => {
        const [what = '', how] = String(req.query.how).split('.')
        const id = await idOf(counter)
        if (inUse.has(id)) shared.push(`${inUse.get(id)} and ${what} on ${id}`)
        inUse.set(id, what)
        await sql`insert into ${log} (what) values (${what})`.execute(counter.transaction)
        if (how === 'leave' || how === 'leave-and-throw') {
          const closed = once(res, 'close')
          arrivals.get(what)?.()
          await closed
        }
        inUse.delete(id)
        if (how === 'throw' || how === 'leave-and-throw') throw new Error('boom')
        if (how === 'forget') return res.json({})
        await counter.commit((current) => ({ n: (current?.n ?? 0) + 1 }))
        committed += 1
        return res.json({})
      }
      const { send, close } = await listening(handle)
      const hows = ['commit', 'throw', 'leave', 'forget', 'commit', 'leave-and-throw']
      const statuses = new Map<string, Set<number>>()
      const one = async (index: number) => {
        const how = hows[index % hows.length] ?? ''
        const aborted = new AbortController()
        arrivals.set(`${index}`, () => aborted.abort())
        const key = `${index % 8}?how=${index}.${how}`
        const status = await send(key, { signal: aborted.signal }).then(
          async (response) => {
            await response.arrayBuffer()
            return response.status
          },
          () => 0,
        )
        statuses.set(how, (statuses.get(how) ?? new Set()).add(status))
      }
      let next = 0
      const worker = async () => {
        while (next < total) await one(next++)
      }
      await Promise.all(Array.from({ length: 12 }, worker))
      // Who left does not see the end: a connection more is free when all of them have come to it.
      while (inUse.size > 0 || (dialect !== 'sqlite' && stateOfPool().out > 0)) await pause()
      close()
      expect(shared).toEqual([])
      expect(Object.fromEntries([...statuses].map(([how, seen]) => [how, [...seen]]))).toEqual({
        commit: [200],
        throw: [500],
        leave: [0],
        'leave-and-throw': [0],
        forget: [500],
      })
      if (dialect !== 'sqlite') expect(stateOfPool()).toEqual({ out: 0, waiting: 0 })
      expect(committed).toBe(total / 2)
      expect([await count(`${table}_log`, 'count(*)'), await count(table, 'sum(n)')]).toEqual([committed, committed])
    }, 60_000)

    test('no update is lost, and none is tried again', async () => {
      let ran = 0
      const { send, close } = await listening(async (counter, _req, res) => {
        ran += 1
        await counter.commit((current) => ({ n: (current?.n ?? 0) + 1 }))
        res.json({})
      })
      const answers = await Promise.all(Array.from({ length: 40 }, () => send('1')))
      close()
      expect([answers.map(({ status }) => status).filter((status) => status !== 200), ran]).toEqual([[], 40])
      expect(await adapter.read('1')).toMatchObject({ value: { n: 40 } })
    })

    test('a constraint that fails takes all of it back, and says which kind it is', async () => {
      const { put, close } = await listening(async (counter, _req, res) => {
        await sql`insert into ${log} (what) values ('a'), ('a')`.execute(counter.transaction)
        res.json(await counter.commit())
      })
      const response = await put('1', 7)
      expect([response.status, await response.json()]).toMatchObject([409, { code: 'unique_violation' }])
      close()
      expect([await count(`${table}_log`, 'count(*)'), await count(table, 'sum(n)')]).toEqual([0, 0])
    })

    if (dialect === 'sqlite') {
      test('a write of another adapter does not slip into an open transaction', async () => {
        const other = sqlAdapter<Counter>({ client: opened.client, table, columns: ['n'] })
        const begun: Promise<unknown>[] = []
        const failing = adapter.transaction(async (tx) => {
          begun.push(other.write('other', { n: 7 }, null))
          for (let step = 0; step < 5; step++) await tx.read('1')
          throw new Error('rolled back')
        })
        await expect(failing).rejects.toThrow('rolled back')
        await Promise.all(begun)
        expect(await adapter.read('other')).toMatchObject({ value: { n: 7 } })
      })
      return
    }

    test('two creators: one creates, the other is told that it exists', async () => {
      const waiting: (() => void)[] = []
      const { put, close } = await listening(async (counter, _req, res) => {
        await new Promise<void>((resolve) => {
          waiting.push(resolve)
          if (waiting.length === 2) for (const go of waiting) go()
        })
        res.json(await counter.commit())
      })
      const answers = await Promise.all([put('new', 1), put('new', 2)])
      const seen = await Promise.all(answers.map(async (each) => [each.status, await codeOf(each)]))
      close()
      expect(seen.sort()).toEqual([
        [200, undefined],
        [409, 'already_exists'],
      ])
    })

    test('a deadlock is final for one of them, and leaves nothing of it, whatever its handler does then', async () => {
      const waiting: (() => void)[] = []
      const swallowed: unknown[] = []
      const { send, close } = await listening(async (counter, _req, res) => {
        const other = counter.key === '1' ? '2' : '1'
        await sql`insert into ${log} (what) values (${counter.key})`.execute(counter.transaction)
        await new Promise<void>((resolve) => {
          waiting.push(resolve)
          if (waiting.length === 2) for (const go of waiting) go()
        })
        const change = sql`update ${sql.table(table)} set n = n + 1 where id = ${other}`
        await change.execute(counter.transaction).catch((error: unknown) => swallowed.push(error))
        const late = sql`insert into ${log} (what) values (${`late ${counter.key}`})`
        await late.execute(counter.transaction).catch((error: unknown) => swallowed.push(error))
        res.json(await counter.commit((current) => ({ n: (current?.n ?? 0) + 1 })))
      })
      const answers = await Promise.all([send('1'), send('2')])
      const seen = await Promise.all(answers.map(async (each) => [each.status, await codeOf(each)]))
      close()
      expect(seen.sort()).toEqual([
        [200, undefined],
        [409, 'concurrent_update'],
      ])
      expect(swallowed).toHaveLength(2)
      expect([await count(`${table}_log`, 'count(*)'), await count(table, 'sum(n)')]).toEqual([2, 2])
    })

    test('at the deadline the connection of a client that left is ended, and not seen again', async () => {
      let id = 0
      let arrived: () => void = () => undefined
      const arrival = new Promise<void>((resolve) => (arrived = resolve))
      const aborted = new AbortController()
      let goOn: () => void = () => undefined
      const late: unknown[] = []
      const { send, close } = await listening(
        async (counter, _req, res) => {
          id = await idOf(counter)
          await sql`insert into ${log} (what) values ('left')`.execute(counter.transaction)
          arrived()
          await new Promise<void>((resolve) => (goOn = resolve))
          const statement = sql`insert into ${log} (what) values ('late')`.execute(counter.transaction)
          await statement.catch((error: unknown) => late.push(error))
          res.json({})
        },
        { deadlineMs: 100 },
      )
      const answer = send('1', { signal: aborted.signal }).catch(() => undefined)
      await arrival
      aborted.abort()
      await answer
      const find =
        dialect === 'postgres'
          ? `pg_stat_activity where pid = ${id}`
          : `information_schema.processlist where id = ${id}`
      // What hides its connections, and has no word by which they end themselves, rolls back alone.
      const isEnded = name !== 'a Kysely instance over pg'
      while (isEnded && (await count(find, 'count(*)')) > 0) await pause()
      while (stateOfPool().out > 0) await pause()
      goOn()
      while (late.length === 0) await pause()
      close()
      expect([stateOfPool().out, await count(`${table}_log`, 'count(*)')]).toEqual([0, 0])
      // The others of the pool are as good as before.
      for (let round = 0; round < 8; round++) {
        const other = await adapter.transaction(async ({ transactionHandle }) =>
          idOf({ transaction: transactionHandle } as Found),
        )
        if (isEnded) expect(other).not.toBe(id)
      }
    }, 30_000)

    if (dialect !== 'postgres') return

    test('a statement that failed cannot be swallowed: PostgreSQL would answer COMMIT and roll back', async () => {
      const { put, close } = await listening(async (counter, _req, res) => {
        const twice = sql`insert into ${log} (what) values ('a'), ('a')`
        await twice.execute(counter.transaction).catch(() => undefined)
        res.json(await counter.commit())
      })
      const response = await put('1', 7)
      expect([response.status, await codeOf(response)]).toEqual([409, 'unique_violation'])
      close()
      expect(await count(table, 'sum(n)')).toBe(0)
    })

    test('but it can be taken back to a savepoint', async () => {
      const { put, close } = await listening(async (counter, _req, res) => {
        const { transaction } = counter
        await sql`savepoint here`.execute(transaction)
        await sql`insert into ${log} (what) values ('a'), ('a')`.execute(transaction).catch(() => undefined)
        await sql`rollback to savepoint here`.execute(transaction)
        await counter.commit()
        res.json({})
      })
      expect((await put('1', 7)).status).toBe(200)
      close()
      expect(await count(table, 'sum(n)')).toBe(7)
    })

    test('a serialization failure is final', async () => {
      const pool = new Pool({ connectionString: url, options: '-c default_transaction_isolation=serializable' })
      const waiting: (() => void)[] = []
      const over = sqlAdapter<Counter>({ client: pool, table, columns: ['n'] })
      const { send, close } = await listening(
        async (counter, _req, res) => {
          await sql`select sum(n) from ${sql.table(table)}`.execute(counter.transaction)
          await new Promise<void>((resolve) => {
            waiting.push(resolve)
            if (waiting.length === 2) for (const go of waiting) go()
          })
          res.json(await counter.commit((current) => ({ n: (current?.n ?? 0) + 1 })))
        },
        {},
        over,
      )
      const answers = await Promise.all([send('1'), send('2')])
      const seen = await Promise.all(answers.map(async (each) => [each.status, await codeOf(each)]))
      close()
      await pool.end()
      expect(seen.sort()).toEqual([
        [200, undefined],
        [409, 'concurrent_update'],
      ])
    })

    test('a connection that is lost during COMMIT leaves the outcome open', async () => {
      await outside.run(
        `create function ${table}_slow() returns trigger language plpgsql as $$ begin perform pg_sleep(60); return null; end $$`,
      )
      await outside.run(
        `create constraint trigger slow after insert on ${table}_log deferrable initially deferred for each row execute function ${table}_slow()`,
      )
      try {
        let id = 0
        const { put, close } = await listening(async (counter, _req, res) => {
          id = await idOf(counter)
          await sql`insert into ${log} (what) values ('slow')`.execute(counter.transaction)
          res.json(await counter.commit())
        })
        const answer = put('1', 7)
        const committing = () => count(`pg_stat_activity where pid = ${id} and query = 'commit'`, 'count(*)')
        while ((await committing()) === 0) await pause()
        await outside.run(`select pg_terminate_backend(${id})`)
        const response = await answer
        expect([response.status, await codeOf(response)]).toEqual([503, 'outcome_unknown'])
        close()
        while (stateOfPool().out > 0) await pause()
      } finally {
        await outside.run(`drop trigger slow on ${table}_log`)
        await outside.run(`drop function ${table}_slow`)
      }
    }, 30_000)
  })
})

async function codeOf(response: globalThis.Response): Promise<unknown> {
  const body: unknown = await response.json()
  return (body as { code?: unknown }).code
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 5))

const instances = new WeakMap<object, Kysely<unknown>>()

/** A Kysely of the spec's own over the database, for reading. */
function sqliteOf({ client }: Opened): Kysely<unknown> {
  const { SqliteDialect } = require('kysely')
  const known = instances.get(client) ?? new Kysely<unknown>({ dialect: new SqliteDialect({ database: client }) })
  instances.set(client, known)
  return known
}
