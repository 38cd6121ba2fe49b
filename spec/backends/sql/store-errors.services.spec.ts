import type { SqlDialect } from '../../../lib/backends/sql'
import { recogniseStoreError } from '../../../lib/conflicts/store-errors'
import { describeWith, ownName } from '../../services'
import { type Opened, SQL_SERVERS } from './servers'

for (const server of SQL_SERVERS) {
  describeWith(server.service, `what the driver of ${server.service} throws`, (url) => {
    const { dialect } = server
    const parent = ownName('parent')
    const child = ownName('child')
    let opened: Opened

    beforeAll(async () => {
      opened = server.open(url)
      if (dialect === 'sqlite') await opened.run('pragma foreign_keys = on')
      await opened.run(
        `create table ${parent} (id integer primary key, slug varchar(10) not null, n integer, constraint ${parent}_slug unique (slug), constraint ${parent}_n check (n > 0))`,
      )
      await opened.run(
        `create table ${child} (id integer primary key, parent integer, constraint ${child}_parent foreign key (parent) references ${parent} (id))`,
      )
      await opened.run(`insert into ${parent} (id, slug, n) values (1, 'a', 1), (2, 'b', 1)`)
      await opened.run(`insert into ${child} values (1, 1)`)
    })
    afterAll(async () => {
      await opened.run(`drop table ${child}`)
      await opened.run(`drop table ${parent}`)
      await opened.close()
    })

    const seen = async (statement: string) =>
      recogniseStoreError(
        await opened.run(statement).then(
          () => 'it was carried out',
          (error: unknown) => error,
        ),
      )

    test.each([
      [
        'unique',
        `insert into ${parent} values (3, 'a', 1)`,
        dialect === 'sqlite' ? `${parent}.slug` : `${parent}_slug`,
      ],
      ['reference', `insert into ${child} values (2, 99)`, dialect === 'sqlite' ? undefined : `${child}_parent`],
      ['reference', `delete from ${parent} where id = 1`, dialect === 'sqlite' ? undefined : `${child}_parent`],
      ['check', `insert into ${parent} values (3, 'c', -1)`, `${parent}_n`],
      ['mistake', `insert into ${parent}_x values (1)`, undefined],
    ])('%s: %s', async (kind, statement, constraint) => {
      expect(await seen(statement)).toEqual({ kind, constraint, applied: 'no' })
    })

    test('rule: a trigger, whatever number and words it brings', async () => {
      const said = "'UNIQUE constraint failed: a.slug'"
      await opened.run(triggerOn(parent, dialect, said))
      try {
        expect(await seen(`update ${parent} set n = 5`)).toMatchObject({ kind: 'rule', applied: 'no' })
      } finally {
        await opened.run(`drop trigger ${parent}_t${dialect === 'postgres' ? ` on ${parent}` : ''}`)
        if (dialect === 'postgres') await opened.run(`drop function ${parent}_f`)
      }
    })

    test('check: NULL where none may be', async () => {
      expect(await seen(`insert into ${parent} values (3, null, 1)`)).toMatchObject({ kind: 'check', applied: 'no' })
    })

    if (dialect === 'sqlite') return

    test('deadlock', async () => {
      const errors = await deadlock(server.open(url, 1), server.open(url, 1), parent)
      expect(errors.map((error) => recogniseStoreError(error)?.kind)).toContain('deadlock')
    })

    test('a connection that is cut leaves the outcome open', async () => {
      const other = server.open(url)
      const slow = dialect === 'postgres' ? 'select pg_sleep(20)' : 'select sleep(21)'
      const error = other.run(slow).catch((reason: unknown) => reason)
      await endConnectionOf(slow, opened, dialect)
      expect(recogniseStoreError(await error)).toMatchObject({ kind: 'connection', applied: 'unknown' })
      await other.close()
    })

    test('a server that is not there has done nothing', async () => {
      const closed = server.closed()
      const error = await closed.run('select 1').catch((reason: unknown) => reason)
      expect(recogniseStoreError(error)).toEqual({ kind: 'connection', constraint: undefined, applied: 'no' })
      await closed.close()
    })
  })
}

function triggerOn(table: string, dialect: SqlDialect, said: string): string {
  const each = `create trigger ${table}_t before update on ${table} for each row`
  if (dialect === 'sqlite') return `${each} begin select raise(abort, ${said}); end`
  if (dialect === 'mysql') return `${each} signal sqlstate '45000' set message_text = ${said}, mysql_errno = 1213`
  return `create function ${table}_f() returns trigger language plpgsql as $$ begin raise exception ${said} using errcode = 'AB123'; end $$; ${each} execute function ${table}_f()`
}

/** Two transactions that each wait for the other's row; what both statements threw, or gave. */
async function deadlock(one: Opened, two: Opened, table: string): Promise<unknown[]> {
  const update = (opened: Opened, id: number) => opened.run(`update ${table} set n = n + 1 where id = ${id}`)
  for (const opened of [one, two]) await opened.run('begin')
  await update(one, 1)
  await update(two, 2)
  const errors = await Promise.all(
    [update(one, 2), update(two, 1)].map((call) => call.catch((error: unknown) => error)),
  )
  for (const opened of [one, two]) {
    await opened.run('rollback')
    await opened.close()
  }
  return errors
}

/** Ends the connection that runs a statement, as soon as it does. */
async function endConnectionOf(statement: string, opened: Opened, dialect: SqlDialect): Promise<void> {
  const find =
    dialect === 'postgres'
      ? `select pg_terminate_backend(pid) from pg_stat_activity where query = '${statement}'`
      : `select id from information_schema.processlist where info = '${statement}'`
  for (let tries = 0; tries < 200; tries++) {
    const found = (await opened.run(find)) as { rows: unknown[] } & Array<Array<{ id: number }>>
    if (dialect === 'postgres' && found.rows.length > 0) return
    const id = dialect === 'mysql' ? found[0]?.[0]?.id : undefined
    if (id !== undefined) return void (await opened.run(`kill ${id}`))
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('the statement never ran')
}
