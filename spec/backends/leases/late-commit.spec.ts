import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Pool } from 'pg'
import { createTableStatements } from '../../../lib/backends/sql'
import { describeWith, ownName } from '../../services'

jest.setTimeout(60_000)

const LEASE_MS = 600
const REDIS = process.env.CONFLICT_REDIS_URL ?? 'redis://127.0.0.1:6379/0'

interface LateServer {
  readonly child: ChildProcess
  readonly url: string
  /** Resolves when the handler stands before its commit. */
  readonly atWork: Promise<unknown>
}

describeWith('Redis', 'a holder that is stopped past its lease, over HTTP', () => {
  describeWith('PostgreSQL', 'with its resources in PostgreSQL', (postgres) => {
    const pool = new Pool({ connectionString: postgres })
    const servers: LateServer[] = []
    let table = ''
    beforeEach(async () => {
      table = ownName('late')
      for (const statement of createTableStatements('postgres', { table, json: 'value' })) await pool.query(statement)
      await pool.query(`insert into ${table} (id, value, version) values ('1', '{"title":"first"}', 'v1')`)
      await pool.query(`create table ${table}_own as select ''::text as title, 0::numeric as fence`)
    })
    afterEach(async () => {
      for (const { child } of servers.splice(0)) child.kill('SIGKILL')
      await pool.query(`drop table ${table}, ${table}_own`)
    })
    afterAll(() => pool.end())

    async function serve(how: 'waits' | 'blocks' | 'goes on'): Promise<LateServer> {
      const args = [table, how, String(LEASE_MS), postgres, REDIS]
      const child = fork(join(__dirname, 'late-server.ts'), args, {
        execArgv: ['-r', join(__dirname, '../../ts-hook.js')],
      })
      const [{ port }] = (await once(child, 'message')) as [{ port: number }]
      const server = { child, url: `http://127.0.0.1:${port}/notes/1`, atWork: once(child, 'message') }
      servers.push(server)
      return server
    }

    const put = (server: LateServer, title: string) =>
      fetch(server.url, {
        method: 'PUT',
        headers: { 'Content-Type': 'application/json', 'If-Match': '"v1"' },
        body: JSON.stringify({ title }),
      })

    test.each([
      // Its timers have told it; nothing is sent to the database.
      ['waits', 409, 'lock_lost'],
      // It does not know yet that it lost the lock: the version refuses what it writes.
      ['blocks', 412, 'precondition_failed'],
    ] as const)('it %s, and goes on: %i, and its own statement is refused by the fence', async (how, status, code) => {
      const [late, next] = await Promise.all([serve(how), serve('goes on')])
      const answer = put(late, 'late')
      await late.atWork
      late.child.kill('SIGSTOP')

      const second = await put(next, 'second')
      expect([second.status, second.headers.get('X-Own-Rows')]).toEqual([204, '1'])

      // As long as the blocked one would have stood still by itself, and the lease is long over.
      await new Promise((resolve) => setTimeout(resolve, 2000))
      late.child.kill('SIGCONT')
      late.child.send('go on')
      const refused = await answer
      expect(await refused.json()).toMatchObject({ code })
      expect([refused.status, refused.headers.get('X-Own-Rows')]).toEqual([status, '0'])
      const { rows } = await pool.query(`select value->>'title' as title from ${table}`)
      const own = await pool.query(`select title from ${table}_own`)
      expect([rows[0].title, own.rows[0].title]).toEqual(['second', 'second'])
    })
  })
})
