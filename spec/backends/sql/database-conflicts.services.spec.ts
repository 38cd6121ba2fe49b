import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import express, { type RequestHandler } from 'express'
import request from 'supertest'
import { type ConflictOptions, detectConflicts, resourceRouter, respondToConflicts } from '../../../lib'
import { type SqlDialect, sqlAdapter } from '../../../lib/backends/sql'
import { describeWith, ownName } from '../../services'
import { type Opened, SQL_SERVERS } from './servers'

interface Author {
  readonly slug: string
  readonly n: number | null
  readonly boss: string | null
}

for (const server of SQL_SERVERS) {
  describeWith(server.service, `what ${server.service} refuses is told by its kind`, (url) => {
    const { dialect } = server
    const folder = mkdtempSync(join(tmpdir(), 'express-conflict-'))
    const address = dialect === 'sqlite' ? join(folder, 'test.db') : url
    const table = ownName('told')
    const slugs = dialect === 'sqlite' ? `${table}.slug` : `${table}_slug`
    const opened: Opened[] = []
    let first: Opened

    const open = (most?: number) => {
      const one = server.open(address, most)
      opened.push(one)
      return one
    }

    beforeAll(async () => {
      first = open()
      if (dialect === 'sqlite') await first.run('pragma foreign_keys = on')
      await first.run(
        `create table ${table} (id varchar(20) primary key, slug varchar(10) not null, n integer, boss varchar(20), version varchar(40) not null, constraint ${table}_slug unique (slug), constraint ${table}_n check (n > 0), constraint ${table}_boss foreign key (boss) references ${table} (id))`,
      )
    })
    beforeEach(async () => {
      await first.run(`update ${table} set boss = null`)
      await first.run(`delete from ${table}`)
      await first.run(`insert into ${table} values ('a', 'a', 1, null, 'v'), ('b', 'b', 1, 'a', 'v')`)
    })
    // What fails in the middle must not leave rows locked for the next one.
    afterEach(async () => {
      for (const one of opened.splice(1)) {
        await one.run('rollback').catch(() => undefined)
        await one.close()
      }
    })
    afterAll(async () => {
      await first.run(`drop table ${table}`)
      await first.close()
      rmSync(folder, { recursive: true })
    })

    const adapterOf = ({ client }: Opened) => sqlAdapter<Author>({ client, table, columns: ['slug', 'n', 'boss'] })
    const constraints = {
      [slugs]: '/slug',
      [`${table}_boss`]: '/boss',
      [`${table}_n`]: '/n',
      slug: '/slug',
    }
    const appOver = (one: Opened, options: Partial<ConflictOptions<Author>> = { constraints }) => {
      const app = express()
      app.use('/authors', resourceRouter({ name: 'author', adapter: adapterOf(one), ...options }))
      app.use(respondToConflicts({ logger: quiet }))
      return app
    }
    /** A route whose handler runs its own statements, and throws what they throw. */
    const appRunning = (handler: () => Promise<unknown>) => {
      const app = express()
      const run: RequestHandler = (_req, res, next) => {
        handler().then(() => res.json({}), next)
      }
      app.use(express.json())
      const adapter = { read: adapterOf(first).read }
      const preconditions = { required: false }
      app.put('/authors/:id', detectConflicts({ name: 'author', adapter, writes: 'by-app', preconditions }), run)
      app.use(respondToConflicts({ logger: quiet }))
      return app
    }
    const put = (app: express.Express, body: Partial<Author>, id = 'a') =>
      request(app)
        .put(`/authors/${id}`)
        .set(id === 'new' ? {} : { 'If-Match': '"v"' })
        .send({ slug: id, n: 1, boss: null, ...body })
    const expectProblem = ({ status, body, text }: request.Response, code: string, pointer?: string) => {
      expect([status, body.code, body.conflicts?.[0]?.pointer]).toEqual([STATUS[code], code, pointer])
      expect(text).not.toMatch(new RegExp(`${table}|update ["\`]|insert|select|violat(es|ed)|SQLITE|Duplicate`, 'i'))
    }

    test('unique_violation, of a new row and of one that changes', async () => {
      expectProblem(await put(appOver(first), { slug: 'b' }), 'unique_violation', '/slug')
      expectProblem(await put(appOver(first), { slug: 'b' }, 'new'), 'unique_violation', '/slug')
    })

    test('already_exists, where another created the key first', async () => {
      const app = appRunning(async () => {
        await first.run(`insert into ${table} values ('new', 'theirs', 1, null, 'v')`)
        await first.run(`insert into ${table} values ('new', 'mine', 1, null, 'v')`)
      })
      expectProblem(await put(app, {}, 'new'), 'already_exists')
    })

    test('reference_violation, in both directions', async () => {
      const pointer = dialect === 'sqlite' ? undefined : '/boss'
      expectProblem(await put(appOver(first), { boss: 'nobody' }), 'reference_violation', pointer)
      const removal = request(appOver(first)).delete('/authors/a').set('If-Match', '"v"')
      expectProblem(await removal, 'reference_violation', pointer)
    })

    test('check_violation, of a constraint, of NULL and of a text that is too long', async () => {
      expectProblem(await put(appOver(first), { n: -1 }), 'check_violation', '/n')
      expectProblem(await put(appOver(first), { slug: null as unknown as string }), 'check_violation', '/slug')
      // SQLite takes any length.
      const tooLong = await put(appOver(first), { slug: 'a'.repeat(11) })
      if (dialect === 'sqlite') expect(tooLong.status).toBe(200)
      else expectProblem(tooLong, 'check_violation', '/slug')
    })

    describe.each(['compare-and-swap', 'transaction'] as const)(
      'members are named from the catalogue, %s',
      (isolation) => {
        const app = (more: Partial<ConflictOptions<Author>> = {}) => appOver(first, { isolation, ...more })

        test('of a unique index, a foreign key, a check and NOT NULL', async () => {
          expectProblem(await put(app(), { slug: 'b' }), 'unique_violation', '/slug')
          expectProblem(await put(app(), { slug: 'b' }, 'new'), 'unique_violation', '/slug')
          expectProblem(await put(app(), { n: -1 }), 'check_violation', '/n')
          expectProblem(await put(app(), { slug: null as unknown as string }), 'check_violation', '/slug')
          // SQLite does not say which foreign key it was.
          const boss = dialect === 'sqlite' ? undefined : '/boss'
          expectProblem(await put(app(), { boss: 'nobody' }), 'reference_violation', boss)
        })

        test('of a value that its column does not take', async () => {
          if (dialect !== 'sqlite')
            expectProblem(await put(app(), { slug: 'a'.repeat(11) }), 'check_violation', '/slug')
          if (dialect !== 'sqlite') expectProblem(await put(app(), { n: 2 ** 40 }), 'check_violation', '/n')
          expectProblem(await put(app(), { n: [] as unknown as number }), 'check_violation', '/n')
        })

        test('none of a removal, which sends no member', async () => {
          expectProblem(await request(app()).delete('/authors/a').set('If-Match', '"v"'), 'reference_violation')
        })

        test('none that clients do not see', async () => {
          // Dropped from what a client sends, so it is missing.
          expectProblem(await put(app({ hidden: ['/slug'] }), {}, 'new'), 'check_violation')
          expectProblem(await put(app({ hidden: ['/slug'] }), { n: -1 }), 'check_violation', '/n')
          const schema = { properties: { slug: { writeOnly: true } } }
          expectProblem(await put(app({ schema }), { slug: 'b' }), 'unique_violation')
        })
      },
    )

    test('members are named of constraints without a name, of several columns, and of expressions', async () => {
      const own = `${table}_own`
      const lower = dialect === 'mysql' ? 'nick' : '(lower(nick))'
      const parts = dialect === 'postgres' ? 'partition by list (tenant)' : ''
      await first.run(
        `create table ${own} (tenant varchar(5) not null, id varchar(5) not null, lo integer check (lo >= 0), hi integer, nick varchar(5), version varchar(40) not null, primary key (tenant, id), unique (tenant, hi), constraint ${own}_order check (lo < hi and nick <> 'lo, hi (')) ${parts}`,
      )
      if (dialect === 'postgres') await first.run(`create table ${own}_a partition of ${own} for values in ('a')`)
      await first.run(`create unique index ${own}_nick on ${own} (${dialect === 'postgres' ? 'tenant, ' : ''}${lower})`)
      await first.run(`insert into ${own} values ('a', 'x', 1, 2, 'x', 'v')`)
      const columns = { low: 'lo', '~/high': 'hi', nick: 'nick' }
      const app = express()
      const adapter = sqlAdapter({ client: first.client, table: own, columns, scope: { tenant: 'a' } })
      app.use('/', resourceRouter({ name: 'own', adapter }), respondToConflicts({ logger: quiet }))
      const pointersFor = async (low: number, high: number, nick: string) => {
        const { body } = await request(app).put('/y').send({ low, '~/high': high, nick })
        return body.conflicts?.map(({ pointer }: { pointer: string }) => pointer)
      }
      try {
        expect(await pointersFor(-1, 9, 'y')).toEqual(['/low'])
        expect(await pointersFor(9, 3, 'y')).toEqual(['/low', '/~0~1high', '/nick'])
        expect(await pointersFor(0, 2, 'y')).toEqual(['/~0~1high'])
        expect(await pointersFor(0, 3, dialect === 'mysql' ? 'x' : 'X')).toEqual(['/nick'])
      } finally {
        await first.run(`drop table ${own}`)
      }
    })

    test('members of another table are not named', async () => {
      const other = `${table}_other`
      await first.run(
        `create table ${other} (slug varchar(10) not null, n integer, constraint ${other}_slug unique (slug), constraint ${other}_n check (n > 0))`,
      )
      await first.run(`insert into ${other} values ('taken', 1)`)
      const app = appOver(open(), {})
      await first.run(triggerInto(dialect, table, other))
      try {
        expectProblem(await put(app, { slug: 'taken' }), 'unique_violation')
      } finally {
        await first.run(dialect === 'postgres' ? `drop trigger ${table}_t on ${table}` : `drop trigger ${table}_t`)
        await first.run(`drop table ${other}`)
      }
    })

    test('concurrent_update, after a serialization failure', async () => {
      const [mine, theirs] = [open(1), open(1)]
      const app = appRunning(async () => {
        if (dialect === 'mysql') await mine.run('set innodb_snapshot_isolation = on')
        await mine.run(dialect === 'postgres' ? 'begin isolation level repeatable read' : 'begin')
        await mine.run(`select * from ${table}`)
        await theirs.run(`update ${table} set n = 2`)
        await mine.run(`update ${table} set n = 3`)
      })
      expectProblem(await put(app, {}), 'concurrent_update')
    })

    test('backend_unavailable, from a server that is not there', async () => {
      const closed = server.closed()
      expectProblem(await put(appOver(closed), {}), 'backend_unavailable')
      if (dialect !== 'sqlite') await closed.close()
    })

    if (dialect === 'sqlite') {
      test('backend_unavailable, while another process writes', async () => {
        const [mine, theirs] = [open(), open()]
        await mine.run('pragma busy_timeout = 1')
        await theirs.run('begin immediate')
        expectProblem(await put(appOver(mine), { n: 2 }), 'backend_unavailable')
      })
      return
    }

    test('concurrent_update, after a deadlock', async () => {
      const both = [open(1), open(1)] as const
      const update = (one: Opened, id: string) => one.run(`update ${table} set n = n + 1 where id = '${id}'`)
      for (const [index, one] of both.entries()) {
        await one.run('begin')
        await update(one, index === 0 ? 'a' : 'b')
      }
      const app = appRunning(() => Promise.all([update(both[0], 'b'), update(both[1], 'a')]))
      expectProblem(await put(app, {}), 'concurrent_update')
    })

    test('resource_busy, after a time-out for a lock', async () => {
      const [mine, theirs] = [open(1), open(1)]
      await theirs.run('begin')
      await theirs.run(`update ${table} set n = 2`)
      await mine.run(dialect === 'postgres' ? "set lock_timeout = '20ms'" : 'set innodb_lock_wait_timeout = 1')
      expectProblem(
        await put(
          appRunning(() => mine.run(`update ${table} set n = 3`)),
          {},
        ),
        'resource_busy',
      )
    })

    test('backend_unavailable, from a statement that took too long', async () => {
      const mine = open(1)
      await mine.run(dialect === 'postgres' ? "set statement_timeout = '20ms'" : 'set max_statement_time = 0.02')
      const slow = dialect === 'postgres' ? 'select pg_sleep(20)' : 'select sleep(20)'
      const app = appRunning(() => mine.run(`${slow} from ${table}`))
      expectProblem(await put(app, {}), 'backend_unavailable')
    })

    test('outcome_unknown, from a connection that was cut under a write', async () => {
      const [mine, theirs] = [open(1), open(1)]
      await theirs.run('begin')
      await theirs.run(`select * from ${table} for update`)
      const answer = put(appOver(mine), { n: 2 }).then((response) => response)
      await cutWriterOf(table)
      expectProblem(await answer, 'outcome_unknown')
    })

    /** Ends the connection that waits with an UPDATE of the table, as soon as there is one. */
    async function cutWriterOf(name: string): Promise<void> {
      const find =
        dialect === 'postgres'
          ? `select pg_terminate_backend(pid) from pg_stat_activity where query like 'update "${name}%' and wait_event_type = 'Lock'`
          : `select id from information_schema.processlist where info like '%update /*+%*/ \`${name}%' and id <> connection_id()`
      for (let tries = 0; tries < 500; tries++) {
        const found = (await first.run(find)) as { rows: unknown[] } & Array<Array<{ id: number }>>
        if (dialect === 'postgres' && found.rows.length > 0) return
        const id = dialect === 'mysql' ? found[0]?.[0]?.id : undefined
        if (id !== undefined) return void (await first.run(`kill ${id}`))
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      throw new Error('the statement never waited')
    }
  })
}

function triggerInto(dialect: SqlDialect, table: string, other: string): string {
  const insert = `insert into ${other} values (new.slug, new.n);`
  const when = `create trigger ${table}_t after update on ${table} for each row`
  if (dialect !== 'postgres') return `${when} begin ${insert} end`
  return `create function ${table}_f() returns trigger language plpgsql as $$ begin ${insert} return new; end $$; ${when} execute function ${table}_f()`
}

const quiet = { warn: () => undefined, error: () => undefined }

const STATUS: Readonly<Record<string, number>> = {
  unique_violation: 409,
  already_exists: 409,
  reference_violation: 409,
  check_violation: 409,
  concurrent_update: 409,
  resource_busy: 409,
  backend_unavailable: 503,
  outcome_unknown: 503,
}
